"""What the tiers of machines that really boot share: their names, a way in, their healthy cards."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_link_state import LinkState, judge
from facts.pci.gpu_log import GpuLog, KernelLog
from facts.system.identity import Identity, Who
from fleet.config import load
from fleet.run import order
from fleet.run.engine import Engine
from lab.booting import BootingMachine
from lab.lab import Lab

#: Longest time that one command over SSH may take, in seconds; a handshake under TCG takes seconds.
PATIENCE_S = 120


def own_name(prefix: str, suffix: str = "") -> str:
    """Return the name of this pytest worker's own machine."""
    return f"{prefix}-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}{suffix}"


def forget(lab: Lab, name: str) -> None:
    """Remove a machine if it is there: a test never meets another run's disk."""
    lab.down([machine.name for machine in lab.hosts() if machine.name == name])


def over_ssh(vm: BootingMachine, command: str) -> str:
    """Return what a command prints to the machine's ordinary user."""
    done = subprocess.run(
        vm.ssh_command(command), capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    return done.stdout


def four_healthy_cards_are_found(folder: Path, vm: BootingMachine) -> dict[str, object]:
    """The facts tell of a live kernel's four cards and of the pinned identity; returns all facts.

    Args:
        folder: fleet directory of the machine.
        vm: running.
    """
    vm.cards.keep_awake()
    fleet = load(folder)
    spec = fleet.hosts[vm.name]
    assert spec.probe_root == "", "nothing is simulated"
    (facts,) = Engine(fleet).run([spec], order.read()).visits
    assert facts.error is None
    found = facts.readings[GpuLinks]
    assert isinstance(found, tuple)
    assert [card.bdf for card in found] == [card.bdf for card in spec.hardware.cards]
    assert [judge(card).state for card in found] == [LinkState.OK] * 4
    assert {card.driver for card in found} == {"xe"}
    identity = facts.readings[Identity]
    assert isinstance(identity, Who)
    assert (identity.dmi_serial, identity.machine_id) == (spec.identity.dmi_serial, vm.machine_id)
    log = facts.readings[GpuLog]
    assert isinstance(log, KernelLog)
    assert [log.card(card.bdf).guc for card in found] == ["70.54.0"] * 4
    return facts.readings
