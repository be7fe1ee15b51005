"""The disk budget of a declaration against what is there. Pure.

Says for each directory and each file system whether it holds, and never counts UNKNOWN as zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from declaration.host import HostSpec
from facts.disks.block import Disks
from facts.disks.directory_use import TreeUse
from facts.value import Absent, Unknown
from fleet.base.exitcodes import ExitCode, worst
from fleet.model.finding import Finding, Severity, worst_first
from gates.model import Verdict as GateVerdict
from operations.storage.headroom import GIB


class Verdict(StrEnum):
    """How a line of the budget stands."""

    OK = "ok"
    OVER = "over"
    ABSENT = "absent"
    UNKNOWN = "UNKNOWN"


_CODE: Final = {
    Verdict.OK: ExitCode.CLEAN,
    Verdict.OVER: ExitCode.PENDING,
    Verdict.ABSENT: ExitCode.PENDING,
    Verdict.UNKNOWN: ExitCode.UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One directory, or build swap.

    Args:
        used, budget: bytes; None = not known, no budget.
    """

    path: str
    use: str
    mount: str
    used: int | None
    budget: int | None
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One file system that something declared lies on.

    Args:
        planned: bytes of all budgets on it that are not used yet.
        floor: bytes that stay free.
    """

    mount: str
    size: int | None
    free: int | None
    planned: int
    floor: int
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """The whole answer."""

    lines: tuple[Line, ...]
    filesystems: tuple[FileSystem, ...]

    @property
    def exit_code(self) -> ExitCode:
        """Return 0 when everything holds, 2 when something is over or missing, 4 for UNKNOWN."""
        verdicts = [item.verdict for item in self.lines]
        verdicts += [item.verdict for item in self.filesystems]
        return worst(_CODE[verdict] for verdict in verdicts)

    def findings(self, host: str) -> list[Finding]:
        """Return what a person should know of a host's disks, worst first."""
        found = [_of_line(host, item) for item in self.lines]
        return worst_first([*found, *(_of_filesystem(host, item) for item in self.filesystems)])


#: A verdict of the budget as a finding: severity, verdict.
_AS_FINDING: Final = {
    Verdict.OK: (Severity.INFO, GateVerdict.PASS),
    Verdict.OVER: (Severity.CRITICAL, GateVerdict.FAIL),
    Verdict.ABSENT: (Severity.WARNING, GateVerdict.WARN),
    Verdict.UNKNOWN: (Severity.WARNING, GateVerdict.UNKNOWN),
}


def _of_line(host: str, item: Line) -> Finding:
    return _finding(
        host,
        "directory-budget",
        item.verdict,
        f"{item.path}: {item.note or item.verdict.value}",
        expected=None if item.budget is None else f"at most {item.budget} bytes",
        seen=None if item.used is None else f"{item.used} bytes",
        remedy=f"b70 storage prune {host}" if item.verdict is Verdict.OVER else None,
    )


def _of_filesystem(host: str, item: FileSystem) -> Finding:
    return _finding(
        host,
        "disk-budget",
        item.verdict,
        f"{item.mount}: {item.note or item.verdict.value}",
        expected=f"{item.planned + item.floor} bytes free",
        seen=None if item.free is None else f"{item.free} bytes free",
        remedy=f"b70 storage prune {host}" if item.verdict is Verdict.OVER else None,
    )


def _finding(
    host: str,
    name: str,
    verdict: Verdict,
    text: str,
    *,
    expected: str | None,
    seen: str | None,
    remedy: str | None,
) -> Finding:
    severity, said = _AS_FINDING[verdict]
    return Finding(
        id=name,
        host=host,
        domain="disks",
        severity=severity,
        verdict=said,
        text=text,
        expected=expected,
        seen=seen,
        remedy=remedy,
    )


def budget(
    spec: HostSpec, disks: Disks | Unknown, uses: Mapping[str, TreeUse | Absent | Unknown]
) -> Budget:
    """Return the budget of one host.

    Args:
        uses: declared directory -> what it takes.
    """
    lines = [_line(spec, disks, path, uses.get(path, Unknown("not read"))) for path in _paths(spec)]
    if spec.swap.build.path:
        lines.append(_build_swap(spec, disks))
    mounts = sorted({line.mount for line in lines if line.mount} | spec.storage.filesystems.keys())
    return Budget(tuple(lines), tuple(_filesystem(spec, disks, mount, lines) for mount in mounts))


def _paths(spec: HostSpec) -> list[str]:
    return sorted(spec.storage.directories)


def _line(
    spec: HostSpec, disks: Disks | Unknown, path: str, use: TreeUse | Absent | Unknown
) -> Line:
    declared = spec.storage.directories[path]
    limit = None if declared.budget_gib is None else int(declared.budget_gib * GIB)
    required, mount = spec.storage.required_mount(path), _mount_of(disks, path)
    if required and mount != required and not isinstance(disks, Unknown):
        note = f"{required} is not mounted"
        return Line(path, declared.use, required, None, limit, Verdict.ABSENT, note)
    if isinstance(use, Unknown):
        return Line(path, declared.use, mount, None, limit, Verdict.UNKNOWN, use.reason)
    if isinstance(use, Absent):
        return Line(path, declared.use, mount, 0, limit, Verdict.ABSENT, "no such directory")
    verdict = Verdict.OVER if limit is not None and use.size > limit else Verdict.OK
    return Line(path, declared.use, mount, use.size, limit, verdict)


def _build_swap(spec: HostSpec, disks: Disks | Unknown) -> Line:
    declared = spec.swap.build
    required = spec.storage.required_mount(declared.path)
    mount = required or _mount_of(disks, declared.path)
    return Line(
        declared.path, "build-swap", mount, 0, int(declared.size_gib * GIB), Verdict.OK, "per build"
    )


def _filesystem(
    spec: HostSpec, disks: Disks | Unknown, mount: str, lines: list[Line]
) -> FileSystem:
    here = [line for line in lines if line.mount == mount]
    # nested directories: the outer one's budget holds the inner one
    outer = [
        a for a in here if not any(a is not b and a.path.startswith(f"{b.path}/") for b in here)
    ]
    planned = sum(max(0, (item.budget or 0) - (item.used or 0)) for item in outer)
    floor = spec.storage.floor_bytes(mount)
    if isinstance(disks, Unknown):
        return FileSystem(mount, None, None, planned, floor, Verdict.UNKNOWN, disks.reason)
    room = disks.room.get(mount)
    if room is None:
        if any(item.target == mount for item in disks.mounts):
            note = "df says nothing about it"
            return FileSystem(mount, None, None, planned, floor, Verdict.UNKNOWN, note)
        return FileSystem(mount, None, None, planned, floor, Verdict.ABSENT, "not mounted")
    verdict, note = Verdict.OK, ""
    if room.free < floor:
        verdict, note = Verdict.OVER, "less is free than must stay free"
    elif room.free < planned + floor:
        verdict, note = Verdict.OVER, "the budgets do not fit into what is free"
    return FileSystem(mount, room.size, room.free, planned, floor, verdict, note)


def _mount_of(disks: Disks | Unknown, path: str) -> str:
    if isinstance(disks, Unknown):
        return ""
    try:
        return disks.mount_of(path).target
    except KeyError:
        return ""
