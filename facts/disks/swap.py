"""Swap that is on, and swap that fstab would turn on.

Must not know how much is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.disks.mountinfo import FstabEntry, parse_fstab, unescape
from facts.parts import SPEAKING, Parts, script

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
    """Active areas, and the swap lines of fstab."""

    active: tuple[SwapArea, ...]
    fstab: tuple[FstabEntry, ...]

    @property
    def total(self) -> int:
        """Return the bytes of all active areas."""
        return sum(area.size for area in self.active)


class Swap(HostFact[SwapState]):
    """Swap areas."""

    domain = "swap"

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, speaking=SPEAKING)

    @override
    def parse(self, text: str) -> SwapState:
        parts = Parts(text)
        rows = parts.lines("swaps")
        if not rows or not rows[0].startswith("Filename"):
            raise ParseError("/proc/swaps has no heading")
        fstab = parse_fstab([line.text for line in parts.files("fstab").lines])
        return SwapState(
            active=tuple(_area(row) for row in rows[1:]),
            fstab=tuple(entry for entry in fstab if entry.fstype == "swap"),
        )


def _area(row: str) -> SwapArea:
    path, kind, size, used, priority = row.split()
    # the kernel counts in KiB here
    return SwapArea(
        path=unescape(path.removesuffix("\\040(deleted)")),
        kind=kind,
        size=int(size) * 1024,
        used=int(used) * 1024,
        priority=int(priority),
    )
