"""Swap that is on, and swap that fstab would turn on.

Must not know how much is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.disks.mountinfo import FstabEntry, parse_fstab, unescape
from facts.odd import OddLine, where
from facts.parts import SPEAKING, Parts, script
from facts.value import Reading, Unknown

_SWAPS: Final = "/proc/swaps"
_HEADING: Final = "Filename"
_FIELDS: Final = 5

_SCRIPT: Final = """
part swaps
while IFS= read -r l; do printf '%s\\n' "$l"; done </proc/swaps
lines fstab "$speaking" /etc/fstab
"""


@dataclass(frozen=True, slots=True)
class SwapArea:
    """Swap in use.

    Args:
        kind: `partition` or `file`.
        size, used: bytes.
    """

    path: str
    kind: str
    size: int
    used: int
    priority: int

    @property
    def zram(self) -> bool:
        """Return True if it is compressed memory and no disk."""
        return self.path.startswith("/dev/zram")


@dataclass(frozen=True, slots=True)
class SwapState:
    """Active areas, and the swap lines of fstab.

    Args:
        odd: lines of both that could not be read.
    """

    active: tuple[SwapArea, ...]
    fstab: tuple[FstabEntry, ...]
    odd: tuple[OddLine, ...] = ()

    @property
    def total(self) -> Reading[int]:
        """Return the bytes of all active areas."""
        lost = next((line for line in self.odd if line.place == _SWAPS), None)
        if lost is not None:
            return Unknown(f"{where(lost)}: {lost.why}", lost.text)
        return sum(area.size for area in self.active)


class Swap(HostFact[SwapState]):
    """Swap areas."""

    domain = "swap"
    by_lines = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, speaking=SPEAKING)

    @override
    def parse(self, text: str) -> SwapState:
        parts = Parts(text)
        if not next(iter(parts.raw_lines("swaps")), "").startswith(_HEADING):
            raise ParseError(f"{_SWAPS} has no heading")
        rows = parts.rows("swaps", _area, _SWAPS)
        fstab, odd = parse_fstab(parts.files("fstab"))
        return SwapState(
            active=tuple(area for area in rows.found if area is not None),
            fstab=tuple(entry for entry in fstab if entry.fstype == "swap"),
            odd=(*rows.odd, *odd),
        )


def _area(row: str) -> SwapArea | None:
    if row.startswith(_HEADING):
        return None
    fields = row.split()
    if len(fields) != _FIELDS:
        raise ParseError(f"it has {len(fields)} fields instead of {_FIELDS}")
    path, kind, size, used, priority = fields
    # the kernel counts in KiB here
    return SwapArea(
        path=unescape(path.removesuffix("\\040(deleted)")),
        kind=kind,
        size=int(size) * 1024,
        used=int(used) * 1024,
        priority=int(priority),
    )
