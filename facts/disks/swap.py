"""Swap that is on, and swap that fstab would turn on.

Must not know how much is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.disks.block import Disks
from facts.disks.mountinfo import FstabEntry, parse_fstab, unescape
from facts.odd import OddLine, visible, where
from facts.parts import SPEAKING, Parts, script
from facts.shelltext import shell_text
from facts.value import Reading, Unknown

_SWAPS: Final = "/proc/swaps"
_HEADING: Final = "Filename"
_FIELDS: Final = 5

_SCRIPT: Final = shell_text(__file__)

#: Block devices that are main memory: compressed (Documentation/admin-guide/blockdev/zram.rst) and
#: plain (ramdisk.rst). A zram device may write some of its pages to a disk, which is not counted.
_MEMORY_DEVICES: Final = ("zram", "ram")
#: File systems whose files are main memory.
_MEMORY_TYPES: Final = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True, slots=True)
class SwapArea:
    """Swap in use.

    Args:
        kind: `partition` or `file`.
        size, used: bytes.
        below: what a block device lies on: names of the devices at the bottom (`sda3`), absolute
            paths of files below loop devices.
    """

    path: str
    kind: str
    size: int
    used: int
    priority: int
    below: tuple[str, ...] = ()

    def is_memory(self, disks: Disks | Unknown) -> Reading[bool]:
        """Return True if its pages stay in main memory, so that it adds none.

        Args:
            disks: what is mounted, for files: one may lie on a file system that is in memory.
        """
        found = False
        for thing in self.below or (self.path,):
            if not thing.startswith("/"):
                found |= thing.startswith(_MEMORY_DEVICES)
            elif isinstance(disks, Unknown):
                return Unknown(f"what {thing} lies on: {disks.reason}")
            else:
                mount = disks.mount_of(thing.removesuffix(" (deleted)"))
                device = mount.source.removeprefix("/dev/")
                found |= mount.fstype in _MEMORY_TYPES or device.startswith(_MEMORY_DEVICES)
        return found


@dataclass(frozen=True, slots=True)
class SwapState:
    """Active areas, and the swap lines of fstab.

    Args:
        odd: lines of both that could not be read.
    """

    active: tuple[SwapArea, ...]
    fstab: tuple[FstabEntry, ...]
    odd: tuple[OddLine, ...] = ()

    def beyond_memory(self, disks: Disks | Unknown) -> Reading[int]:
        """Return the bytes of the active areas that are no main memory themselves."""
        lost = next((line for line in self.odd if line.place == _SWAPS), None)
        if lost is not None:
            return Unknown(f"{where(lost)}: {lost.why}", lost.text)
        size = 0
        for area in self.active:
            memory = area.is_memory(disks)
            if not isinstance(memory, bool):
                return memory
            size += 0 if memory else area.size
        return size


class Swap(HostFact[SwapState]):
    """Swap areas."""

    domain = "swap"
    by_lines = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, root=probe_root, speaking=SPEAKING)

    @override
    def parse(self, text: str) -> SwapState:
        parts = Parts(text)
        if not next(iter(parts.raw_lines("swaps")), "").startswith(_HEADING):
            raise ParseError(f"{_SWAPS} has no heading")
        below: dict[str, list[str]] = {}
        for line in parts.raw_lines("below"):
            path, _, thing = visible(line).partition(" ")
            below.setdefault(path, []).append(thing)
        rows = parts.rows("swaps", lambda row: _area(row, below), _SWAPS)
        fstab, odd = parse_fstab(parts.files("fstab"))
        return SwapState(
            active=tuple(area for area in rows.found if area is not None),
            fstab=tuple(entry for entry in fstab if entry.fstype == "swap"),
            odd=(*rows.odd, *odd),
        )


def _area(row: str, below: Mapping[str, Sequence[str]]) -> SwapArea | None:
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
        below=tuple(below.get(path, ())),
    )
