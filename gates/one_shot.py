"""Whether GRUB can boot an entry once and forget it: it must write its environment at boot. Pure.

GRUB writes only to a file on a plain disk partition; on LVM, RAID, encryption, ZFS or btrfs a
one-shot entry would stay armed for ever (GNU GRUB manual, "Environment block";
docs/evidence.md#grub).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from facts.boot.loader import BootState
from facts.disks.block import Device, Disks
from facts.disks.mountinfo import Mount
from facts.value import Absent, Reading, Unknown

_FOLDER: Final = "/boot/grub"
#: File systems whose blocks GRUB may overwrite in place.
_WRITABLE: Final = frozenset({"ext2", "ext3", "ext4", "xfs", "vfat", "f2fs"})
#: Kinds of block device (lsblk TYPE) that lie between a file system and a plain disk.
_PLAIN: Final = frozenset({"disk", "part"})


@dataclass(frozen=True, slots=True)
class OneShot:
    """Whether one-shot boots work here, and why."""

    possible: Reading[bool]
    why: str


def one_shot(boot: BootState | Unknown, storage: Disks | Unknown) -> OneShot:
    """Return True if a one-shot entry works on a host."""
    if isinstance(boot, Unknown):
        return _unknown(boot.reason)
    if isinstance(storage, Unknown):
        return _unknown(storage.reason)
    if isinstance(boot.entries, Absent):
        return OneShot(False, "there is no GRUB menu (/boot/grub/grub.cfg)")
    if isinstance(boot.environment, Absent):
        return OneShot(False, "there is no /boot/grub/grubenv (grub-editenv create)")
    if isinstance(boot.environment, Unknown):
        return _unknown(boot.environment.reason)
    mount = storage.mount_of(_FOLDER)
    if mount.fstype not in _WRITABLE:
        return OneShot(False, f"{_FOLDER} is on {mount.fstype}, which GRUB cannot write at boot")
    if not isinstance(storage.devices, tuple):
        return _unknown(f"the block devices cannot be listed: {storage.devices}")
    devices = chain(storage.devices, mount)
    if not devices:
        return _unknown(f"{mount.source} is not among the block devices")
    layers = sorted({device.type for device in devices} - _PLAIN)
    if layers:
        return OneShot(
            False, f"{mount.source} lies on {', '.join(layers)}, which GRUB cannot write at boot"
        )
    return OneShot(True, f"{_FOLDER} is on {mount.fstype} on {mount.source}, a plain partition")


def _unknown(reason: str) -> OneShot:
    return OneShot(Unknown(reason), reason)


def chain(devices: tuple[Device, ...], mount: Mount) -> tuple[Device, ...]:
    """Return the devices from a disk down to the one that is mounted; none when it is not there."""
    name = mount.source.rpartition("/")[2]
    for device in devices:
        if device.name == name or mount.target in device.mountpoints:
            return (device,)
        if below := chain(device.children, mount):
            return (device, *below)
    return ()
