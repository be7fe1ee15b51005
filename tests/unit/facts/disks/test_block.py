"""Disks, mounts and room; swap."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from facts.disks.block import Block, parse_lsblk
from facts.disks.mountinfo import parse_mountinfo, unescape
from facts.disks.swap import Swap
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import fixture, grep, lack, read, run

FSTAB = grep({"/etc/fstab": fixture("block/fstab")}, r"^\s*[^#\s]")
PARTS: dict[str, str | tuple[str, str]] = {
    "devices": fixture("block/lsblk.json"),
    "mounts": fixture("block/mountinfo.txt"),
    "room": fixture("block/df.txt"),
    "fstab": FSTAB,
}


def test_devices_form_a_tree_with_serials_and_signatures() -> None:
    nvme, usb = read(Block(), PARTS).devices
    assert (nvme.name, nvme.transport, nvme.serial) == ("nvme0n1", "nvme", "S5GXNX0W000000A")
    assert (nvme.fstype, nvme.pttype) == (ABSENT, "gpt")
    assert [device.name for device in nvme.walk()] == ["nvme0n1", "nvme0n1p1", "nvme0n1p2"]
    root = nvme.children[1]
    assert (root.fstype, root.mountpoints, root.size) == ("ext4", ("/",), 999074193408)
    assert (usb.model, usb.read_only, usb.mountpoints, usb.pttype) == ("EX400U", True, (), ABSENT)


def test_mount_points_with_spaces_are_decoded() -> None:
    mounts = parse_mountinfo(fixture("block/mountinfo.txt"))
    assert mounts[4].target == "/mnt/fast ai"
    assert (mounts[4].root, mounts[4].device) == ("/srv/models", "259:2")
    assert unescape("a\\134b\\011") == "a\\b\t"


def test_room_is_found_for_any_path_bind_mounts_included() -> None:
    storage = read(Block(), PARTS)
    assert storage.room_of("/var/lib/dpkg").free == 128849018880
    assert storage.room_of("/mnt/fast ai/models") == storage.room["/"]
    assert storage.room_of("/boot/efi").inodes == 0
    assert storage.room_of("/run/x") is ABSENT
    assert storage.mount_of("/boot/efix").target == "/"


@pytest.mark.parametrize(
    ("where", "text"), [("option", "/ / rw,"), ("error", "ext4 /dev/nvme0n1p2 rw,")]
)
def test_a_read_only_root_is_seen_by_option_and_after_an_error(where: str, text: str) -> None:
    assert read(Block(), PARTS).root_read_only is False
    broken = fixture("block/mountinfo.txt").replace(text, text.replace("rw,", "ro,"))
    assert read(Block(), {**PARTS, "mounts": broken}).root_read_only is True, where


def test_a_mount_over_the_root_is_the_one_that_counts() -> None:
    text = fixture("block/mountinfo.txt") + "99 28 0:99 / / ro - overlay o ro\n"
    assert read(Block(), {**PARTS, "mounts": text}).root_read_only is True


def test_fstab_entries_keep_options_and_order() -> None:
    fstab = read(Block(), PARTS).fstab
    assert [entry.target for entry in fstab] == ["/", "/boot/efi", "/mnt/fast ai", "none"]
    assert fstab[2].options == ("bind", "nofail")
    assert (fstab[0].dump, fstab[0].check) == (0, 1)


def test_without_lsblk_only_the_devices_are_unknown() -> None:
    storage = read(Block(), {**PARTS, "devices": lack("?", "lsblk is not installed")})
    assert storage.devices == Unknown("lsblk is not installed")
    assert storage.room["/"].inodes_free == 59000000


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"blockdevices": [{}]}', '{"blockdevices": 3}', '{"blockdevices": [1]}', "x"],
)
def test_another_answer_of_lsblk_is_unknown(text: str) -> None:
    assert isinstance(read(Block(), {**PARTS, "devices": text}).devices, Unknown)


@pytest.mark.parametrize(
    "change", [{"size": None}, {"mountpoints": None}, {"children": 3}, {"size": "x"}]
)
def test_one_odd_device_is_carried_and_hides_no_other(change: dict[str, Any]) -> None:
    document = json.loads(fixture("block/lsblk.json"))
    document["blockdevices"][1].update(change)
    document["blockdevices"][1]["serial"] = "S9"
    storage = read(Block(), {**PARTS, "devices": json.dumps(document)})
    assert [device.name for device in storage.devices] == ["nvme0n1"]
    assert isinstance(storage.hidden("S9"), Unknown)
    assert storage.hidden("S8") is None
    (odd,) = storage.odd
    assert odd.place.startswith("lsblk")


def test_an_odd_partition_leaves_its_disk_known() -> None:
    document = json.loads(fixture("block/lsblk.json"))
    document["blockdevices"][0]["children"][0] = {"name": "nvme0n1p1", "uuid": "u-1"}
    storage = read(Block(), {**PARTS, "devices": json.dumps(document)})
    assert [device.name for device in storage.devices[0].walk()] == ["nvme0n1", "nvme0n1p2"]
    assert isinstance(storage.hidden("u-1"), Unknown)
    assert storage.hidden("S5GXNX0W000000A") is None


def test_old_lsblk_writes_numbers_and_flags_as_text() -> None:
    document = json.loads(fixture("block/lsblk.json"))
    document["blockdevices"][1].update(size="42", ro="1")
    ((_, usb), _) = parse_lsblk(json.dumps(document))
    assert (usb.size, usb.read_only) == (42, True)


def test_no_root_mount_is_unknown() -> None:
    assert isinstance(read(Block(), {**PARTS, "mounts": ""}), Unknown)
    assert isinstance(read(Block(), {**PARTS, "mounts": "1 2 3\n"}), Unknown)


@pytest.mark.parametrize(
    "line",
    [
        "31 28 0:31 / /mnt/caf\udce9 rw - vfat /dev/sdb1 rw",
        "31 28 0:31 / /mnt/caf",
        "31 28 0:31 / /mnt/caf rw shared:1 ext4 /dev/sdb1 rw",
    ],
)
def test_one_odd_mount_makes_unknown_only_what_lies_on_it(line: str) -> None:
    storage = read(Block(), {**PARTS, "mounts": f"{PARTS['mounts']}{line}\n"})
    assert storage.room_of("/var/lib").free == 128849018880
    assert storage.doubt("/mnt/fast ai/models") is None
    place = "/mnt/caf\\xe9/x" if "\udce9" in line else "/mnt/caf/x"
    assert isinstance(storage.room_of(place), Unknown)
    (odd,) = storage.odd
    assert odd.place == "/proc/self/mountinfo"
    assert odd.number == PARTS["mounts"].count("\n") + 1


def test_one_odd_line_of_df_leaves_the_other_rooms_known() -> None:
    storage = read(Block(), {**PARTS, "room": f"{PARTS['room']} 1 2 x\n"})
    assert storage.room_of("/").free == 128849018880
    assert isinstance(storage.room_of("/run/x"), Unknown)


@pytest.mark.parametrize(
    "line", ["UUID=1 /mnt/x", "UUID=1 /mnt/x ext4 rw, nofail 0 2", "UUID=1 /mnt/\udce9 ext4 rw 0 2"]
)
@pytest.mark.parametrize("fact", [Block, Swap])
def test_one_odd_line_of_fstab_is_carried_with_its_number(fact: Any, line: str) -> None:
    parts = {
        **PARTS,
        "swaps": fixture("swap/swaps"),
        "below": "",
        "fstab": f"{FSTAB}/etc/fstab:99:{line}\n",
    }
    found = read(fact(), parts)
    assert found.fstab == read(fact(), {**parts, "fstab": FSTAB}).fstab
    (odd,) = found.odd
    assert (odd.place, odd.number) == ("/etc/fstab", 99)


def test_octal_escapes_are_bytes_of_utf8() -> None:
    assert unescape("/mnt/caf\\303\\251") == "/mnt/café"
    assert unescape("/mnt/caf\\351") == "/mnt/caf\\351"


def test_this_machine_has_a_root_with_the_room_that_the_kernel_tells() -> None:
    storage = run(Block())
    told = os.statvfs("/")
    assert storage.room_of("/").size == told.f_blocks * told.f_frsize
    assert storage.root_read_only is False
