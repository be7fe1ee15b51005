"""Who owns the Level Zero loader: the gate's word, asked again right before the packages change.

On a new host the gate cannot answer before apt has read the archives, and on one that changes its
stack it answers from the archives of before. The plan then shows what the stack was tested with;
the run asks again at this point and goes on only with the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.stack import LevelZeroLoader
from facts.packages.apt_sources import AptSources
from facts.reader import read
from gates.gpu_set import REAL, SHIM
from gates.host import decision
from gates.model import Decision, Verdict
from gates.world_userspace import LIBZE1
from operations.apt.apt_repository import Repository, unread
from operations.operation import Commands, operation
from operations.require import require

GATE: Final = "loader-shim"


def chosen(loader: LevelZeroLoader, decision: Decision | None, archives_unread: bool) -> str:
    """Return SHIM or REAL.

    Args:
        loader: the stack's.
        decision: of the gate.
        archives_unread: apt has not read all declared archives yet, so the gate is no finding.

    Raises:
        OperationError: the gate cannot tell, or chose what the stack was not tested with.
    """
    if decision is None:
        raise OperationError(f"gate {GATE} is missing, so nobody decides who owns the loader")
    if archives_unread and decision.verdict is not Verdict.FAIL:
        # the lists there are none or those of another snapshot: the word that counts comes later
        return SHIM if loader.shim_version else REAL
    if decision.verdict in (Verdict.FAIL, Verdict.UNKNOWN):
        raise OperationError(
            f"gate {GATE} is {decision.verdict}: {decision.reason} {decision.next_step}".strip()
        )
    tested = SHIM if loader.shim_version else REAL if loader.owner == LIBZE1 else None
    if decision.choice != tested:
        raise OperationError(
            f"gate {GATE} chose the {decision.choice} {LIBZE1}, but the stack was tested with "
            f"{loader.owner} {loader.version} as owner"
            f"{f' and the shim {loader.shim_version}' if loader.shim_version else ''}: "
            f"{decision.reason}"
        )
    return str(decision.choice)


def decided(loader: LevelZeroLoader, repositories: Sequence[Repository]) -> str:
    """Return SHIM or REAL for the current host.

    Raises:
        OperationError: see `chosen`; also when apt's sources are UNKNOWN.
    """
    state = require(read(AptSources), "state of apt's sources")
    return chosen(loader, decision(GATE), bool(unread(state, repositories)))


@operation()
def loader_gate(
    loader: LevelZeroLoader, repositories: Sequence[Repository], planned: str
) -> Commands:
    """Stop before the packages change when the gate now says something else than the plan.

    + loader: the stack's loader
    + repositories: the declared archives
    + planned: what the plan was made with
    """
    now = decided(loader, repositories)
    if now != planned:
        raise OperationError(f"gate {GATE} says {now} now, the plan was made with {planned}")
    host.noop(f"{planned} {LIBZE1}, {loader.owner} owns the loader")
    yield from ()
