"""Disks laid out as people lay them out, and whether GRUB can take a one-shot back there.

A one-shot entry that GRUB cannot clear boots again and again: the product must know where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from facts.boot.loader import Boot
from facts.disks.block import Block
from fleet.model.plan import HostState
from gates.one_shot import one_shot
from lab.lab import Lab
from lab.uml.layout import PLAIN, layouts
from lab.uml.machine import UmlMachine
from tests.boot.bootrig import make
from tests.machines import forget, own_name
from tests.ssh.controllers import only

#: Layouts on which GRUB clears a one-shot; on the others it says that it cannot write there.
CONSUMED = {"boot-ext4": True, "boot-vfat": True, "btrfs": False, "lvm": False}


@pytest.fixture
def machine(lab: Lab) -> Iterator[Callable[[str], UmlMachine]]:
    """Start a machine with a layout; it is gone afterwards."""
    started: list[str] = []

    def start(layout: str) -> UmlMachine:
        name = own_name("b", f"-{layout}")
        forget(lab, name)
        started.append(name)
        return lab.up_uml(name, layout=layout)

    yield start
    for name in started:
        forget(lab, name)


def test_every_layout_that_machines_can_have_is_tried() -> None:
    assert {*CONSUMED, PLAIN} == set(layouts())


@pytest.mark.parametrize("layout", CONSUMED)
def test_a_boot_set_boots_on_each_layout_and_returns_by_itself_where_the_product_says_so(
    lab: Lab,
    machine: Callable[[str], UmlMachine],
    tmp_path_factory: pytest.TempPathFactory,
    layout: str,
) -> None:
    rig = make(lab, machine(layout), tmp_path_factory.mktemp("fleet"))
    rig.without_other_layers()
    rig.declare(rig.with_installed_kernel())
    facts = rig.facts()
    found = one_shot(facts[Boot], facts[Block])
    assert found.possible is CONSUMED[layout], found.why

    first = next(each for each in rig.plan().resources if each.name.startswith("BootDefault["))
    told = [each for each in first.differences if each.what == "automatic return"]
    if CONSUMED[layout]:
        assert not told, "it is not the default before it has booted"
    else:
        assert found.why in (told[0].seen or "")

    finished = only(rig.converge(allow_reboot=True))
    assert finished.state is HostState.CONVERGED, finished.error
    assert f"b70fleet.set={rig.set_id}" in rig.vm.read("/proc/cmdline").split()
    assert rig.environment()["saved_entry"] == rig.set_id
    rig.out(f"grub-reboot {rig.found_id}; sync")
    rig.vm.reboot()
    assert f"b70fleet.set={rig.found_id}" in rig.vm.read("/proc/cmdline").split()
    rig.vm.reboot()
    again = f"b70fleet.set={rig.found_id}" in rig.vm.read("/proc/cmdline").split()
    assert again is not CONSUMED[layout], "the fact and GRUB must agree"
