"""Whether a device in fstab is the one that is meant, whatever it is called there. Pure.

fstab takes a device node, any link to it, and the tags UUID, LABEL, PARTUUID, PARTLABEL and ID
(mount(8)); udev makes links of the tags below /dev/disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from facts.disks.block import Disks
from facts.disks.device_content import Content
from operations.storage.storage_device import device_of

#: Folders of links that udev names after a tag.
_FOLDERS: Final = {
    "/dev/disk/by-uuid/": "UUID",
    "/dev/disk/by-label/": "LABEL",
    "/dev/disk/by-partuuid/": "PARTUUID",
    "/dev/disk/by-partlabel/": "PARTLABEL",
}
#: The tag of mount(8) that is a link of udev's.
_ID: Final = re.compile(r"^ID=")
_TAG: Final = re.compile(r"^([A-Z]+)=(.*)$")
#: How udev writes a character that no file name should have: `\x20`.
_UDEV: Final = re.compile(r"\\x([0-9a-f]{2})")


def is_name_of(source: str, device: Content, storage: Disks) -> bool:
    """Return True if an entry of fstab with this source is about the device.

    Args:
        source: first field of the entry, its octal escapes decoded.
        device: what is meant.
        storage: all devices, and the numbers of those that fstab names by a path.
    """
    link = _ID.sub("/dev/disk/by-id/", source)
    if source == device.path or storage.sources.get(link) == device.number:
        return True
    tag = _tag(source)
    if tag is None:
        return source in _nodes(device, storage)
    name, value = tag
    own = {(key, _comparable(key, text)) for key, text in _tags(device, storage)}
    return (name, _comparable(name, value)) in own


def _tag(source: str) -> tuple[str, str] | None:
    """Return the tag that a source is spelled by, None for a node."""
    for folder, name in _FOLDERS.items():
        if source.startswith(folder):
            value = source.removeprefix(folder)
            return name, _UDEV.sub(lambda match: chr(int(match[1], 16)), value)
    match = _TAG.match(source)
    return (match[1], match[2].strip("\"'")) if match is not None else None


def _comparable(name: str, value: str) -> str:
    # identifiers are hexadecimal in either case; a label is its letters
    return value.lower() if name.endswith("UUID") else value


def _tags(device: Content, storage: Disks) -> Iterator[tuple[str, str]]:
    found = device_of(storage, device.number)
    values = [("UUID", device.uuid), ("LABEL", device.label)]
    if found is not None:
        values += [("UUID", found.uuid), ("LABEL", found.label)]
        values += [("PARTUUID", found.partuuid), ("PARTLABEL", found.partlabel)]
    for name, value in values:
        if isinstance(value, str):
            yield name, value


def _nodes(device: Content, storage: Disks) -> tuple[str, ...]:
    found = device_of(storage, device.number)
    return () if found is None else (f"/dev/{found.name}", f"/dev/mapper/{found.name}")
