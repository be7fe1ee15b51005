"""The permanent swap file: made, on, and in fstab for the next boot."""

from __future__ import annotations

from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.storage import Storage
from declaration.swap import SwapFile
from facts.disks.mountinfo import FstabEntry
from facts.reader import read
from facts.system.memory import Memory
from operations.files.filewrite import FileWrite
from operations.operation import Commands, differs, operation
from operations.require import path_state
from operations.script import Script
from operations.storage.storage_device import locate
from operations.storage.storage_facts import (
    block,
    fstab_differs,
    fstab_write,
    live_mount,
    swap_state,
)
from operations.swap.swap_make import make, on_mount, turn_on
from operations.swap.swap_place import admit_file, described, may_turn_off, to_bytes

_RELOAD: Final = "[ ! -d /run/systemd/system ] || systemctl daemon-reload"


@operation()
def swap_file(declared: SwapFile, storage: Storage) -> Commands:
    """Keep a swap file of this size on.

    Another size is made beside the old file, which stays on until the new one is proven.

    + declared: path and size
    + storage: floors and mounts of the host
    """
    path, size = declared.path, to_bytes(declared.size_gib)
    disks, swap, found, memory = block(), swap_state(), path_state(path), read(Memory)
    entry = FstabEntry(path, "none", "swap", ("sw", "nofail"), 0, 0)
    write = fstab_write(entry)
    mount = storage.required_mount(path)
    filesystem = storage.filesystems.get(mount)
    if filesystem is not None and live_mount(disks, mount) is None:
        # its device is there: the mount comes earlier in this plan, and this is planned anew then.
        # What lies at the path now is the place below the mount, and says nothing.
        locate(filesystem, disks)
        differs(f"swap {path}", described(size, True), f"{mount} is not mounted yet")
        yield on_mount(path, mount)
        yield make(path, size)
        yield from _listed(entry, write)
        return
    if found is not None and found.kind != "file":
        raise OperationError(f"{path} is a {found.kind}, a swap file was declared")
    area = next((item for item in swap.active if item.path == path), None)
    wrong = found is None or found.size != size
    if wrong and found is not None and area is None and write is not None:
        raise OperationError(
            f"{path} exists with another size, is not in use as swap and fstab does not name it: "
            "it may be somebody's data; remove it by hand"
        )
    seen = described(found.size if found else None, area is not None)
    if wrong:
        answer = admit_file(path, size, disks, storage)
        if not answer.admitted:
            raise OperationError(f"{path}: {answer.reason}")
        if area is not None and not (fits := may_turn_off(area, memory)).admitted:
            raise OperationError(f"the size cannot be changed now: {fits.reason}")
        differs(f"swap {path}", described(size, True), seen)
        yield make(path, size)
    elif area is None:
        differs(f"swap {path}", described(size, True), seen)
        yield turn_on(path)
    yield from _listed(entry, write)
    if not wrong and area is not None and write is None:
        host.noop(f"{declared.size_gib:g} GiB are on")


def _listed(entry: FstabEntry, write: FileWrite | None) -> Commands:
    """Yield the write to fstab, and that systemd reads it."""
    if write is not None:
        fstab_differs(entry)
        yield write
        yield Script(_RELOAD, "b70-reload", shown=("systemctl", "daemon-reload"))
