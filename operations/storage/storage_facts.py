"""Readings that the storage and swap operations share: known, or a refusal that says why."""

from __future__ import annotations

from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from facts.disks.block import Block, Storage
from facts.disks.device_content import Content, DeviceContent
from facts.disks.mountinfo import FstabEntry, Mount
from facts.disks.swap import Swap, SwapState
from facts.reader import read
from facts.system.files import FileState, FileText, Stat
from facts.value import Absent, Unknown
from operations.files.filewrite import FileWrite
from operations.storage.fstab_text import TwoLines, put

FSTAB: Final = "/etc/fstab"
#: The candidate may not have more errors than the file that is there: a person's own mistake in
#: another line must not keep us from ours, and ours must not add one.
_VERIFY: Final = (
    "errors() { findmnt --verify --tab-file \"$1\" 2>&1 | grep -cE '\\[E\\]|parse error at'; }; "
    '[ "$(errors "$B70_FILE")" -le "$(errors /etc/fstab)" ] || '
    '{ findmnt --verify --tab-file "$B70_FILE"; exit 1; }'
)


def block() -> Storage:
    """Return disks and mounts; raise OperationError when they are UNKNOWN."""
    found = read(Block)
    if isinstance(found, Unknown):
        raise OperationError(f"disks and mounts are UNKNOWN: {found.reason}")
    return found


def swap_state() -> SwapState:
    """Return the active swap; raise OperationError when it is UNKNOWN."""
    found = read(Swap)
    if isinstance(found, Unknown):
        raise OperationError(f"swap is UNKNOWN: {found.reason}")
    return found


def stat_of(path: str) -> Stat | None:
    """Return what lies at a path, None for nothing; raise OperationError when that is UNKNOWN."""
    found: Stat | Absent | Unknown = host.get_fact(FileState, path=path)
    if isinstance(found, Unknown):
        raise OperationError(f"state of {path} is UNKNOWN: {found.reason}")
    return found if isinstance(found, Stat) else None


def content_of(device: str) -> Content:
    """Return what lies on a device; raise OperationError when it is gone or UNKNOWN."""
    found: Content | Absent | Unknown = host.get_fact(DeviceContent, device=device)
    if isinstance(found, Unknown):
        raise OperationError(f"what lies on {device} is UNKNOWN: {found.reason}")
    if isinstance(found, Absent):
        raise OperationError(f"there is no block device {device}")
    return found


def text_of(path: str) -> bytes:
    """Return a small file's content, empty for none; raise OperationError when it is UNKNOWN."""
    found: bytes | Absent | Unknown = host.get_fact(FileText, path=path)
    if isinstance(found, Unknown):
        raise OperationError(f"content of {path} is UNKNOWN: {found.reason}")
    return found if isinstance(found, bytes) else b""


def live_mount(storage: Storage, point: str) -> Mount | None:
    """Return what is mounted exactly there, None for nothing."""
    # of two mounts on one place the later one is seen
    return next((item for item in reversed(storage.mounts) if item.target == point), None)


def fstab_write(entry: FstabEntry) -> FileWrite | None:
    """Return the write that puts one line into fstab, None when it is there already.

    Raises:
        OperationError: two lines claim the same place, or fstab cannot be read.
    """
    text, found = text_of(FSTAB), stat_of(FSTAB)
    try:
        wanted = put(text, entry)
    except TwoLines as error:
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
