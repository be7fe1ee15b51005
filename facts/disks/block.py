"""Disks, file systems on them, mounts and free room.

Must not know which disk is meant for what.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.disks.mountinfo import FstabEntry, Mount, parse_fstab, parse_mountinfo
from facts.parts import SPEAKING, Parts, convert, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading

#: df(1) without these types: they hold no files that anybody keeps.
_UNREAL: Final = ("tmpfs", "devtmpfs", "squashfs", "efivarfs", "ramfs", "iso9660", "fuse.snapfuse")
_COLUMNS: Final = (
    "NAME,MAJ:MIN,TYPE,FSTYPE,LABEL,UUID,PARTLABEL,PARTUUID,PTTYPE,SIZE,MODEL,SERIAL,TRAN,"
    "MOUNTPOINTS,RO"
)

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class Device:
    """A block device, and what lies on it.

    Args:
        number: `major:minor`, as mounts name their device.
        fstype: signature on the device (file system, LVM, RAID, swap); absent when it is bare.
        pttype: partition table; a device with one is not bare either.
        size: bytes.
        transport: `nvme`, `usb`, `sata` …
    """

    name: str
    type: str
    fstype: Reading[str]
    label: Reading[str]
    uuid: Reading[str]
    partuuid: Reading[str]
    pttype: Reading[str]
    size: int
    model: Reading[str]
    serial: Reading[str]
    transport: Reading[str]
    mountpoints: tuple[str, ...]
    read_only: bool
    children: tuple[Device, ...]
    number: Reading[str] = ABSENT
    partlabel: Reading[str] = ABSENT

    def walk(self) -> Iterator[Device]:
        """Yield this device and everything on top of it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Room:
    """Size and what an ordinary user may still use; 0 inodes: the type has none."""

    size: int
    free: int
    inodes: int
    inodes_free: int


@dataclass(frozen=True, slots=True)
class Disks:
    """Everything about disks.

    Args:
        room: mount point -> room, for each local file system that keeps files.
        root_read_only: "/" cannot be written, by option or after an error.
    """

    devices: Reading[tuple[Device, ...]]
    mounts: tuple[Mount, ...]
    room: Mapping[str, Room]
    fstab: tuple[FstabEntry, ...]
    root_read_only: bool

    def mount_of(self, path: str) -> Mount:
        """Return the mount that an absolute, resolved path lies on; raise KeyError when none is."""
        best: Mount | None = None
        for mount in self.mounts:  # of two mounts on one place the later one is seen
            if _below(path, mount.target) and (
                best is None or len(mount.target) >= len(best.target)
            ):
                best = mount
        if best is None:
            raise KeyError(path)
        return best

    def room_of(self, path: str) -> Reading[Room]:
        """Return the room on a path's file system; ABSENT for a kind that keeps no files."""
        mount = self.mount_of(path)
        if mount.target in self.room:
            return self.room[mount.target]
        for other in self.mounts:  # df names a file system once, whatever is bound elsewhere
            if other.device == mount.device and other.target in self.room:
                return self.room[other.target]
        return ABSENT


class Block(HostFact[Disks]):
    """Block devices, mounts and free room."""

    domain = "block"
    volatile = True

    @override
    def script(self, probe_root: str = "") -> str:
        unreal = " ".join(f"-x {name}" for name in _UNREAL)
        return script(_SCRIPT, columns=_COLUMNS, unreal=unreal, speaking=SPEAKING)

    @override
    def parse(self, text: str) -> Disks:
        parts = Parts(text)
        mounts = parse_mountinfo(parts.need("mounts"))
        root = next((mount for mount in reversed(mounts) if mount.target == "/"), None)
        if root is None:
            raise ParseError("nothing is mounted on /")
        return Disks(
            devices=convert(parts.reading("devices"), parse_lsblk),
            mounts=mounts,
            room=dict(_room(line) for line in parts.lines("room")[1:]),
            fstab=parse_fstab([line.text for line in parts.files("fstab").lines]),
            root_read_only=root.read_only,
        )


def parse_lsblk(text: str) -> tuple[Device, ...]:
    """Return the device trees of `lsblk -J -b`; raise ParseError when it is something else."""
    document = json.loads(text)
    devices = document.get("blockdevices") if isinstance(document, dict) else None
    if not isinstance(devices, list) or not all(isinstance(record, dict) for record in devices):
        raise ParseError("lsblk printed no list of block devices")
    return tuple(_device(record) for record in devices)


def _device(record: Mapping[str, object]) -> Device:
    points, children = record["mountpoints"], record.get("children", [])
    if not isinstance(points, list) or not isinstance(children, list):
        raise ParseError("a device has no list of mount points or children")
    return Device(
        name=str(record["name"]),
        type=str(record["type"]),
        fstype=_text(record["fstype"]),
        label=_text(record["label"]),
        uuid=_text(record["uuid"]),
        partuuid=_text(record["partuuid"]),
        pttype=_text(record["pttype"]),
        size=int(str(record["size"])),
        model=_text(record["model"]),
        serial=_text(record["serial"]),
        transport=_text(record["tran"]),
        mountpoints=tuple(str(point) for point in points if point is not None),
        read_only=record["ro"] in (True, "1", 1),
        children=tuple(_device(child) for child in children),
        number=_text(record.get("maj:min")),
        partlabel=_text(record.get("partlabel")),
    )


def _text(value: object) -> Reading[str]:
    return str(value).strip() if value is not None and str(value).strip() else ABSENT


def _room(line: str) -> tuple[str, Room]:
    size, free, inodes, inodes_free, target = line.split(None, 4)
    return target, Room(_number(size), _number(free), _number(inodes), _number(inodes_free))


def _number(word: str) -> int:
    return 0 if word == "-" else int(word)


def _below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")
