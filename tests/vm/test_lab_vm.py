"""Specification of the lab's emulated machines: a BIOS, real GRUB, the distribution's kernels.

What machines that boot have in common is in tests/boot/test_lab_uml.py.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.shell import run
from lab.vm import disks
from lab.vm.image import OFFSET, VmImages
from lab.vm.machine import VirtualMachine
from tests.machines import PATIENCE_S, four_healthy_cards_are_found, over_ssh
from tests.ssh.conftest import Site
from tests.ssh.controllers import wait_for
from tests.vm.conftest import BOOTED

#: Seconds of the guest between a save and the return to it: more than a command takes under TCG.
SAVED_AGO_S = 5


def test_a_machine_comes_up_through_grub_on_the_older_kernel(lab: Lab, vm: VirtualMachine) -> None:
    image = VmImages(lab.settings).load()
    assert image is not None
    assert "GNU GRUB" in vm.serial()
    assert f"Loading Linux {image.installed.release}" in vm.serial()
    assert vm.run("uname -r").stdout.strip() == image.installed.release
    assert vm.run("systemctl --failed --no-legend").stdout == ""


def test_facts_of_a_live_kernel_find_four_healthy_cards_and_nothing_simulated(
    site: Site, vm: VirtualMachine
) -> None:
    four_healthy_cards_are_found(site.folder, vm)


def on_disk(vm: VirtualMachine, path: str, scratch: Path) -> str:
    """Return a file as it lies on the disk of a machine that is off; empty when it is not there."""
    raw = scratch / "disk.raw"
    run(["qemu-img", "convert", "-O", "raw", str(vm.folder / disks.SYSTEM), str(raw)])
    said = run(["debugfs", "-R", f"cat {path}", f"{raw}?offset={OFFSET}"]).stdout
    raw.unlink()
    return said


def test_the_reset_button_and_a_power_cut_start_a_new_boot_and_lose_what_nobody_flushed(
    vm: VirtualMachine, tmp_path: Path
) -> None:
    before, shown = vm.boot_id(), len(vm.serial())
    vm.run("echo safe >/root/safe; sync; echo gone >/root/gone")
    vm.reset()
    wait_for(lambda: "Loading Linux" in vm.serial()[shown:], "a boot after the reset", PATIENCE_S)
    # a boot costs most of a minute, so the power goes in this one and the next one tells of both
    vm.kill9()
    assert not vm.is_running()
    vm.start()
    vm.wait_ready()
    assert vm.boot_id() != before
    assert vm.read("/root/safe") == "safe\n"
    assert vm.run("cat /root/gone", check=False).stdout != "gone\n"
    assert over_ssh(vm, "cat /etc/machine-id").strip() == vm.machine_id
    vm.run("echo safer >/root/safe; sync; echo gone >/root/gone")
    vm.kill9()
    assert on_disk(vm, "/root/safe", tmp_path) == "safer\n"
    assert on_disk(vm, "/root/gone", tmp_path) != "gone\n"


def test_a_snapshot_is_restored_while_it_runs_and_after_a_power_cut(vm: VirtualMachine) -> None:
    boot = vm.boot_id()
    vm.write("/root/later", "x\n")
    vm.snapshot("later")
    vm.restore(BOOTED)
    assert vm.run("test -e /root/later", check=False).returncode == 1
    vm.kill9()
    vm.restore("later")
    assert vm.read("/root/later") == "x\n"
    assert vm.boot_id() == boot


def test_a_restored_machine_knows_nothing_of_the_time_since_its_save(vm: VirtualMachine) -> None:
    def kernel_s() -> float:
        """Return the kernel's own clock, which its scheduler counts with."""
        vm.run("echo mark >/dev/kmsg")
        return float(vm.run("dmesg | tail -n 1").stdout.strip(" [").split("]")[0])

    vm.snapshot("now")
    saved = kernel_s()
    while kernel_s() - saved < SAVED_AGO_S:
        pass
    asked = time.monotonic()
    vm.restore("now")
    assert kernel_s() - saved < time.monotonic() - asked


def test_a_frozen_network_swallows_packets_while_the_machine_lives(vm: VirtualMachine) -> None:
    vm.freeze()
    with pytest.raises(TimeoutError):
        socket.create_connection((vm.address, vm.port), timeout=2)
    assert vm.run("echo still here").stdout == "still here\n"
    vm.thaw()
    vm.wait_ready()
