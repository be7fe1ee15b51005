"""What lies on a device, as the script prints it; the script itself runs in the real-disk tests."""

from __future__ import annotations

import pytest

from facts.disks.device_content import DeviceContent
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import read, run_as

BLANK = "device /dev/vdb 254:16 536870912000"


def test_a_blank_device_is_one_line_and_occupied_by_nothing() -> None:
    found = read(DeviceContent(), BLANK)
    assert (found.path, found.number, found.size) == ("/dev/vdb", "254:16", 536870912000)
    assert (found.fstype, found.uuid, found.occupied()) == (ABSENT, ABSENT, [])


def test_everything_that_speaks_against_formatting_is_named() -> None:
    lines = """readonly
UUID=1-2
TYPE=ext4
PTTYPE=dos
LABEL=a=b c
signature ext4 at 0x438
signature several,_which_contradict_each_other
holder dm-0
part vdb1
mounted /mnt/x
swap
data 67108864"""
    found = read(DeviceContent(), f"{BLANK}\n{lines}")
    assert (found.fstype, found.label, found.uuid) == ("ext4", "a=b c", "1-2")
    assert found.occupied() == [
        "signature ext4 at 0x438",
        "signature several,_which_contradict_each_other",
        "partition table dos",
        "partition vdb1",
        "in use by dm-0",
        "mounted on /mnt/x",
        "in use as swap",
        "read-only",
        "data without a signature at byte 67108864",
    ]


def test_a_type_without_a_mark_is_still_a_signature() -> None:
    assert read(DeviceContent(), f"{BLANK}\nTYPE=xfs").occupied() == ["signature xfs"]


@pytest.mark.parametrize("text", ["", "what?", f"{BLANK}\nsomething new", "device /dev/vdb"])
def test_an_answer_that_is_not_understood_is_unknown_and_never_blank(text: str) -> None:
    assert isinstance(read(DeviceContent(), text), Unknown)


@pytest.mark.parametrize("path", ["/dev/disk/by-id/none", "/etc/hostname"])
def test_no_such_device_is_absent(path: str) -> None:
    assert run_as(DeviceContent(), DeviceContent().command(device=path)) is ABSENT


def test_a_user_who_may_not_read_the_device_knows_nothing(tmp_path: object) -> None:
    found = run_as(DeviceContent(), DeviceContent().command(device="/dev/loop0"), uid=65534)
    assert isinstance(found, Unknown)
