"""Swap: which areas there are, and which of them are main memory that is counted already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facts.disks.block import Block, Disks
from facts.disks.mountinfo import parse_mountinfo
from facts.disks.swap import Swap, SwapState
from facts.value import Unknown
from tests.unit.fact_frame import SHELLS, fixture, grep, plant, read, run

FSTAB = grep({"/etc/fstab": fixture("block/fstab")}, r"^\s*[^#\s]")
HEAD = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
GIB = 1 << 30
IN_MEMORY = """\
90 28 0:90 / /dev/shm rw - tmpfs tmpfs rw
91 28 253:1 / /fast rw - ext4 /dev/zram1 rw
"""
DISKS: Disks = read(
    Block(),
    {
        "devices": fixture("block/lsblk.json"),
        "mounts": fixture("block/mountinfo.txt") + IN_MEMORY,
        "room": fixture("block/df.txt"),
        "fstab": FSTAB,
    },
)


def areas(*paths: str, below: str = "") -> SwapState:
    """Return active swap of 48 GiB at each path."""
    rows = "".join(f"{path}\tpartition\t50331648\t0\t100\n" for path in paths)
    state: SwapState = read(Swap(), {"swaps": HEAD + rows, "below": below, "fstab": ""})
    return state


def test_swap_areas_are_counted_in_bytes() -> None:
    swap = read(Swap(), {"swaps": fixture("swap/swaps"), "below": "", "fstab": FSTAB})
    file, zram = swap.active
    assert (file.path, file.kind, file.size) == ("/swap.img", "file", 38654701568)
    assert (file.used, file.priority) == (1048576, -2)
    assert (zram.kind, zram.priority) == ("partition", 100)
    assert [entry.source for entry in swap.fstab] == ["/swap.img"]


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/dev/zram0", "/dev/zram0 zram0\n"),
        ("/dev/ram3", "/dev/ram3 ram3\n"),
        ("/dev/dm-4", "/dev/dm-4 zram0\n"),
        ("/dev/md3", "/dev/md3 ram0\n/dev/md3 ram1\n"),
        ("/dev/loop0", "/dev/loop0 /dev/shm/swap\n"),
        ("/dev/loop1", "/dev/loop1 /dev/shm/gone (deleted)\n"),
        ("/fast/swap", ""),
        ("/dev/dm-5", "/dev/dm-5 nvme0n1p3\n/dev/dm-5 zram0\n"),
    ],
    ids=lambda value: value.strip().replace("\n", " + ") or "file on compressed memory",
)
def test_swap_that_is_main_memory_itself_adds_none(path: str, below: str) -> None:
    assert areas(path, below=below).beyond_memory(DISKS) == 0


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/swap.img", ""),
        ("/dev/nvme0n1p3", "/dev/nvme0n1p3 nvme0n1p3\n"),
        ("/dev/dm-0", "/dev/dm-0 sda3\n"),
        ("/dev/loop0", "/dev/loop0 /srv/swap\n"),
        ("/dev/pmem0", "/dev/pmem0 pmem0\n"),
        ("/dev/mapper/vg-swap", "/dev/mapper/vg-swap mapper/vg-swap\n"),
    ],
)
def test_swap_on_a_disk_adds_its_size(path: str, below: str) -> None:
    assert (
        areas(path, "/dev/zram0", below=f"{below}/dev/zram0 zram0\n").beyond_memory(DISKS)
        == 48 * GIB
    )


def test_a_file_whose_place_cannot_be_read_is_counted_by_nobody() -> None:
    lost = areas("/swap.img").beyond_memory(Unknown("no answer"))
    assert lost == Unknown("what /swap.img lies on: no answer")
    assert areas("/dev/zram0", below="/dev/zram0 zram0\n").beyond_memory(Unknown("no answer")) == 0


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_script_follows_block_devices_down_to_what_they_lie_on(
    tmp_path: Path, shell: list[str]
) -> None:
    block = tmp_path / "sys/class/block"
    for slave in ("dm-0/slaves/dm-1", "dm-1/slaves/sda3", "dm-1/slaves/zram0"):
        (block / slave).mkdir(parents=True)
    plant(block, {"loop7/loop/backing_file": "/dev/shm/a b\n", "sda2/size": "1\n"})
    names = ("/dev/dm-0", "/dev/loop7", "/dev/sda2", "/swap.img", "/dev/zram3\\040(deleted)")
    rows = "".join(f"{name}\tpartition\t4\t0\t-2\n" for name in names)
    plant(tmp_path, {"proc/swaps": HEAD + rows})
    found = run(Swap(), tmp_path, shell=shell)
    assert {area.path: area.below for area in found.active} == {
        "/dev/dm-0": ("sda3", "zram0"),
        "/dev/loop7": ("/dev/shm/a b",),
        "/dev/sda2": ("sda2",),
        "/swap.img": (),
        "/dev/zram3": ("zram3",),
    }


def test_a_host_without_swap_has_none() -> None:
    assert areas().active == ()
    assert areas().beyond_memory(DISKS) == 0


def test_an_unreadable_swap_table_is_unknown_and_not_empty() -> None:
    assert isinstance(read(Swap(), {"swaps": "", "below": "", "fstab": ""}), Unknown)


@pytest.mark.parametrize("row", ["/a b file 1 2 -2", "/dev/sdz partition many 0 -2", "/\udce9"])
def test_one_odd_row_makes_the_sum_unknown_and_no_other_area(row: str) -> None:
    parts = {"swaps": f"{fixture('swap/swaps')}{row}\n", "below": "", "fstab": FSTAB}
    swap: SwapState = read(Swap(), parts)
    assert len(swap.active) == 2
    assert isinstance(swap.beyond_memory(DISKS), Unknown)


def test_the_swap_of_this_machine_is_read() -> None:
    lines = Path("/proc/swaps").read_text().splitlines()[1:]
    assert len(run(Swap()).active) == len(lines)


def test_a_mount_over_another_is_the_one_that_a_file_lies_on() -> None:
    over = parse_mountinfo("99 28 0:99 / /fast rw - tmpfs tmpfs rw\n")
    assert areas("/fast/swap").beyond_memory(replace(DISKS, mounts=(*DISKS.mounts, *over))) == 0
