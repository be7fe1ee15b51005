"""Real virtual machines for the vm tier: one per pytest worker, booted once, restored in seconds.

Under TCG a boot costs up to a minute of CPU, so a worker's machine boots once and each test goes
back to the state after that boot (`vm`). What must boot does it on the same machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import shapes
from lab.kinds import VM
from lab.lab import Lab
from lab.vm.machine import VirtualMachine
from tests.machines import forget, own_name
from tests.ssh.conftest import MirrorGuard, Site

#: Name of the saved state of each machine right after its first boot.
BOOTED = "booted"
#: Files by the time that they take: two workers end together when the longest come first. The first
#: is one test of five minutes; a worker that has nothing left takes over what waits behind it.
LONGEST_FIRST = (
    "test_first_boot",
    "test_grub_choice",
    "test_secure_boot",
    "test_lab_vm",
    "test_release",
    "test_watchdog",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is of the vm tier, and slow machines need time."""
    rank = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.stem, -1))
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.vm)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def lab() -> Lab:
    """Return the lab of this computer, ready to start virtual machines."""
    opened = Lab.open()
    opened.prepare((VM,))
    return opened


@pytest.fixture(scope="session")
def guard(lab: Lab) -> MirrorGuard:
    return MirrorGuard(lab.settings.root / "mirror.test-lock")


@pytest.fixture(scope="session")
def booted(lab: Lab) -> Iterator[VirtualMachine]:
    """Return this worker's own machine with its first state saved; it is gone at the end."""
    name = own_name("v")
    forget(lab, name)
    machine = lab.up_vm(name)
    machine.run("systemctl is-system-running --wait", check=False, timeout_s=300)
    machine.snapshot(BOOTED)
    yield machine
    lab.down([name])


def back_to(machine: VirtualMachine, state: str) -> None:
    """Bring a machine back to a saved state, on healthy cards."""
    machine.show(shapes.HEALTHY_GEN5)
    machine.restore(state)


@pytest.fixture
def vm(booted: VirtualMachine) -> VirtualMachine:
    """Return this worker's machine as it was right after its first boot."""
    back_to(booted, BOOTED)
    return booted


@pytest.fixture(scope="module")
def site(
    lab: Lab, booted: VirtualMachine, guard: MirrorGuard, tmp_path_factory: pytest.TempPathFactory
) -> Site:
    """Return a fleet directory for this worker's machine."""
    folder = tmp_path_factory.mktemp("fleet")
    lab.inventory(folder, [booted.name])
    return Site(folder, tmp_path_factory.mktemp("state"), guard)
