"""One thing broken by hand on a machine, and how a layer has to answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleet.exitcodes import ExitCode
from fleet.plan import ResourceStatus, RunResult
from lab.machines import Machine

#: `plan` and `converge` of one host by name.
Run = Callable[[str], RunResult]


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


def break_name_repair(damage: Damage, machine: Machine, plan: Run, converge: Run) -> None:
    """Assert that the damage is real, named by a plan, repaired by a converge, and then silence."""
    assert converge(machine.name).exit_code is ExitCode.CLEAN
    assert holds(machine, damage.proof), "the proof must hold on a whole machine"

    machine.run(damage.by)
    assert not holds(machine, damage.proof), "the damage must be real"
    found = plan(machine.name)
    assert changing(found) == list(damage.named)
    assert found.exit_code is ExitCode.PENDING

    assert converge(machine.name).exit_code is ExitCode.CLEAN
    assert holds(machine, damage.proof)
    after = plan(machine.name)
    assert changing(after) == []
    assert after.exit_code is ExitCode.CLEAN
