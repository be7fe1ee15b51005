"""A virtual machine of Debian 13: real GRUB 2.12, Debian's 6.12 kernel, systemd 257. One boot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from facts.boot.kernel import Kernel, RunningKernel
from facts.boot.loader import Boot, BootState
from facts.value import Unknown
from fleet.config import load
from lab import releases
from lab.lab import Lab
from lab.vm.image import VmImages
from lab.vm.machine import VirtualMachine
from tests.machines import forget, four_healthy_cards_are_found, own_name

RELEASE = releases.named("trixie")


@pytest.fixture(scope="module")
def trixie(lab: Lab) -> Iterator[VirtualMachine]:
    """Return a new machine of Debian 13 after its first boot."""
    name = own_name("v", "-trixie")
    forget(lab, name)
    machine = lab.up_vm(name, release=RELEASE.codename)
    machine.run("systemctl is-system-running --wait", check=False, timeout_s=300)
    yield machine
    lab.down([name])


def test_a_debian_13_machine_boots_through_its_grub_and_shows_its_cards(
    lab: Lab, trixie: VirtualMachine, tmp_path: Path
) -> None:
    image = VmImages(lab.settings, RELEASE).load()
    assert image is not None
    assert image.installed.release.startswith("6.12.")
    # the menu is GRUB 2.12's, with its own code in the disk's first sectors
    assert "GNU GRUB  version 2.12" in trixie.serial()
    assert f"Loading Linux {image.installed.release}" in trixie.serial()
    assert trixie.run("uname -r").stdout.strip() == image.installed.release
    assert trixie.run("systemctl --version").stdout.startswith("systemd 257 ")
    assert trixie.run("systemctl --failed --no-legend").stdout == ""

    lab.inventory(tmp_path, [trixie.name], boot_set=True)
    fleet = load(tmp_path, {})
    spec = fleet.hosts[trixie.name]
    assert spec.groups == ("vm-trixie",)
    assert spec.stack is not None
    assert spec.stack.boot is not None
    assert spec.stack.boot.kernel.uname == image.newer.release

    facts = four_healthy_cards_are_found(tmp_path, trixie)
    assert not [name for name, value in facts.items() if isinstance(value, Unknown)]
    kernel = facts[Kernel]
    assert isinstance(kernel, RunningKernel)
    assert (kernel.release, kernel.knows_b70) == (image.installed.release, True)
    boot = facts[Boot]
    assert isinstance(boot, BootState)
    assert list(boot.kernels) == [image.installed.release]
    assert len(boot.entries_of(image.installed.release)) == 2, "the first entry and a named one"
