"""What a run does to each host, as lists that read aloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fleet.model.plan import HostState
from fleet.run import refuse, steps
from fleet.run.hosterrors import BootSetDrift, NotBootedAsDeclared, RebootPending
from fleet.run.visit import Visit, connected, contained

Step = Callable[[Visit], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps in order.

    Args:
        opening: contact; when one of them fails, nothing else is done.
        steps: the work; an error ends it.
        closing: what is done even then.
        changes: the host may be changed: it stands in the ledger before, and Ctrl-C waits for the
            step in flight.
        locks: it is locked meanwhile.
    """

    opening: tuple[Step, ...]
    steps: tuple[Step, ...] = ()
    closing: tuple[Step, ...] = ()
    changes: bool = False
    locks: bool = False

    def follow(self, visit: Visit) -> None:
        """Follow the recipe on one host; every error ends in the visit's result."""
        with contained(visit), connected(visit):
            for step in self.opening:
                step(visit)
            # an abort (GreenletExit) passes through: nobody waits for a journal, the lease runs out
            with contained(visit):
                for step in self.steps:
                    step(visit)
            for step in self.closing:
                step(visit)


def reboot_where_due(visit: Visit) -> None:
    """Reboot where that is due and allowed, and converge what the new boot still wants.

    Raises:
        RebootPending: nobody allowed it.
        BootSetDrift: the host is in production.
        WrongBoot: it would boot something else.
        NotBootedAsDeclared: it booted, and the reasons are still there.
    """
    result = visit.result
    if not result.state.good or not result.reboot_pending:
        return
    reasons = "; ".join(result.reboot_pending)
    result.certificate = ""
    if not refuse.is_new(visit):
        raise BootSetDrift.of(visit.name, reasons)
    if not visit.allow_reboot:
        raise RebootPending(
            f"{visit.name}: a reboot is pending: {reasons}",
            f"b70 converge --limit {visit.name} --allow-reboot",
        )
    before, visit.saved = result.changed, None
    for step in (refuse.wrong_boot, steps.arm, steps.boot, steps.take, *_ONE_BOOT):
        step(visit)
    result.changed = list(dict.fromkeys([*before, *result.changed]))
    result.cost.reboots = 1
    if result.reboot_pending:
        result.certificate = ""
        raise NotBootedAsDeclared(
            f"{visit.name}: booted, but: {'; '.join(result.reboot_pending)}",
            f"b70 facts {visit.name} boot kernel",
        )
    if result.changed:
        result.state = HostState.CONVERGED


#: Everything that one boot of a host can have.
_ONE_BOOT: Final = (
    steps.plan,
    refuse.stale,
    refuse.inhibited,
    refuse.boot_drift,
    steps.announce,
    steps.apply_whole,
    steps.certify,
)
#: Find out what the host is.
READ: Final = Recipe((steps.read,))
#: Find out what would change; nothing is written on the host.
PLAN: Final = Recipe((steps.look, steps.plan, steps.pending))
#: Bring the host to its declaration, prove it with an empty re-plan, and record both.
CONVERGE: Final = Recipe(
    opening=(steps.take,),
    steps=(*_ONE_BOOT, reboot_where_due, refuse.unproven),
    closing=(steps.record,),
    changes=True,
    locks=True,
)
#: Apply the visit's layers alone: no certificate, no reboot, nothing said about the rest.
APPLY: Final = Recipe(
    opening=(steps.take,),
    steps=(steps.plan_alone, refuse.inhibited, steps.announce, steps.apply_alone),
    closing=(steps.record,),
    changes=True,
    locks=True,
)
