"""Specification of asking real GRUB: the machine, the kernel that tells, when GRUB waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.grub import bare, probe
from lab.grub.probe import HandedOver
from lab.vm import qemu

MENU = "GNU GRUB  version 2.06-13+deb12u2\n\n *Debian GNU/Linux "
COUNTS = "   The highlighted entry will be executed automatically in 1s."


def test_the_kernels_line_gives_the_command_line_and_the_size_of_the_initrd() -> None:
    screen = "  Booting `x'\n\n\nB70 boots <BOOT_IMAGE=/boot/vmlinuz-6 a>b> initrd 0000002a\n"
    assert probe.parse(screen) == HandedOver("BOOT_IMAGE=/boot/vmlinuz-6 a>b", 42)


def test_a_line_that_has_not_come_whole_is_no_answer() -> None:
    assert probe.parse("\nB70 boots <BOOT_IMAGE=/boot/vmlinuz-6> initrd 0000002") is None


def test_the_kernel_is_one_that_a_boot_loader_takes(tmp_path: Path) -> None:
    """Offsets of Documentation/arch/x86/boot.rst."""
    probe.build(tmp_path / "probe")
    data = (tmp_path / "probe").read_bytes()
    assert data[0x1FE:0x200] == b"\x55\xaa"
    assert data[0x202:0x206] == b"HdrS"
    assert data[0x211] & 1, "loaded high"
    assert 0x202 + data[0x201] == 0x264, "the header ends behind init_size, the last of 2.10"
    assert len(data) > 0x400


@pytest.mark.parametrize("option", ["-machine", "-cpu"])
def test_its_machine_is_the_one_that_the_labs_virtual_machines_have(option: str) -> None:
    hardware = qemu.Hardware("n", {"system": "s.qcow2"}, "tap", "02:b7:00:00:00:0b", "S", "B")
    theirs, ours = qemu.command(hardware), bare.command(Path("/disk.raw"))
    assert ours[ours.index(option) + 1] == theirs[theirs.index(option) + 1]


def test_a_menu_that_counts_and_an_entry_that_boots_wait_for_nobody() -> None:
    assert not bare.waits("")
    assert not bare.waits(MENU + COUNTS)
    assert not bare.waits(MENU + COUNTS + "  Booting `Debian GNU/Linux'\n\nLoading Linux ...")


@pytest.mark.parametrize(
    "screen",
    [
        MENU,
        MENU + COUNTS + "  Booting `a'\n\nerror: file not found.\n" + MENU,
        MENU + COUNTS + "  Booting `a'\n\nEnter username:\n",
        "GRUB loading.\nWelcome to GRUB!\n\ngrub rescue> ",
    ],
)
def test_a_menu_without_a_countdown_and_a_prompt_wait_for_a_person(screen: str) -> None:
    assert bare.waits(screen)
