"""What a directory and each thing in it takes, when it was last written, and who uses it now.

Only on demand: du(1) reads every inode. Must not know what a directory is for.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact, ParseError, wrap
from facts.odd import OddLine
from facts.parts import Parts, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Absent

#: Shell function `users DIR`; the same text runs again right before something is removed.
USERS: Final = shell_text(__file__, "_users")
_SCRIPT: Final = shell_text(__file__)

_USER: Final = re.compile(r"^/proc/([0-9]+)/\S+ (/.*)$")
_KINDS: Final = {"d": "directory", "f": "file", "l": "link"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the directory.

    Args:
        kind: directory, file, link or other.
        size: bytes on the disk, with everything below (a hard link counts once).
        changed: the latest modification in it, seconds since the epoch by the host's clock.
    """

    name: str
    kind: str
    size: int
    changed: int


@dataclass(frozen=True, slots=True)
class TreeUse:
    """A directory.

    Args:
        real: its path with links resolved.
        size: bytes of everything on its own file system.
        entries: largest first.
        users: path in use -> process ids; at most 200 lines are read.
        odd: what was found in /proc and is not understood: anything may be in use.
    """

    real: str
    size: int
    entries: tuple[Entry, ...]
    users: Mapping[str, tuple[int, ...]]
    odd: tuple[OddLine, ...] = ()


class DirectoryUse(HostFact["TreeUse | Absent"]):
    """What a directory takes; ABSENT when there is none."""

    timeout_s: ClassVar[int] = 120
    on_demand: ClassVar[bool] = True
    by_lines: ClassVar[bool] = True

    @override
    def command(self, path: str, probe_root: str = "") -> str:  # type: ignore[override]
        return wrap(script(USERS + _SCRIPT, path=path), self.timeout_s)

    @override
    def parse(self, text: str) -> TreeUse | Absent:
        parts = Parts(text)
        if parts.reading("real") is ABSENT:
            return ABSENT
        kinds = dict(_kind(line) for line in parts.lines("entries"))
        changes = dict(_change(line) for line in parts.lines("changes"))
        *rows, total = [_size(line) for line in parts.lines("sizes")]
        if not total[1].endswith("/"):
            raise ParseError("du did not end with the directory itself")
        entries = [
            Entry(name, kinds.get(name, "other"), size, changes[name])
            for size, path in rows
            for name in [path.rsplit("/", 1)[1]]
            if name in changes  # what is gone between the two looks is no entry any more
        ]
        users: dict[str, tuple[int, ...]] = {}
        used = parts.rows("users", _user, "/proc", any_code=True)
        for pid, path in used.found:
            users[path] = tuple(sorted({*users.get(path, ()), pid}))
        return TreeUse(
            real=parts.need("real"),
            size=total[0],
            entries=tuple(sorted(entries, key=lambda item: (-item.size, item.name))),
            users=users,
            odd=used.odd,
        )


class RealPath(HostFact["str | Absent"]):
    """Where a path leads, links resolved; ABSENT when it leads nowhere."""

    on_demand: ClassVar[bool] = True

    @override
    def command(self, path: str, probe_root: str = "") -> str:  # type: ignore[override]
        body = f"readlink -e -- {shlex.quote(path)} || echo"
        return wrap(body, self.timeout_s)

    @override
    def parse(self, text: str) -> str | Absent:
        return text.strip("\n") or ABSENT


def _user(line: str) -> tuple[int, str]:
    match = _USER.match(line)
    if match is None:
        raise ParseError("it names no process")
    return int(match[1]), match[2]


def _kind(line: str) -> tuple[str, str]:
    letter, _, name = line.partition("\t")
    return name, _KINDS.get(letter, "other")


def _size(line: str) -> tuple[int, str]:
    size, path = line.split("\t", 1)
    return int(size), path


def _change(line: str) -> tuple[str, int]:
    changed, name = line.split("\t", 1)
    return name, int(changed)
