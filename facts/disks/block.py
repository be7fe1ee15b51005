"""Disks, file systems on them, mounts and free room.

Must not know which disk is meant for what.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.disks.mountinfo import (
    MOUNTINFO,
    FstabEntry,
    Mount,
    parse_fstab,
    parse_mount,
    same_place,
    unescape,
)
from facts.odd import OddLine, doubt, odd_line, where
from facts.parts import SPEAKING, Parts, Rows, convert, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading, Unknown

#: df(1) without these types: they hold no files that anybody keeps.
_UNREAL: Final = ("tmpfs", "devtmpfs", "squashfs", "efivarfs", "ramfs", "iso9660", "fuse.snapfuse")
_COLUMNS: Final = (
    "NAME,MAJ:MIN,TYPE,FSTYPE,LABEL,UUID,PARTLABEL,PARTUUID,PTTYPE,SIZE,MODEL,SERIAL,TRAN,"
    "MOUNTPOINTS,RO"
)

_DF_COLUMNS: Final = ("size", "avail", "itotal", "iavail", "target")
_DF_HEADING: Final = "Mounted on"
#: What lists the room of file systems.
_DF: Final = "df -l"
_LSBLK: Final = "lsblk -J -b -O"
_STAT: Final = "stat -Lc '%t:%T %n' $(grep -o '^/dev/[^ ]*' /etc/fstab)"

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
        odd: lines of mounts, room and fstab that could not be read.
        sources: device in fstab, as it stands there -> `major:minor`.
    """

    devices: Reading[tuple[Device, ...]]
    mounts: tuple[Mount, ...]
    room: Mapping[str, Room]
    fstab: tuple[FstabEntry, ...]
    root_read_only: bool
    odd: tuple[OddLine, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)

    def doubt(self, path: str) -> Unknown | None:
        """Return why it is not known what a path lies on, None when it is.

        A mount that could not be read may be the one.
        """
        for line in self.odd:
            words = [word for word in line.raw.split() if word.startswith("/") and word != "/"]
            places = [same_place(unescape(word)) for word in words]
            if line.place == MOUNTINFO and (line.is_cut or any(_below(path, p) for p in places)):
                return Unknown(f"{where(line)} may be a mount above it: {line.why}", line.text)
        return None

    def hidden(self, name: str) -> Unknown | None:
        """Return why a device of this UUID, label or serial may be there without being listed."""
        return doubt(name, [line for line in self.odd if line.place == _LSBLK])

    def mount_of(self, path: str) -> Mount:
        """Return the mount that an absolute, resolved path lies on; raise KeyError when none is.

        Ask `doubt` first where something is decided on it.
        """
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
        if (unsure := self.doubt(path)) is not None:
            return unsure
        mount = self.mount_of(path)
        if mount.target in self.room:
            return self.room[mount.target]
        for other in self.mounts:  # df names a file system once, whatever is bound elsewhere
            if other.device == mount.device and other.target in self.room:
                return self.room[other.target]
        lost = next((line for line in self.odd if line.place == _DF), None)
        return ABSENT if lost is None else Unknown(f"{_DF}: {lost.why}", lost.text)


class Block(HostFact[Disks]):
    """Block devices, mounts and free room."""

    domain = "block"
    volatile = True
    by_lines = True

    @override
    def script(self, probe_root: str = "") -> str:
        unreal = " ".join(f"-x {name}" for name in _UNREAL)
        return script(
            _SCRIPT, columns=_COLUMNS, unreal=unreal, speaking=SPEAKING, room=",".join(_DF_COLUMNS)
        )

    @override
    def parse(self, text: str) -> Disks:
        parts = Parts(text)
        mounts = parts.rows("mounts", parse_mount, MOUNTINFO)
        root = next((mount for mount in reversed(mounts.found) if mount.target == "/"), None)
        if root is None:
            raise ParseError("nothing is mounted on /")
        room = parts.rows("room", _room, _DF)
        fstab, odd = parse_fstab(parts.files("fstab"))
        devices = convert(parts.reading("devices"), parse_lsblk)
        sources: Rows[tuple[str, str]] = Rows((), ())
        if parts.has("sources"):
            sources = parts.rows("sources", _source, _STAT, any_code=True)
        return Disks(
            devices=devices[0] if isinstance(devices, tuple) else devices,
            mounts=mounts.found,
            room=dict(row for row in room.found if row is not None),
            fstab=fstab,
            root_read_only=root.read_only,
            odd=(
                *mounts.odd,
                *room.odd,
                *odd,
                *(devices[1] if isinstance(devices, tuple) else ()),
                *sources.odd,
            ),
            sources=dict(sources.found),
        )


def parse_lsblk(text: str) -> tuple[tuple[Device, ...], tuple[OddLine, ...]]:
    """Return the device trees of `lsblk -J -b`, and the devices that are not understood.

    Such a device is left out with everything that lies on it.

    Raises:
        ParseError: it is something else, or no device is understood.
    """
    document = json.loads(text)
    records = document.get("blockdevices") if isinstance(document, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ParseError("lsblk printed no list of block devices")
    odd: list[OddLine] = []
    devices = _devices(records, odd)
    if odd and not devices:
        raise ParseError(odd[0].why)
    return devices, tuple(odd)


def _devices(records: Iterable[object], odd: list[OddLine]) -> tuple[Device, ...]:
    """Return the devices of some records; those that are not understood go to `odd`."""
    found = []
    for record in records:
        try:
            found.append(_device(record, odd))
        except (ValueError, KeyError) as error:
            why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            odd.append(odd_line(_LSBLK, 0, json.dumps(record, ensure_ascii=False), why))
    return tuple(found)


def _device(record: object, odd: list[OddLine]) -> Device:
    if not isinstance(record, dict):
        raise ParseError("it is no record of a device")
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
        size=_size(record["size"]),
        model=_text(record["model"]),
        serial=_text(record["serial"]),
        transport=_text(record["tran"]),
        mountpoints=tuple(str(point) for point in points if point is not None),
        read_only=record["ro"] in (True, "1", 1),
        children=_devices(children, odd),
        number=_text(record.get("maj:min")),
        partlabel=_text(record.get("partlabel")),
    )


def _size(value: object) -> int:
    if not str(value).isdecimal():
        raise ParseError(f"its size is {value}")
    return int(str(value))


def _text(value: object) -> Reading[str]:
    return str(value).strip() if value is not None and str(value).strip() else ABSENT


def _source(line: str) -> tuple[str, str]:
    numbers, _, name = line.partition(" ")
    major, _, minor = numbers.partition(":")
    return name, f"{int(major, 16)}:{int(minor, 16)}"


def _room(line: str) -> tuple[str, Room] | None:
    fields = line.split(None, 4)
    if fields[-1] == _DF_HEADING:
        return None
    if len(fields) != len(_DF_COLUMNS):
        raise ParseError(f"it has {len(fields)} fields instead of {len(_DF_COLUMNS)}")
    size, free, inodes, inodes_free, target = fields
    return target, Room(_number(size), _number(free), _number(inodes), _number(inodes_free))


def _number(word: str) -> int:
    return 0 if word == "-" else int(word)


def _below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")
