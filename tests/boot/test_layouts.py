"""Disks laid out as people lay them out, and whether GRUB can take a one-shot back there.

A one-shot entry that GRUB cannot clear boots again and again: the product must know where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from facts.boot.loader import Boot
from facts.disks.block import Block
from fleet.config import load
from fleet.run import order
from fleet.run.engine import Engine
from gates.one_shot import one_shot
from lab.lab import Lab
from lab.uml.layout import PLAIN, layouts
from lab.uml.machine import UmlMachine
from tests.machines import forget, own_name

#: Word on the kernel's command line of an entry that is tried once.
TRIED = "b70.tried=1"
#: Layouts on which GRUB clears a one-shot; on the others it says that it cannot write there.
CONSUMED = {"boot-ext4": True, "boot-vfat": True, "btrfs": False, "lvm": False}
#: Copies the menu's first entry, with another id and one more word.
ADD_ENTRY = r"""
sed -n '/^menuentry /,/^}/{p;/^}/q}' /boot/grub/grub.cfg |
sed -e "1s/menuentry_id_option '[^']*'/menuentry_id_option 'tried'/" \
    -e "s/^\(\s*linux\s.*\)/\1 TRIED/" >/boot/grub/custom.cfg
""".replace("TRIED", TRIED)


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
def test_a_one_shot_is_consumed_where_the_product_says_that_it_can_be(
    lab: Lab,
    machine: Callable[[str], UmlMachine],
    tmp_path_factory: pytest.TempPathFactory,
    layout: str,
) -> None:
    vm = machine(layout)
    folder = tmp_path_factory.mktemp("fleet")
    lab.inventory(folder, [vm.name])
    fleet = load(folder, {})
    wanted = order.read(only=["boot", "block"])
    (facts,) = Engine(fleet).run([fleet.hosts[vm.name]], wanted).visits
    found = one_shot(facts.readings[Boot], facts.readings[Block])
    assert found.possible is CONSUMED[layout], found.why
    vm.run(ADD_ENTRY)
    vm.run("grub-reboot tried; sync")
    vm.reboot()
    assert TRIED in vm.read("/proc/cmdline").split()
    vm.reboot()
    again = TRIED in vm.read("/proc/cmdline").split()
    assert again is not CONSUMED[layout], "the fact and GRUB must agree"
