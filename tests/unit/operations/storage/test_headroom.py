"""Headroom admission, and whether swap may be made or turned off: never on UNKNOWN."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declaration.storage import Storage
from facts.disks.block import Disks, Room
from facts.disks.mountinfo import Mount
from facts.disks.swap import SwapArea
from facts.system.memory import MemoryState
from facts.value import ABSENT, Unknown
from operations.storage.headroom import GIB, Place, admit, place
from operations.storage.mount_options import drift
from operations.swap.swap_place import admit_file, may_turn_off, to_bytes

BYTES = st.integers(0, 2**50)


def mount(target: str, fstype: str = "ext4", options: str = "rw") -> Mount:
    return Mount(target, "/dev/x", fstype, "8:1", "/", tuple(options.split(",")), ("rw",))


def disks(*mounts: Mount, **rooms: int) -> Disks:
    """Return mounts with free bytes: `mnt_big=5` stands for /mnt/big."""
    room = {f"/{name.replace('_', '/')}": Room(2**50, free, 1, 1) for name, free in rooms.items()}
    return Disks(ABSENT, (mount("/"), *mounts), room, (), False)


def where(**changes: object) -> Place:
    values = {
        "path": "/mnt/big/x",
        "mount": "/mnt/big",
        "fstype": "ext4",
        "read_only": False,
        "room": Room(100 * GIB, 60 * GIB, 1, 1),
        "required": "/mnt/big",
    }
    return Place(**{**values, **changes})  # type: ignore[arg-type]


@given(needed=BYTES, floor=BYTES, free=BYTES)
def test_what_is_admitted_leaves_the_floor_free(needed: int, floor: int, free: int) -> None:
    answer = admit(needed, where(room=Room(2**50, free, 1, 1)), floor)
    assert answer.admitted == (free - needed >= floor)


@given(needed=BYTES, floor=BYTES, more=BYTES)
def test_asking_for_more_never_opens(needed: int, floor: int, more: int) -> None:
    if not admit(needed, where(), floor).admitted:
        assert not admit(needed + more, where(), floor).admitted
        assert not admit(needed, where(), floor + more).admitted


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (Unknown("no answer"), "UNKNOWN: no answer"),
        (where(mount="/"), "/mnt/big is not mounted: /mnt/big/x would go to /"),
        (where(read_only=True), "/mnt/big is read-only"),
        (where(room=ABSENT, fstype="tmpfs"), "tmpfs"),
        (where(room=Unknown("df hung")), "UNKNOWN: df hung"),
        (where(), "not enough room on /mnt/big: 11.0 GiB needed, 50.0 stay free, 60.0 are free"),
    ],
)
def test_a_refusal_says_why(reading: Place | Unknown, said: str) -> None:
    answer = admit(11 * GIB, reading, 50 * GIB)
    assert not answer.admitted
    assert said in answer.reason


def test_a_place_is_where_the_path_lies_now() -> None:
    found = place("/mnt/big/x/y", disks(mount("/mnt/big", options="ro"), mnt_big=5), "/mnt/big")
    assert isinstance(found, Place)
    assert (found.mount, found.read_only, found.required) == ("/mnt/big", True, "/mnt/big")
    assert place("/mnt/bigger", disks(mount("/mnt/big"))).mount == "/"  # type: ignore[union-attr]


def test_a_swap_file_needs_its_mount_its_room_and_a_file_system_that_takes_one() -> None:
    declared = Storage.model_validate(
        {"filesystems": {"/mnt/big": {"serial": "1", "min_free_gib": 10}}}
    )
    there = disks(mount("/mnt/big"), mnt_big=100 * GIB)
    assert admit_file("/mnt/big/swap", 90 * GIB, there, declared).admitted
    assert not admit_file("/mnt/big/swap", 91 * GIB, there, declared).admitted
    assert admit_file("/mnt/big/swap", 91 * GIB, there, declared, freed_bytes=GIB).admitted
    gone = admit_file("/mnt/big/swap", GIB, disks(), declared)
    assert "/mnt/big is not mounted" in gone.reason
    on_zfs = admit_file("/mnt/big/swap", GIB, disks(mount("/mnt/big", "zfs")), declared)
    assert on_zfs.reason == "no swap file on zfs: swap on ZFS can deadlock"


def test_sizes_are_whole_mebibytes() -> None:
    assert to_bytes(160) == 160 * GIB
    assert to_bytes(0.5001) % 1024**2 == 0


def test_swap_is_turned_off_only_when_its_pages_fit_elsewhere() -> None:
    area = SwapArea("/swap", "file", 16 * GIB, 6 * GIB, -2)

    def memory(available: int, swap_free: int) -> MemoryState:
        return MemoryState(64 * GIB, available * GIB, swap_free * GIB, ABSENT, ABSENT, ())

    assert may_turn_off(area, memory(7, 10)).admitted
    assert not may_turn_off(area, memory(6, 10)).admitted  # a GiB stays in reserve
    assert may_turn_off(area, memory(3, 14)).admitted  # 4 GiB free in another area
    assert not may_turn_off(area, Unknown("no answer")).admitted
    assert may_turn_off(SwapArea("/swap", "file", GIB, 0, -2), memory(0, 1)).admitted


def test_only_harmless_options_are_set_on_a_live_mount() -> None:
    live = mount("/mnt/big", options="rw,relatime")
    found = drift(("noatime", "nofail", "x-b70", "nodev", "defaults", "data=journal"), live)
    assert (found.remount, found.later) == (("noatime",), ("nodev", "data=journal"))
    assert drift(("noatime",), mount("/x", options="rw,noatime")).remount == ()
    broken = drift(("noatime",), mount("/x", options="ro,relatime"))
    assert (broken.remount, broken.later) == ((), ("noatime",))
