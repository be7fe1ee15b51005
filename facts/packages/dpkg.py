"""Debian packages, holds, interrupted work, who holds dpkg's locks, who owns the Level Zero loader.

Must not know which packages are wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.odd import visible, where
from facts.parts import Parts, script
from facts.shelltext import shell_text
from facts.value import Reading, Unknown

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
#: Statuses in which a package's files are not, or not all, in place.
_NOT_THERE: Final = ("not-installed", "config-files", "half-installed")
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

_ROW: Final = re.compile(r"^(\S+) (\S*) (\S*) ([uihrp])([ncHUFWti])([ R])\s*(.*)$")
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
        native: dpkg's own architecture.
        provides: name that no package need have -> installed packages that stand for it; where the
            provider is of a foreign architecture, both have `:arch` in their names.
    """

    installed: Mapping[str, Package]
    holds: tuple[str, ...]
    half_configured: tuple[str, ...]
    config_files: tuple[str, ...]
    interrupted: bool
    locks: Reading[tuple[LockHolder, ...]]
    loader: Loader
    native: str = ""
    provides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def found(self, name: str) -> str | None:
        """Return the name under which a package is in `installed`, None when it is not.

        Args:
            name: with or without `:arch`; that of this machine means the same as none.
        """
        bare, _, arch = name.partition(":")
        own = bare if arch == self.native else name
        return own if own in self.installed else None

    def standing_for(self, name: str) -> tuple[str, ...]:
        """Return the installed packages that provide a name, as a dependency on it would ask.

        Args:
            name: as for `found`.
        """
        bare, _, arch = name.partition(":")
        return self.provides.get(bare if arch == self.native else name, ())

    def version(self, name: str) -> str | None:
        """Return the version of a completely installed package, None when it is not installed."""
        package = self.installed.get(name)
        return package.version if package is not None and package.status == "installed" else None


class Packages(HostFact[PackageState]):
    """Packages, holds, locks and the loader's owner."""

    domain = "packages"
    by_lines = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, loader=LOADER, locks=" ".join(LOCKS))

    @override
    def parse(self, text: str) -> PackageState:
        parts = Parts(text)
        table = parts.rows("packages", _row, "dpkg-query -W")
        # most of what is decided asks for what is not there: a lost row would read as that
        for line in table.odd:
            raise ParseError(f"{where(line)}: {line.why}: {line.text!r}")
        rows = table.found
        native = next((row.package.arch for row in rows if row.name == "dpkg"), "")
        if not native:
            raise ParseError("dpkg does not list itself")
        suffix = {row.package.arch: f":{row.package.arch}" for row in rows}
        suffix |= dict.fromkeys((native, "all", ""), "")
        named = {row.name + suffix[row.package.arch]: row.package for row in rows}
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
            locks=_locks(parts),
            loader=_loader(parts),
            native=native,
            provides=_provides(rows, suffix),
        )


class _Row(NamedTuple):
    """One line of dpkg-query; `provides` as dpkg writes it: `libaio1 (= 0.3.113), x`."""

    name: str
    package: Package
    provides: str


def _row(line: str) -> _Row:
    match = _ROW.match(line)
    if match is None:
        raise ParseError("it is no row of the package table")
    name, arch, version, want, status, error, provides = match.groups()
    package = Package(version, _STATUS[status], arch, want == "h", error == "R")
    return _Row(name, package, provides)


def _provides(rows: Iterable[_Row], suffix: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return provided name -> the packages that are there and provide it."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.package.reinstall or row.package.status in _NOT_THERE or not row.provides:
            continue
        arch = suffix[row.package.arch]
        for provided in row.provides.split(","):
            name = provided.split()[0].partition(":")[0]
            found.setdefault(name + arch, []).append(row.name + arch)
    return {name: tuple(providers) for name, providers in found.items()}


def _locks(parts: Parts) -> Reading[tuple[LockHolder, ...]]:
    lacking = parts.reading("locks", any_code=True)
    if not isinstance(lacking, str):
        return lacking
    # a command line has bytes of any code
    rows = parts.rows("locks", _holder, "/proc/locks", any_code=True)
    if rows.odd:
        return Unknown(f"{where(rows.odd[0])}: {rows.odd[0].why}", rows.odd[0].text)
    return tuple(dict.fromkeys(rows.found))


def _holder(line: str) -> LockHolder:
    lock, pid, command = line.split(" ", 2)
    return LockHolder(lock, int(pid), command.strip())


def _loader(parts: Parts) -> Loader:
    claims: dict[str, list[str]] = {}
    for line in parts.raw_lines("claims"):
        match = _CLAIM.match(visible(line))
        if match is not None:
            claims.setdefault(match[2], []).append(match[1])
    owners = sorted({owner for names in claims.values() for owner in names})
    return Loader(
        owners=tuple(owners),
        claims={path: tuple(names) for path, names in claims.items()},
        files=tuple(map(visible, parts.raw_lines("loader_files"))),
    )
