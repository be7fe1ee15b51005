"""Debian packages, holds, interrupted work, who holds dpkg's locks, who owns the Level Zero loader.

Must not know which packages are wanted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.parts import Parts, convert, script
from facts.shelltext import shell_text
from facts.value import Reading

#: dpkg-query's abbreviations of the status (dpkg-query(1), db:Status-Abbrev, second letter).
_STATUS: Final = {
    "n": "not-installed",
    "c": "config-files",
    "H": "half-installed",
    "U": "unpacked",
    "F": "half-configured",
    "W": "triggers-awaited",
    "t": "triggers-pending",
    "i": "installed",
}
#: The loader that the graphics PPA (libze1) and oneAPI (level-zero) both ship (docs/evidence.md).
LOADER: Final = "libze_loader.so.1"
#: Locks that apt and dpkg take, in the order in which apt takes them.
LOCKS: Final = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)

_SCRIPT: Final = shell_text(__file__)

_ROW: Final = re.compile(r"^(\S+) (\S*) (\S*) ([uihrp])([ncHUFWti])([ R])\s*$")
_CLAIM: Final = re.compile(r"^/var/lib/dpkg/info/([^:]+)(?::[a-z0-9-]+)?\.list:(/.*)$")


@dataclass(frozen=True, slots=True)
class Package:
    """A package that dpkg knows.

    Args:
        version: installed (or half-installed) version.
        status: `installed`, `half-configured` … in dpkg's words.
        arch: architecture, `all` included.
        held: on hold.
        reinstall: dpkg says that it must be installed again.
    """

    version: str
    status: str
    arch: str
    held: bool
    reinstall: bool


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A process that has a lock of apt or dpkg."""

    lock: str
    pid: int
    command: str


@dataclass(frozen=True, slots=True)
class Loader:
    """Who owns the Level Zero loader.

    Args:
        owners: packages whose file list has it; exactly one is right.
        claims: path -> packages that list it.
        files: loader files that exist, `libze_loader.so.1.28.2` included; empty when there is none.
    """

    owners: tuple[str, ...]
    claims: Mapping[str, tuple[str, ...]]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackageState:
    """What dpkg knows.

    Args:
        installed: name -> package; a foreign architecture's has `:arch` in its name. Broken ones
            are here too; removed ones that left configuration files are in `config_files` alone.
        holds: names on hold.
        half_configured: names whose installation is not complete.
        interrupted: dpkg left a journal: `dpkg --configure -a` is due.
        locks: processes that hold a lock.
    """

    installed: Mapping[str, Package]
    holds: tuple[str, ...]
    half_configured: tuple[str, ...]
    config_files: tuple[str, ...]
    interrupted: bool
    locks: Reading[tuple[LockHolder, ...]]
    loader: Loader

    def version(self, name: str) -> str | None:
        """Return the version of a completely installed package, None when it is not installed."""
        package = self.installed.get(name)
        return package.version if package is not None and package.status == "installed" else None


class Packages(HostFact[PackageState]):
    """Packages, holds, locks and the loader's owner."""

    domain = "packages"

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, loader=LOADER, locks=" ".join(LOCKS))

    @override
    def parse(self, text: str) -> PackageState:
        parts = Parts(text)
        rows = [_row(line) for line in parts.lines("packages")]
        native = next((package.arch for name, package in rows if name == "dpkg"), "")
        if not native:
            raise ParseError("dpkg does not list itself")
        named = {
            name if package.arch in (native, "all", "") else f"{name}:{package.arch}": package
            for name, package in rows
        }
        there = {
            name: p
            for name, p in named.items()
            if p.status not in ("config-files", "not-installed")
        }
        return PackageState(
            installed=there,
            holds=tuple(name for name, package in named.items() if package.held),
            half_configured=tuple(
                name for name, p in there.items() if p.status != "installed" or p.reinstall
            ),
            config_files=tuple(name for name, p in named.items() if p.status == "config-files"),
            interrupted=bool(parts.lines("interrupted")),
            locks=convert(parts.reading("locks"), _locks),
            loader=_loader(parts),
        )


def _row(line: str) -> tuple[str, Package]:
    match = _ROW.match(line)
    if match is None:
        raise ParseError(f"not a line of dpkg-query: {line!r}")
    name, arch, version, want, status, error = match.groups()
    return name, Package(version, _STATUS[status], arch, want == "h", error == "R")


def _locks(text: str) -> tuple[LockHolder, ...]:
    holders = []
    for line in text.split("\n"):
        if line:
            lock, pid, command = line.split(" ", 2)
            holders.append(LockHolder(lock, int(pid), command.strip()))
    return tuple(dict.fromkeys(holders))


def _loader(parts: Parts) -> Loader:
    claims: dict[str, list[str]] = {}
    for line in parts.lines("claims"):
        match = _CLAIM.match(line)
        if match is not None:
            claims.setdefault(match[2], []).append(match[1])
    owners = sorted({owner for names in claims.values() for owner in names})
    return Loader(
        owners=tuple(owners),
        claims={path: tuple(names) for path, names in claims.items()},
        files=tuple(parts.lines("loader_files")),
    )
