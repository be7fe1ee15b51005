"""Which versions of a package apt could install, from where, and which one it would choose.

Must not know which version is wanted.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError, wrap
from facts.parts import Parts, script
from facts.value import ABSENT, Reading

_NAME: Final = re.compile(r"^[a-z0-9][a-z0-9+.-]*(?::[a-z0-9-]+)?$")
_PACKAGE: Final = re.compile(r"^(\S+):$")
_FIELD: Final = re.compile(r"^  (Installed|Candidate): (.+)$")
_VERSION: Final = re.compile(r"^ (?:\*\*\*|   ) (\S+) (-?\d+)(?: \(phased (\d+)%\))?$")
_SOURCE: Final = re.compile(r"^ {8,}(-?\d+) (\S.*)$")
_INDEX: Final = re.compile(r"^\s*(-?\d+) (\S.*)$")
_RELEASE: Final = re.compile(r"^     release (.*)$")
_SITE: Final = re.compile(r"^     origin (.*)$")
_NONE: Final = "(none)"
#: apt's name for "only installed, in no archive".
_STATUS_FILE: Final = "/var/lib/dpkg/status"


@dataclass(frozen=True, slots=True)
class Origin:
    """One archive that carries a version.

    Args:
        site: host name of the URI, "" for local files.
        origin: `o=` of its Release file.
        label: `l=`.
        suite: `a=`.
        codename: `n=`.
        index: the archive as apt prints it.
        priority: pin priority of the archive for this version.
    """

    index: str
    priority: int
    site: str = ""
    origin: str = ""
    label: str = ""
    suite: str = ""
    codename: str = ""


@dataclass(frozen=True, slots=True)
class Available:
    """One version and where it comes from; no origin means that it is only installed."""

    version: str
    priority: int
    origins: tuple[Origin, ...]
    phased_percent: int | None


@dataclass(frozen=True, slots=True)
class Policy:
    """What apt thinks of one package.

    Args:
        candidate: version that `apt install NAME` would install.
        candidate_origin: best archive of the candidate; absent when it is only installed.
        versions: all versions, newest first, as apt lists them.
    """

    installed: Reading[str]
    candidate: Reading[str]
    candidate_origin: Reading[Origin]
    versions: tuple[Available, ...]


#: A package that no archive and no dpkg entry knows.
UNHEARD_OF: Final = Policy(ABSENT, ABSENT, ABSENT, ())


class AptPolicy(HostFact[Mapping[str, Policy]]):
    """`apt-cache policy` for some packages: `host.get_fact(AptPolicy, names="libze1,level-zero")`.

    The value has an entry for every name that was asked for. Writes nothing, not even as root.
    """

    domain = "apt_policy"
    takes_arguments = True
    timeout_s = 60

    @override
    def command(self, names: str, probe_root: str = "") -> str:  # type: ignore[override]  # pyinfra gives a fact's key by name
        return wrap(policy_script(tuple(name for name in names.split(",") if name)), self.timeout_s)

    @override
    def parse(self, text: str) -> Mapping[str, Policy]:
        parts = Parts(text)
        archives = _archives(parts.lines("archives"))
        found = _policies(parts.lines("policies"), archives)
        return {name: found.get(name, UNHEARD_OF) for name in parts.lines("names")}


def policy_script(names: tuple[str, ...]) -> str:
    """Return the script for some package names; raise ValueError for what cannot be one."""
    for name in names:
        if not _NAME.match(name):
            raise ValueError(f"{name!r} is not a Debian package name")
    if not names:
        raise ValueError("no package name was given")
    # root would write apt's package cache when it is stale; nobody builds it in memory
    ask = (
        'user; ask() { if [ "$uid" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups '
    )
    return script(
        f'{ask} apt-cache -q policy "$@"; else apt-cache -q policy "$@"; fi; }}\n'
        'part names; for n in $names; do echo "$n"; done\n'
        f"part policies; ask {shlex.join(names)} || exit 3\n"
        "part archives; ask || exit 3",
        names=" ".join(names),
    )


def _archives(lines: list[str]) -> Mapping[str, Origin]:
    """Return index line -> origin from `apt-cache policy` without arguments."""
    found: dict[str, Origin] = {}
    index, priority, release = "", 0, dict[str, str]()
    for line in [*lines, ""]:
        release_line, site_line = _RELEASE.match(line), _SITE.match(line)
        if release_line is not None:
            release = _release(release_line[1])
        elif site_line is None:
            match = _INDEX.match(line)
            index, priority, release = (match[2], int(match[1]), {}) if match else ("", 0, {})
        if index:
            site = site_line[1] if site_line is not None else ""
            found[index] = Origin(
                index=index,
                priority=priority,
                site=site,
                origin=release.get("o", ""),
                label=release.get("l", ""),
                suite=release.get("a", ""),
                codename=release.get("n", ""),
            )
    return found


def _release(text: str) -> dict[str, str]:
    # v=12,o=Debian,l=a, b,c=main: values may contain commas, keys are one letter
    pairs = re.findall(r"(?:^|,)([a-z])=(.*?)(?=,[a-z]=|$)", text)
    return dict(pairs)


def _policies(lines: list[str], archives: Mapping[str, Origin]) -> Mapping[str, Policy]:
    found: dict[str, Policy] = {}
    name, fields, versions = "", dict[str, str](), list[Available]()
    for line in [*lines, ":"]:
        header = _PACKAGE.match(line)
        if header is not None or line == ":":
            if name:
                found[name] = _policy(fields, versions)
            name, fields, versions = (header[1] if header is not None else ""), {}, []
        elif (field := _FIELD.match(line)) is not None:
            fields[field[1]] = field[2]
        elif (version := _VERSION.match(line)) is not None:
            phased = int(version[3]) if version[3] else None
            versions.append(Available(version[1], int(version[2]), (), phased))
        elif (source := _SOURCE.match(line)) is not None and versions:
            if source[2] == _STATUS_FILE:
                continue
            known = archives.get(source[2], Origin(source[2], 0))
            origin = Origin(
                index=known.index,
                priority=int(source[1]),
                site=known.site,
                origin=known.origin,
                label=known.label,
                suite=known.suite,
                codename=known.codename,
            )
            last = versions[-1]
            versions[-1] = Available(
                last.version, last.priority, (*last.origins, origin), last.phased_percent
            )
    return found


def _policy(fields: Mapping[str, str], versions: list[Available]) -> Policy:
    if "Installed" not in fields or "Candidate" not in fields:
        raise ParseError("a package has no Installed or Candidate line")
    installed, candidate = fields["Installed"], fields["Candidate"]
    origins = next((v.origins for v in versions if v.version == candidate), ())
    return Policy(
        installed=ABSENT if installed == _NONE else installed,
        candidate=ABSENT if candidate == _NONE else candidate,
        candidate_origin=max(origins, key=lambda origin: origin.priority) if origins else ABSENT,
        versions=tuple(versions),
    )
