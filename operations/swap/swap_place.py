"""Where a swap file may lie, and whether one can be turned off now. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from declaration.storage import Storage
from facts.disks.block import Disks
from facts.disks.swap import SwapArea
from facts.system.memory import MemoryState
from facts.value import Unknown
from operations.storage.headroom import GIB, Admission, admit, place
from operations.swap.swap_make import MIB

#: File system -> why the kernel takes no swap file on it. Whatever is not listed is tried.
_REFUSED: Final = {
    "tmpfs": "it lives in memory",
    "ramfs": "it lives in memory",
    "overlay": "a layered file system has no blocks of its own",
    "squashfs": "it is read-only",
    "zfs": "swap on ZFS can deadlock",
    "nfs": "it is on the network",
    "nfs4": "it is on the network",
    "cifs": "it is on the network",
    "fuseblk": "it is a user-space file system (NTFS)",
    "ntfs3": "it is a guest file system",
}
#: Bytes that stay available when pages come back from swap.
_RESERVE: Final = GIB


def to_bytes(size_gib: float) -> int:
    """Return a declared size in bytes, whole MiB."""
    return int(size_gib * 1024) * MIB


def described(size: int | None, on: bool) -> str | None:
    """Return a swap file for a person, such as `on, 16 GiB`; None when there is none.

    Args:
        size: bytes, None without a file.
        on: the kernel uses it.
    """
    word = "on" if on else "off"
    if size is None:
        return word if on else None
    # three digits tell sizes apart that differ by one MiB
    return f"{word}, {f'{size / GIB:.3f}'.rstrip('0').rstrip('.')} GiB"


def admit_file(
    path: str, needed_bytes: int, storage: Disks, declared: Storage, freed_bytes: int = 0
) -> Admission:
    """Decide whether a swap file may be made.

    Args:
        freed_bytes: what is removed before the file is made.
    """
    folder = str(PurePosixPath(path).parent)
    where = place(folder, storage, declared.required_mount(path))
    fstype = getattr(where, "fstype", "")
    if fstype in _REFUSED:
        return Admission(False, f"no swap file on {fstype}: {_REFUSED[fstype]}")
    floor = declared.floor_bytes(getattr(where, "mount", ""))
    return admit(max(0, needed_bytes - freed_bytes), where, floor)


def may_turn_off(area: SwapArea, memory: MemoryState | Unknown) -> Admission:
    """Decide whether the pages of a swap area fit into memory and the other areas."""
    if isinstance(memory, Unknown):
        return Admission(False, f"memory is UNKNOWN: {memory.reason}")
    elsewhere = max(0, memory.swap_free - (area.size - area.used))
    free = memory.available - _RESERVE + elsewhere
    told = f"{area.used / GIB:.1f} GiB in use, {max(0, free) / GIB:.1f} GiB are free for them"
    return Admission(area.used <= free or area.used == 0, f"{area.path}: {told}")
