"""A mount: its one line in fstab, the mount point, and that it is really mounted."""

from __future__ import annotations

from typing import Final

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import OperationError

from declaration.storage import Filesystem
from facts.disks.mountinfo import FstabEntry
from facts.reader import read
from facts.shelltext import shell_text
from facts.system.units import Unit, Units, UnitState
from facts.value import ABSENT, Unknown
from operations.operation import Commands, differs, operation
from operations.script import Script
from operations.storage.device_names import is_name_of
from operations.storage.mount_options import drift
from operations.storage.storage_device import locate
from operations.storage.storage_facts import (
    block,
    content_of,
    fstab_differs,
    fstab_write,
    live_mount,
)
from operations.units.unit_name import from_path

#: fsck pass of a file system that is not the root; xfs repairs itself at mount.
_CHECK: Final = {"ext4": 2, "xfs": 0}

#: States of a unit file that somebody wrote; what comes from fstab is `generated`.
_OF_A_FILE: Final = (
    "enabled",
    "enabled-runtime",
    "disabled",
    "static",
    "linked",
    "linked-runtime",
    "masked",
    "masked-runtime",
)

_PREPARE: Final = shell_text(__file__, "_prepare")
# $1 mount point
_MOUNT: Final = """
if [ -d /run/systemd/system ]; then systemctl daemon-reload || exit 1; fi
mountpoint -q -- "$1" || mount -- "$1" || exit 1
mountpoint -q -- "$1" || { echo "$1 is not mounted after mount(8)" >&2; exit 1; }
"""


@operation()
def mount_entry(point: str, declared: Filesystem, uuid: str) -> Commands:
    """Keep a file system mounted, now and after each boot, by its UUID.

    + point: mount point
    + declared: device, type, options
    + uuid: UUID that the file system gets when it is still to be made
    """
    storage, units = block(), read(Units)
    content = content_of(locate(declared, storage))
    entry = FstabEntry(
        f"UUID={content.uuid if isinstance(content.uuid, str) else uuid}",
        point,
        declared.fstype,
        declared.options,
        0,
        _CHECK[declared.fstype],
    )
    _refuse_other_unit(units, point)
    write = fstab_write(entry, lambda source: is_name_of(source, content, storage))
    live = live_mount(storage, point)
    if live is not None and live.device != content.number:
        raise OperationError(
            f"{live.source} is mounted on {point}, declared is {declared.finder}: unmount it first"
        )
    if live is None:
        differs(f"mount on {point}", f"{entry.source} {entry.fstype}", None)
        yield Script(_PREPARE, "b70-mountpoint", point, shown=("install", "-d", "--", point))
    if write is not None:
        fstab_differs(entry)
        yield write
    stale = _stale(units, point)
    if stale:
        differs(f"systemd's unit of {point}", "as /etc/fstab", "older than it")
    if live is None or write is not None or stale:
        yield Script(_MOUNT, "b70-mount", point, shown=("mount", "--", point))
    if live is None:
        return
    found = drift(declared.options, live)
    later = f"; waits for the next boot: {','.join(found.later)}" if found.later else ""
    host.noop(f"{live.source} is mounted with {','.join(live.options)}{later}")
    if found.remount:
        differs(f"mount options of {point}", ",".join(found.remount), ",".join(live.options))
        options = ",".join(("remount", *found.remount))
        yield StringCommand("mount", "-o", QuoteString(options), "--", QuoteString(point))


def _refuse_other_unit(units: UnitState | Unknown, point: str) -> None:
    """Refuse when a unit file mounts there: systemd then never looks at the line of fstab.

    Raises:
        OperationError: there is such a file.
    """
    name = f"{from_path(point)}.mount"
    found = ABSENT if isinstance(units, Unknown) else units.get(name)
    if isinstance(found, Unit) and found.file_state in _OF_A_FILE:
        raise OperationError(
            f"the unit file {name} is for {point} too ({found.file_state}), and systemd reads no "
            f"line of /etc/fstab beside it; `systemctl cat {name}` on the host shows it: remove it"
        )


def _stale(units: UnitState | Unknown, point: str) -> bool:
    """Return True if systemd still holds an older fstab; UNKNOWN is no reason to act."""
    if isinstance(units, Unknown):
        return False
    found = units.get(f"{from_path(point)}.mount")
    return isinstance(found, Unit) and found.need_daemon_reload
