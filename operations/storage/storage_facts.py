"""Readings that the storage and swap operations share: known, or a refusal that says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from facts.disks.block import Block, Disks
from facts.disks.device_content import Content, DeviceContent
from facts.disks.mountinfo import FstabEntry, Mount
from facts.disks.swap import Swap, SwapState
from facts.reader import read
from facts.system.files import FileText
from facts.value import Absent, Unknown
from operations.files.filewrite import FileWrite
from operations.operation import differs
from operations.require import path_state, require
from operations.storage.fstab_text import TwoLines, UnclearLine, described, find, kept, put

FSTAB: Final = "/etc/fstab"
#: The candidate may not have more errors than the file that is there: a person's own mistake in
#: another line must not keep us from ours, and ours must not add one.
_VERIFY: Final = (
    "errors() { findmnt --verify --tab-file \"$1\" 2>&1 | grep -cE '\\[E\\]|parse error at'; }; "
    '[ "$(errors "$B70_FILE")" -le "$(errors /etc/fstab)" ] || '
    '{ findmnt --verify --tab-file "$B70_FILE"; exit 1; }'
)


def block() -> Disks:
    """Return disks and mounts; raise OperationError when that is UNKNOWN."""
    return require(read(Block), "state of disks and mounts")


def swap_state() -> SwapState:
    """Return the active swap; raise OperationError when it is UNKNOWN."""
    return require(read(Swap), "swap")


def content_of(device: str) -> Content:
    """Return what lies on a device; raise OperationError when it is gone or UNKNOWN."""
    reading: Content | Absent | Unknown = host.get_fact(DeviceContent, device=device)
    found = require(reading, f"what lies on {device}")
    if not isinstance(found, Content):
        raise OperationError(f"there is no block device {device}")
    return found


def text_of(path: str) -> bytes:
    """Return a small file's content, empty for none; raise OperationError when it is UNKNOWN."""
    reading: bytes | Absent | Unknown = host.get_fact(FileText, path=path)
    found = require(reading, f"content of {path}")
    return found if isinstance(found, bytes) else b""


def live_mount(storage: Disks, point: str) -> Mount | None:
    """Return what is mounted exactly there, None for nothing.

    Raises:
        OperationError: a mount that could not be read may be it.
    """
    if (unsure := storage.doubt(point)) is not None:
        require(unsure, f"what is mounted on {point}")
    # of two mounts on one place the later one is seen
    return next((item for item in reversed(storage.mounts) if item.target == point), None)


def fstab_write(
    entry: FstabEntry, is_device: Callable[[str], bool] = lambda source: False
) -> FileWrite | None:
    """Return the write that puts one line into fstab, None when it is there already.

    Args:
        entry: what the line should say.
        is_device: returns True for another name of its device.

    Raises:
        OperationError: two lines claim the same place, or fstab cannot be read.
    """
    text, found = text_of(FSTAB), path_state(FSTAB)
    try:
        wanted = put(text, entry, is_device)
    except (TwoLines, UnclearLine) as error:
        raise OperationError(str(error)) from error
    if wanted == text and found is not None:
        return None
    return FileWrite(
        FSTAB,
        wanted,
        mode=found.mode if found else "0644",
        user=found.user if found else "root",
        group=found.group if found else "root",
        validate=_VERIFY,
    )


def fstab_differs(entry: FstabEntry) -> None:
    """Say how the line of fstab for the place of this entry differs from it."""
    found = find(text_of(FSTAB), entry)
    seen = described(found) if found is not None else None
    differs(f"fstab entry of {entry.place}", described(kept(found, entry)), seen)
