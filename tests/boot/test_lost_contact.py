"""A host that falls silent, one that never comes back: exit 4 in time, and a truthful ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet.base.exitcodes import ExitCode
from fleet.config import load
from fleet.ledger import Ledger
from fleet.model.events import Event, Phase, PhaseStarted, ResourceStarted, Waiting
from fleet.model.plan import HostResult, HostState, RunResult
from fleet.run import order
from fleet.run.engine import Engine
from lab.lab import Lab
from lab.uml.machine import UmlMachine
from tests.boot.bootrig import LAYERS, BootRig, make
from tests.ssh.controllers import only

#: Seconds within which a silent network must be noticed (keepalive), on a busy machine.
NOTICED_WITHIN_S = 60
#: Seconds that a host may take to come back, in the test where it never does.
DEADLINE_S = 15


@dataclass
class Recorded:
    """Runs with a ledger of their own.

    Args:
        rig: the fleet.
        ledger: opened anew for each look, as `b70 history` does.
    """

    rig: BootRig
    path: Path

    def declare(self, **values: int) -> None:
        """Declare tokens of the kernel that is installed: a boot set whose boot takes seconds."""
        kernel = self.rig.installed
        boot = {
            "kernel": {"package": kernel.package, "version": kernel.version},
            "cmdline": {"present": ["panic=10"]},
        }
        self.rig.declare(boot, **values)

    def converge(self, watch: Callable[[Event], None], *, allow_reboot: bool = False) -> RunResult:
        fleet = load(self.rig.folder, {})
        ledger = Ledger.open(self.path)
        try:
            engine = Engine(fleet, ledger, layers=LAYERS)
            wanted = order.converge(allow_reboot=allow_reboot)
            return engine.run([fleet.hosts[self.rig.vm.name]], wanted, watch).result
        finally:
            ledger.close()

    def last(self) -> HostResult:
        """Return what the ledger says of the last run's host."""
        ledger = Ledger.open(self.path)
        try:
            assert ledger.verify().broken is None
            record = ledger.show(ledger.runs()[0].run)
            assert record is not None
            (host,) = record.hosts
            return host
        finally:
            ledger.close()


@pytest.fixture
def recorded(lab: Lab, vm: UmlMachine, tmp_path: Path) -> Recorded:
    (tmp_path / "fleet").mkdir()
    rig = make(lab, vm, tmp_path / "fleet")
    recorded = Recorded(rig, tmp_path / "ledger.db")
    recorded.declare()
    return recorded


def test_a_network_that_freezes_in_the_middle_is_noticed_and_nobody_claims_to_know_the_rest(
    recorded: Recorded,
) -> None:
    vm, frozen = recorded.rig.vm, 0.0

    def watch(event: Event) -> None:
        nonlocal frozen
        if isinstance(event, ResourceStarted) and not frozen:
            frozen = time.monotonic()
            vm.freeze()

    try:
        result = recorded.converge(watch)
        noticed_after = time.monotonic() - frozen
    finally:
        vm.thaw()
    assert frozen, "nothing was changed"
    assert result.exit_code is ExitCode.UNREACHABLE
    assert noticed_after < NOTICED_WITHIN_S
    assert only(result).state is HostState.UNCERTAIN
    told = recorded.last()
    assert (told.state, told.certificate) == (HostState.UNCERTAIN, "")
    assert vm.run("test -e /var/lib/b70fleet/production", check=False).returncode == 1


def test_a_host_that_never_comes_back_from_its_reboot_is_given_up_at_the_deadline(
    recorded: Recorded,
) -> None:
    vm, gone = recorded.rig.vm, 0.0
    vm.run("mount -o remount,commit=300 /")  # whatever nobody flushes dies with the power

    def watch(event: Event) -> None:
        nonlocal gone
        if isinstance(event, Waiting) and not gone:
            gone = time.monotonic()
            vm.kill9()

    recorded.declare(reboot_timeout_s=DEADLINE_S)
    result = recorded.converge(watch, allow_reboot=True)
    given_up_after = time.monotonic() - gone
    assert gone, f"no reboot was asked for: {only(result).error}"
    assert result.exit_code is ExitCode.UNREACHABLE
    assert only(result).error_id == "did-not-return"
    assert given_up_after < 2 * DEADLINE_S
    told = recorded.last()
    assert (told.error_id, told.certificate) == ("did-not-return", "")
    assert f"BootSet[{recorded.rig.set_id}]" in told.changed

    recorded.declare()
    vm.start()  # a person switched it on again
    vm.wait_ready()
    phases: list[Phase] = []

    def see(event: Event) -> None:
        if isinstance(event, PhaseStarted):
            phases.append(event.phase)

    after = recorded.converge(see, allow_reboot=True)
    assert after.exit_code is ExitCode.CLEAN, only(after).error
    assert "panic=10" in vm.read("/proc/cmdline")
    assert Phase.REBOOT not in phases, "it had booted the new set already"
    assert recorded.last().certificate == only(after).certificate != ""
