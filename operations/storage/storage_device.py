"""Which block device a declared file system is on, and the UUID that a new one gets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from uuid import UUID, uuid5

from pyinfra.api.exceptions import OperationError

from declaration.storage import Filesystem
from facts.disks.block import Device, Disks
from facts.value import Absent, Unknown
from operations.require import require

_NAMESPACE: Final = UUID("6f0a3f86-3d5e-4e0b-9d53-b70b70b70b70")
_NUMBER: Final = re.compile(r"(\d+)$")
#: lsblk types whose node lies below /dev/mapper.
_MAPPED: Final = ("lvm", "crypt", "dm", "mpath")


def planned_uuid(host: str, declared: Filesystem) -> str:
    """Return the UUID that a new file system gets: known before it exists, so a plan shows it."""
    return str(uuid5(_NAMESPACE, f"{host}/{declared.finder}"))


def locate(declared: Filesystem, storage: Disks) -> str:
    """Return the path of the declared device.

    Raises:
        OperationError: there is none, there are several, or the devices are UNKNOWN.
    """
    if declared.device:
        return declared.device
    name = declared.uuid or declared.partlabel or declared.serial
    if (unsure := storage.hidden(name)) is not None:
        require(unsure, f"the device with {declared.finder}")
    found = sorted({_path(device) for device in _matching(declared, storage)})
    if not found:
        raise OperationError(
            f"no device with {declared.finder}: is the disk there? lsblk -o +SERIAL"
        )
    if len(found) > 1:
        raise OperationError(f"several devices with {declared.finder}: {', '.join(found)}")
    return found[0]


def device_of(storage: Disks, number: str) -> Device | None:
    """Return the device of a mount (`major:minor`), None when lsblk does not list it."""
    return next((item for item in _all(storage) if item.number == number), None)


def transports(storage: Disks, number: str) -> set[str]:
    """Return how the disks below a device are attached: `usb`, `nvme`, `sata` …"""
    roots = storage.devices if isinstance(storage.devices, tuple) else ()
    return {
        str(item.transport)
        for root in roots
        if any(item.number == number for item in root.walk())
        for item in root.walk()
        if isinstance(item.transport, str)
    }


def _matching(declared: Filesystem, storage: Disks) -> Iterator[Device]:
    for device in _all(storage):
        if declared.uuid:
            # a RAID member or a disk's copy on another level carries the same UUID
            if device.uuid == declared.uuid and device.fstype == declared.fstype:
                yield device
        elif declared.partlabel:
            if device.partlabel == declared.partlabel:
                yield device
        elif device.type == "disk" and device.serial == declared.serial:
            if not declared.partition:
                yield device
            yield from (
                child
                for child in device.children
                if child.type == "part" and _number(child) == declared.partition
            )


def _all(storage: Disks) -> Iterator[Device]:
    if isinstance(storage.devices, Unknown | Absent):
        raise OperationError(f"block devices are {storage.devices}")
    for root in storage.devices:
        yield from root.walk()


def _number(device: Device) -> int:
    match = _NUMBER.search(device.name)
    return int(match[1]) if match else -1


def _path(device: Device) -> str:
    return f"/dev/mapper/{device.name}" if device.type in _MAPPED else f"/dev/{device.name}"
