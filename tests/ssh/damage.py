"""One thing broken by hand on a machine, and how a layer has to answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleet.base.exitcodes import ExitCode
from fleet.model.plan import ResourceStatus, RunResult
from lab.machines import Machine

#: `plan` and `converge` of one host by name.
Run = Callable[[str], RunResult]


class Proofs:
    """Machines that the test before left whole, as its last plan proved; true for one test only."""

    def __init__(self) -> None:
        self._before: set[str] = set()
        self._now: set[str] = set()

    def next_test(self) -> None:
        """Begin the next test: only what the last one proved counts."""
        self._before, self._now = self._now, set()

    def add(self, name: str) -> None:
        """Note that a plan of this machine was empty and nothing touched the machine since."""
        self._now.add(name)

    def __contains__(self, name: object) -> bool:
        return name in self._before


PROOFS = Proofs()


@dataclass(frozen=True)
class Damage:
    """One thing broken by hand.

    Args:
        by: shell command, run as root on the machine.
        named: resources that the plan must name, in order, and no others.
        proof: shell command that succeeds on a whole machine and fails on the broken one.
    """

    by: str
    named: tuple[str, ...]
    proof: str


def changing(result: RunResult) -> list[str]:
    """Return the resources that would change on the only host of a run."""
    (only,) = result.hosts
    return [r.name for r in only.resources if r.status is ResourceStatus.CHANGE]


def holds(machine: Machine, proof: str) -> bool:
    """Return whether a command succeeds on the machine, outside of SSH."""
    return machine.run(proof, check=False).returncode == 0


def make_whole(machine: Machine, converge: Run) -> None:
    """Bring a machine to its declaration, unless the test before has just proved it is there."""
    if machine.name not in PROOFS:
        result = converge(machine.name)
        assert result.exit_code is ExitCode.CLEAN, result.hosts[0].error


def break_name_repair(damage: Damage, machine: Machine, plan: Run, converge: Run) -> None:
    """Assert that the damage is real, named by a plan, repaired by a converge, and then silence."""
    make_whole(machine, converge)
    assert holds(machine, damage.proof), "the proof must hold on a whole machine"

    machine.run(damage.by)
    assert not holds(machine, damage.proof), "the damage must be real"
    found = plan(machine.name)
    assert changing(found) == list(damage.named)
    assert found.exit_code is ExitCode.PENDING, found.hosts[0].error

    repaired = converge(machine.name)
    assert repaired.exit_code is ExitCode.CLEAN, repaired.hosts[0].error
    # what another repair put in order on its way has no command of its own left
    assert set(damage.named) & set(repaired.hosts[0].changed)
    assert holds(machine, damage.proof)
    after = plan(machine.name)
    assert changing(after) == []
    assert after.exit_code is ExitCode.CLEAN
    PROOFS.add(machine.name)
