"""What `b70 storage prune` may remove, and why the rest stays. Pure.

Only things that lie directly in a declared directory of a use that can be made again; never what
the declaration names, never what a process uses, never a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from declaration.host import HostSpec
from declaration.storage import below, plain_path
from facts.disks.directory_use import Entry, TreeUse
from facts.value import Absent, Unknown

#: Uses whose content can be made or fetched again; models and results are never offered.
PRUNABLE: Final = ("sources", "compile-cache", "hub-cache", "artifacts")
_DAY_S: Final = 86_400
#: Paths inside longer values: `A=/x:/y`, `--model=/x`, lists.
_PATHS: Final = re.compile(r"(?:^|[\s:=,;'\"])(/[\w.@+/-]*[\w@+/-])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing in a declared directory.

    Attributes:
        within: the declared directory.
        size: bytes.
        age_s: seconds since its last change, by the host's clock.
        keep: why it stays; empty = it may be removed.
    """

    path: str
    within: str
    use: str
    size: int
    age_s: int
    keep: str


def directories(spec: HostSpec) -> list[str]:
    """Return the declared directories that are looked at."""
    return sorted(p for p, item in spec.storage.directories.items() if item.use in PRUNABLE)


def named_paths(spec: HostSpec) -> list[str]:
    """Return every absolute path that profile, stack, swap and account of a host name."""
    found: set[str] = set()
    for part in (spec.profile, spec.stack):
        if part is not None:
            for text in _texts(part.model_dump()):
                found.update(_PATHS.findall(text))
                found.update({text} if text.startswith("/") else ())
    found.add(spec.base.user.home)
    found.add(spec.swap.build.path)
    if spec.swap.permanent is not None:
        found.add(spec.swap.permanent.path)
    return sorted(path.rstrip("/") for path in found if path.strip("/"))


def candidates(
    spec: HostSpec,
    uses: Mapping[str, TreeUse | Absent | Unknown],
    resolved: Mapping[str, str | Absent | Unknown],
    now_s: int,
    older_days: float,
) -> list[Candidate]:
    """Return everything in the looked-at directories, largest first.

    Args:
        uses: declared directory -> what is in it; those that were not read are left out.
        resolved: path of `named_paths` -> where it leads on the host.
        now_s: the host's clock, seconds since the epoch.
        older_days: what changed later stays.
    """
    unread = [path for path, real in resolved.items() if isinstance(real, Unknown)]
    needed = {*named_paths(spec), *(real for real in resolved.values() if isinstance(real, str))}
    found = []
    for within in directories(spec):
        use = uses.get(within)
        if not isinstance(use, TreeUse):
            continue
        for entry in use.entries:
            path = f"{within}/{entry.name}"
            age = max(0, now_s - entry.changed)
            keep = _keep(spec, path, entry, use, within, needed)
            if not keep and unread:
                keep = f"where {unread[0]} leads is UNKNOWN"
            if not keep and age < older_days * _DAY_S:
                keep = f"changed less than {older_days:g} days ago"
            kind = spec.storage.directories[within].use
            found.append(Candidate(path, within, kind, entry.size, age, keep))
    return sorted(found, key=lambda item: (bool(item.keep), -item.size, item.path))


def _keep(
    spec: HostSpec, path: str, entry: Entry, use: TreeUse, within: str, needed: Iterable[str]
) -> str:
    if entry.kind not in ("directory", "file"):
        return "a link" if entry.kind == "link" else "neither a file nor a directory"
    if not _is_plain(entry.name, path):
        return "unusual name: remove it by hand"
    if use.real != within:
        return f"{within} is a link to {use.real}"
    for other in (*spec.storage.directories, *spec.storage.filesystems):
        if below(other, path):
            return f"{other} is declared"
    model = spec.profile.model_path if spec.profile else ""
    by_name = bool(model) and not model.startswith("/")
    if by_name and spec.storage.directories[within].use == "hub-cache":
        return f"{model} is served from a cache by its name"
    for name in sorted(needed):
        if below(name, path) or (below(path, name) and not below(within, name)):
            return f"the declaration names {name}"
    if use.odd:
        return f"what uses it is UNKNOWN: {use.odd[0].text} in /proc: {use.odd[0].why}"
    for name, pids in use.users.items():
        if below(name, path):
            return f"in use by process {pids[0]}"
    return ""


def _is_plain(name: str, path: str) -> bool:
    try:
        plain_path(path)
    except ValueError:
        return False
    return "/" not in name


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
