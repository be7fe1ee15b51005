"""Facts of an imaginary rig with one data disk, in the shapes that storage operations read."""

from __future__ import annotations

from typing import Any

from facts.disks.block import Block, Device, Disks, Room
from facts.disks.device_content import Content, DeviceContent
from facts.disks.mountinfo import Mount
from facts.disks.swap import Swap, SwapArea, SwapState
from facts.system.files import FileState, FileText
from facts.system.memory import Memory, MemoryState
from facts.system.units import Units, UnitState
from facts.value import ABSENT
from tests.unit.base_facts import stat

GIB = 1024**3
POINT = "/mnt/fast-ai"
UUID = "11111111-2222-5333-8444-555555555555"
FSTAB = b"UUID=0 / ext4 errors=remount-ro 0 1\n"


def device(name: str, kind: str = "disk", **changes: Any) -> Device:
    """Return a bare device."""
    values: dict[str, Any] = {
        "name": name,
        "type": kind,
        **dict.fromkeys(("fstype", "label", "uuid", "partuuid", "pttype", "model"), ABSENT),
        "serial": ABSENT,
        "transport": ABSENT,
        "size": 500 * GIB,
        "mountpoints": (),
        "read_only": False,
        "children": (),
    }
    return Device(**{**values, **changes})


def mount(target: str, source: str = "/dev/vdb", number: str = "254:16", **changes: Any) -> Mount:
    """Return a mount of the data disk."""
    values: dict[str, Any] = {"fstype": "ext4", "options": ("rw", "noatime"), **changes}
    return Mount(target, source, values["fstype"], number, "/", values["options"], ("rw",))


DEVICES = (
    device("vda", number="254:0", transport="nvme"),
    device("vdb", number="254:16", serial="S1", transport="nvme"),
)


def disks(*mounts: Mount, devices: Any = DEVICES, room: dict[str, int] | None = None) -> Disks:
    """Return a rig with a root and a data disk of serial S1; room: mount point -> free bytes."""
    rooms = {target: Room(500 * GIB, free, 1, 1) for target, free in (room or {}).items()}
    root = mount("/", "/dev/vda1", "254:1")
    return Disks(devices, (root, *mounts), rooms, (), False)


def content(**changes: Any) -> Content:
    """Return a blank data disk."""
    values: dict[str, Any] = {
        "path": "/dev/vdb",
        "number": "254:16",
        "size": 500 * GIB,
        "read_only": False,
        **dict.fromkeys(("fstype", "uuid", "label", "pttype"), ABSENT),
        **dict.fromkeys(("signatures", "holders", "partitions", "mounted", "data"), ()),
        "swap": False,
    }
    return Content(**{**values, **changes})


def formatted(**changes: Any) -> Content:
    """Return the data disk with its file system."""
    return content(**{"fstype": "ext4", "uuid": UUID, "signatures": ("ext4 at 0x438",), **changes})


def swaps(*areas: SwapArea) -> SwapState:
    """Return active swap."""
    return SwapState(areas, ())


def area(path: str, size: int = 16 * GIB, used: int = 0) -> SwapArea:
    """Return a swap file that is on."""
    return SwapArea(path, "file", size, used, -2)


def rig(**changes: Any) -> dict[Any, Any]:
    """Return all facts; `texts` and `stats` are path -> content and path -> Stat."""
    texts = {"/etc/fstab": FSTAB, **changes.pop("texts", {})}
    stats = {"/etc/fstab": stat(), **changes.pop("stats", {})}
    values: dict[str, Any] = {
        "Block": disks(),
        "Swap": swaps(),
        "Units": UnitState({}, ()),
        "Memory": MemoryState(64 * GIB, 60 * GIB, 0, ABSENT, ABSENT, ()),
        "DeviceContent": content(),
        **changes,
    }
    kinds = (Block, Swap, Units, Memory)
    return {kind: values[kind.__name__] for kind in kinds} | {
        DeviceContent: lambda device: values["DeviceContent"],
        FileText: lambda path: texts.get(path, ABSENT),
        FileState: lambda path: stats.get(path, ABSENT),
    }
