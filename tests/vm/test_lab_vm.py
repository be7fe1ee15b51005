"""Specification of the lab's emulated machines: a BIOS, real GRUB, the distribution's kernels.

What machines that boot have in common is in tests/boot/test_lab_uml.py.
"""

from __future__ import annotations

import shlex
import socket
import subprocess
import time

import pytest

from facts.gpu_card import Card
from facts.gpu_link import GpuLinks
from facts.gpu_link_state import LinkState, judge
from facts.gpu_log import KernelLog
from facts.identity import Who
from fleet.config import load
from fleet.engine import Engine
from lab.lab import Lab
from lab.vm.image import VmImages
from lab.vm.machine import VirtualMachine
from tests.ssh.conftest import Site
from tests.vm.conftest import BOOTED

#: Longest time that one command over SSH may take, in seconds; the handshake alone takes seconds.
PATIENCE_S = 120


def over_ssh(vm: VirtualMachine, command: str) -> str:
    done = subprocess.run(
        vm.ssh_command(command), capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    return done.stdout


def cards(vm: VirtualMachine, user: str = "root") -> tuple[Card, ...]:
    """Read the link fact on the machine's real /sys, as this user."""
    script = shlex.quote(GpuLinks().script())
    return GpuLinks().parse(vm.run(f"runuser -u {user} -- sh -c {script}").stdout)


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
    vm.cards.keep_awake()
    fleet = load(site.folder)
    spec = fleet.hosts[vm.name]
    assert spec.probe_root == ""
    facts = Engine(fleet).facts([spec])[vm.name]
    assert facts.error is None
    found = facts.values["gpu_link"]
    assert isinstance(found, tuple)
    assert [card.bdf for card in found] == [card.bdf for card in spec.hardware.cards]
    assert [judge(card).state for card in found] == [LinkState.OK] * 4
    assert {card.driver for card in found} == {"xe"}
    identity = facts.values["identity"]
    assert isinstance(identity, Who)
    assert identity.dmi_serial == spec.identity.dmi_serial
    log = facts.values["gpu_log"]
    assert isinstance(log, KernelLog)
    assert [log.card(card.bdf).guc for card in found] == ["70.54.0"] * 4


def test_the_reset_button_and_a_power_cut_start_a_new_boot_and_lose_what_nobody_flushed(
    vm: VirtualMachine,
) -> None:
    boots = [vm.boot_id()]
    vm.run("echo safe >/root/safe; sync; echo gone >/root/gone")
    vm.reset()
    vm.wait_ready(not_boot_id=boots[-1])
    boots.append(vm.boot_id())
    assert vm.read("/root/safe") == "safe\n"
    assert vm.run("cat /root/gone", check=False).stdout != "gone\n"
    vm.run("echo safer >/root/safe; sync; echo gone >/root/gone")
    vm.kill9()
    assert not vm.is_running()
    vm.start()
    vm.wait_ready()
    assert len({*boots, vm.boot_id()}) == 3
    assert vm.read("/root/safe") == "safer\n"
    assert vm.run("cat /root/gone", check=False).stdout != "gone\n"
    assert over_ssh(vm, "cat /etc/machine-id").strip() == vm.machine_id


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
    while kernel_s() - saved < 15:
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
