"""Debian 13 on machines that really boot: a first boot set and the way back, with either program
that builds initial RAM disks there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from facts.boot.kernel import Kernel, RunningKernel
from fleet.base.exitcodes import ExitCode
from fleet.model.plan import HostState
from lab.lab import Lab
from lab.uml.machine import UmlMachine
from tests.boot.bootrig import GUC, BootRig, make
from tests.machines import forget, four_healthy_cards_are_found, own_name
from tests.ssh.controllers import only

RELEASE = "trixie"
#: What lists an image, by the program that builds it.
LISTS = {"initramfs-tools": "lsinitramfs", "dracut": "lsinitrd"}


@pytest.fixture
def trixie(lab: Lab) -> Iterator[Callable[[str], UmlMachine]]:
    """Start a machine whose initial RAM disks are built by a program; it is gone afterwards."""
    name = own_name("b", f"-{RELEASE}")

    def start(initramfs: str) -> UmlMachine:
        forget(lab, name)
        return lab.up_uml(name, release=RELEASE, initramfs=initramfs)

    yield start
    forget(lab, name)


def dracut_alone_builds_its_images(rig: BootRig) -> None:
    """Nothing of initramfs-tools is left on such a machine, and systemd runs in its images."""
    state = "dpkg-query -W -f '${db:Status-Abbrev}\\n' "
    assert rig.out(f"{state} dracut") == "ii"
    assert rig.out(f"{state} 'initramfs-tools*' 2>/dev/null | grep '^[ir]' || true") == ""
    assert rig.out("command -v update-initramfs || command -v mkinitramfs || true") == ""
    assert "(initrd)" in rig.out("systemd-analyze")


@pytest.mark.parametrize("initramfs", LISTS)
def test_a_machine_with_debian_13_boots_its_first_boot_set_and_goes_back(
    lab: Lab,
    trixie: Callable[[str], UmlMachine],
    tmp_path_factory: pytest.TempPathFactory,
    initramfs: str,
) -> None:
    rig = make(lab, trixie(initramfs), tmp_path_factory.mktemp("fleet"))
    assert "VERSION_CODENAME=trixie" in rig.out("cat /etc/os-release")
    assert rig.out("systemctl --failed --no-legend") == ""
    assert rig.out("uname -r") == rig.installed.release
    if initramfs == "dracut":
        dracut_alone_builds_its_images(rig)
    four_healthy_cards_are_found(rig.folder, rig.vm)
    old = set(rig.vm.read("/proc/cmdline").split()[1:])
    rig.declare(rig.boot_set())
    finished = rig.converge(allow_reboot=True)
    assert finished.exit_code == ExitCode.CLEAN, only(finished).error
    assert only(finished).certificate
    kernel = rig.facts()[Kernel]
    assert isinstance(kernel, RunningKernel)
    assert kernel.release == rig.newer.release == rig.out("uname -r")
    assert isinstance(kernel.tokens, tuple)
    words = {"xe.disable_display=1", "panic=10", "xe.probe_display=0", f"b70fleet.set={rig.set_id}"}
    assert words <= set(kernel.tokens)
    # the driver is in the initial RAM disk, and so it took its firmware from there
    assert f"version {GUC}" in rig.out("dmesg | grep 'Using GuC'")
    inside = rig.out(f"{LISTS[initramfs]} /boot/b70fleet/{rig.set_id}/initrd")
    assert f"lib/firmware/b70fleet/{rig.set_id}/xe/bmg_guc_70.bin" in inside
    assert "b70fleet-trial" in inside
    again = rig.converge()
    assert (only(again).state, only(again).changed) == (HostState.IN_SYNC, [])

    rig.out(f"/usr/lib/b70fleet/boot-commit arm {rig.found_id}; sync")
    rig.vm.reboot()
    back = set(rig.vm.read("/proc/cmdline").split()[1:])
    assert back == old | {f"b70fleet.set={rig.found_id}"}
    assert rig.out("uname -r") == rig.installed.release
