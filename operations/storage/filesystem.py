"""A file system on its device: found, or made once on a device that is truly blank.

Residual risk, said plainly: between the last look at the device and mkfs's own exclusive open there
are milliseconds in which another program could write to it.
"""

from __future__ import annotations

from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.storage import Filesystem
from facts.disks.device_content import CONTENT
from facts.shelltext import shell_text
from operations.operation import Commands, differs, operation
from operations.script import Script
from operations.storage.storage_device import locate
from operations.storage.storage_facts import block, content_of

_FORMAT: Final = CONTENT + shell_text(__file__)


@operation()
def filesystem(point: str, declared: Filesystem, uuid: str) -> Commands:
    """Keep a file system on its device; a device with anything on it is never formatted.

    + point: mount point, for messages
    + declared: device, type, and whether a blank device may be formatted
    + uuid: UUID of a new file system
    """
    device = locate(declared, block())
    content = content_of(device)
    if content.fstype == declared.fstype:
        note = ""
        if declared.label and content.label != declared.label:
            note = f"; its label is {content.label}, declared is {declared.label} (left alone)"
        host.noop(f"{declared.fstype} {content.uuid} on {content.path}{note}")
        return
    if isinstance(content.fstype, str):
        raise OperationError(
            f"{device} carries {content.fstype}, {declared.fstype} is declared for {point}; "
            "a device with anything on it is never formatted"
        )
    if reasons := content.occupied():
        raise OperationError(
            f"{device} for {point} is not blank: {', '.join(reasons)}; it is never formatted "
            "(to give it away: look at it, then blkdiscard or wipe it by hand)"
        )
    if declared.format == "never":
        raise OperationError(
            f"{device} for {point} is blank, and format: never is declared (if_blank formats it)"
        )
    command = mkfs(declared, uuid)
    differs(f"file system on {device}", declared.fstype, None)
    yield Script(_FORMAT, "b70-mkfs", device, uuid, *command, shown=(*command, device))


def mkfs(declared: Filesystem, uuid: str) -> list[str]:
    """Return the mkfs command without its device; it never carries a force option."""
    identity = {"ext4": ["-U", uuid], "xfs": ["-m", f"uuid={uuid}"]}[declared.fstype]
    label = ["-L", declared.label] if declared.label else []
    return [f"mkfs.{declared.fstype}", "-q", *identity, *label, *declared.mkfs]
