"""Debian 13 with dracut instead of initramfs-tools: what such a lab machine is, before it serves.

Its initramfs runs systemd, as dracut's does on Debian and Ubuntu.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import releases
from lab.lab import Lab
from lab.uml.dracut import DRACUT
from lab.uml.image import UmlImages
from lab.uml.machine import UmlMachine
from lab.vm.kernels import Kernel
from tests.machines import forget, four_healthy_cards_are_found, own_name

RELEASE = "trixie"
#: Seconds that dracut may take; 13 to 19 s were measured on 2 busy cores.
WITHIN_S = 120


@pytest.fixture(scope="module")
def machine(lab: Lab) -> Iterator[UmlMachine]:
    """Return one machine for this file; its tests see each other's changes."""
    name = own_name("b", "-dracut")
    forget(lab, name)
    yield lab.up_uml(name, release=RELEASE, initramfs=DRACUT)
    lab.down([name])


@pytest.fixture
def newer(lab: Lab) -> Kernel:
    image = UmlImages(lab.settings, releases.named(RELEASE)).load()
    assert image is not None
    return image.newer


def out(machine: UmlMachine, command: str) -> str:
    return machine.run(command, timeout_s=WITHIN_S).stdout.strip()


def test_a_machine_with_dracut_boots_without_initramfs_tools_and_shows_its_cards(
    lab: Lab, machine: UmlMachine, tmp_path: Path
) -> None:
    state = "dpkg-query -W -f '${db:Status-Abbrev}\\n' "
    assert out(machine, f"{state} dracut") == "ii"
    installed = out(machine, f"{state} 'initramfs-tools*' 2>/dev/null | grep '^[ir]' || true")
    assert installed == "", "not even its configuration is left"
    assert out(machine, "command -v update-initramfs || command -v mkinitramfs || true") == ""
    assert out(machine, "systemctl is-system-running --wait || true") == "running"
    assert "(initrd)" in out(machine, "systemd-analyze"), "systemd runs in the initramfs too"
    assert "dracut-systemd" in out(machine, "dracut --list-modules").split()
    lab.inventory(tmp_path, [machine.name])
    four_healthy_cards_are_found(tmp_path, machine)


def test_every_initramfs_of_dracut_has_the_cards(machine: UmlMachine) -> None:
    release = out(machine, "uname -r")
    out(machine, f"dracut --force /boot/test.img {release}")
    assert f"b70lab/{release}/fakeb70.ko" in out(machine, "lsinitrd /boot/test.img")
    modules = out(machine, "lsinitrd --mod /boot/test.img").split()
    assert {"systemd", "dracut-systemd", "b70lab-cards", "rootfs-block"} <= set(modules)


def test_a_kernel_package_gets_its_initramfs_from_dracuts_hook_where_grub_looks_for_it(
    lab: Lab, machine: UmlMachine, newer: Kernel, tmp_path: Path
) -> None:
    of = releases.named(RELEASE)
    source = lab.mirror.sources(of, machine.kind)[releases.qualified("kernels-uml", of)]
    machine.write("/etc/apt/keyrings/kernels.asc", source.armored)
    machine.write(
        "/etc/apt/sources.list.d/kernels.sources",
        f"Types: deb\nURIs: {source.url.replace('{snapshot}', source.snapshots[-1])}\n"
        f"Suites: {source.suite}\nComponents: {source.component}\n"
        "Signed-By: /etc/apt/keyrings/kernels.asc\n",
    )
    out(machine, f"apt-get -q update && apt-get -q -y install {newer.modules}")
    image = f"/boot/initrd.img-{newer.release}"
    assert f"b70lab/{newer.release}/fakeb70.ko" in out(machine, f"lsinitrd {image}")
    machine.reboot()
    assert out(machine, "uname -r") == newer.release
    assert "(initrd)" in out(machine, "systemd-analyze")
    lab.inventory(tmp_path, [machine.name])
    four_healthy_cards_are_found(tmp_path, machine)
