"""Settings that a reboot takes away: they are back after every boot, whatever the driver does."""

from __future__ import annotations

import pytest

from fleet.model.plan import HostState
from lab.lab import Lab
from lab.uml.machine import UmlMachine
from tests.boot.bootrig import BootRig, make
from tests.ssh.controllers import only

#: Milliseconds after which the driver takes each card by itself: two only when the test says so,
#: which is when user space is up.
LATE = (0, 0, 3_600_000, 3_600_000)
BOOTS = 5
#: What the lab of the evidence had first: it writes when udev's events are queued, not handled.
UNIT = """[Unit]
DefaultDependencies=no
After=systemd-udev-trigger.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for d in /sys/bus/pci/devices/*; do \
[ "$(cat $d/device)" != 0xe223 ] || echo on >$d/power/control; done'
[Install]
WantedBy=sysinit.target
"""


@pytest.fixture(scope="module")
def rig(lab: Lab, module_vm: UmlMachine, tmp_path_factory: pytest.TempPathFactory) -> BootRig:
    """Return a machine on which two of four cards bind late, from its next boot on."""
    found = make(lab, module_vm, tmp_path_factory.mktemp("fleet"))
    found.vm.show(found.vm.shape, LATE)
    found.declare()
    return found


def restart(rig: BootRig) -> None:
    """Reboot in good order; the last two cards get their driver when user space is up."""
    rig.vm.reboot()
    rig.vm.cards.bind_late_ones()


def controls(rig: BootRig) -> list[str]:
    """Return power/control of each card."""
    return [rig.vm.cards.power_control(card) for card in range(4)]


def bridges(rig: BootRig) -> set[str]:
    """Return power/control of every bridge above a card."""
    paths = " ".join(f"/sys/bus/pci/devices/{rig.vm.cards.bdf(card)}" for card in range(4))
    return set(
        rig.out(
            f'for p in $(readlink -f {paths}); do while p=${{p%/*}}; [ -e "$p/class" ]; do '
            'cat "$p/power/control"; done; done'
        ).split()
    )


def test_the_race_is_lost_without_the_rule(rig: BootRig) -> None:
    rig.vm.write("/etc/systemd/system/policy.service", UNIT)
    rig.out("systemctl enable policy.service")
    # the firmware tables that tell the driver to be late are read at power-on
    rig.vm.stop()
    rig.vm.start()
    rig.vm.wait_ready()
    rig.vm.cards.bind_late_ones()
    assert controls(rig)[2:] == ["auto", "auto"], "the driver bound after the unit had written"
    rig.out("systemctl disable policy.service && rm /etc/systemd/system/policy.service")


def test_the_live_value_is_repaired_at_once_and_the_rule_is_one_that_udev_reads(
    rig: BootRig,
) -> None:
    assert "auto" in controls(rig)
    result = only(rig.converge())
    assert result.state is HostState.CONVERGED, result.error
    assert controls(rig) == ["on"] * 4
    assert bridges(rig) == {"on"}
    path = rig.out(f"readlink -f /sys/bus/pci/devices/{rig.vm.cards.bdf(0)}")
    said = rig.out(f"udevadm test --action=bind {path} 2>&1")
    assert "60-b70fleet-runtime-pm.rules" in said
    assert "keep-awake" in said
    assert not [line for line in said.splitlines() if "b70fleet" in line and "nvalid" in line]


def wanted(rig: BootRig) -> dict[str, int]:
    """Return the caps that are declared: address -> W, for the first card and a late one."""
    return {rig.vm.cards.bdf(0): 210, rig.vm.cards.bdf(3): 165}


def capped(before: list[str]) -> list[str]:
    """Return what sysfs says once they are set, in microwatts."""
    return ["210000000", before[1], before[2], "165000000"]


def caps(rig: BootRig) -> list[str]:
    """Return the power cap of each card in microwatts."""
    return [
        rig.out(f"cat /sys/bus/pci/devices/{rig.vm.cards.bdf(card)}/hwmon/hwmon*/power1_cap")
        for card in range(4)
    ]


@pytest.fixture(scope="module")
def uncapped(rig: BootRig) -> list[str]:
    """Return the power caps as the driver sets them, before any is declared."""
    return caps(rig)


def test_power_caps_are_set_by_address_and_repaired(rig: BootRig, uncapped: list[str]) -> None:
    rig.declare(settings={"power_caps": wanted(rig)})
    result = only(rig.converge())
    assert result.state is HostState.CONVERGED, result.error
    assert caps(rig) == capped(uncapped)
    # a shell expands no pattern behind a redirection
    file = f"/sys/bus/pci/devices/{rig.vm.cards.bdf(0)}/hwmon/hwmon*/power1_cap"
    rig.out(f"echo 200000000 | tee {file}")
    assert only(rig.converge()).changed == ["PowerCaps[cards]"]
    assert caps(rig) == capped(uncapped)


@pytest.mark.parametrize("boot", range(1, BOOTS + 1))
def test_cards_are_awake_and_capped_after_every_boot_although_the_driver_binds_late(
    rig: BootRig, uncapped: list[str], boot: int
) -> None:
    restart(rig)
    assert controls(rig) == ["on"] * 4, f"boot {boot} of {BOOTS}"
    assert bridges(rig) == {"on"}
    # the unit waits for the card that binds late
    rig.out(
        "n=0; until systemctl is-active b70fleet-power-cap; do "
        "n=$((n+1)); [ $n -lt 90 ] || exit 1; sleep 1; done"
    )
    assert caps(rig) == capped(uncapped)


def test_a_boot_leaves_nothing_to_repair(rig: BootRig) -> None:
    assert rig.plan().state is HostState.IN_SYNC


def test_a_value_that_somebody_writes_is_found_and_repaired(rig: BootRig) -> None:
    rig.vm.cards.power_control(1, "auto")
    assert rig.plan().state is HostState.PENDING
    result = only(rig.converge())
    assert result.changed == ["PowerControl[cards]"]
    assert controls(rig) == ["on"] * 4


def test_caps_that_are_no_longer_declared_go_back(rig: BootRig, uncapped: list[str]) -> None:
    rig.declare(settings={})
    assert only(rig.converge()).state is HostState.CONVERGED
    assert caps(rig) == uncapped
    assert rig.plan().state is HostState.IN_SYNC
