"""What a person asked for: a recipe with its particulars, the same for every host of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from declaration.host import HostSpec
from deploys.layer import Layer
from facts.base import HostFact
from facts.registry import all_facts
from fleet.host.keys import FactKey
from fleet.model.plan import HostResult, RunResult
from fleet.run import steps
from fleet.run.recipe import APPLY, CONVERGE, PLAN, READ, Recipe
from fleet.run.steps import asked_by_gates, keys, normal
from gates.needed import FACTS as NEEDED


@dataclass(frozen=True, slots=True)
class Order:
    """What to do on every host of a run.

    Args:
        recipe: the steps.
        command: what the ledger calls the run; None = it is not recorded.
        layers: what is planned and applied; None = the site.
        only: facts to read; None = all normal ones.
        also: facts to read beside these.
        for_gates: beside these, the facts with arguments that the gates ask for.
        questions: facts with arguments of this run's own.
        saved: host -> a plan of before; only these, and only while they are still true.
        allow_reboot: a new host may boot its first boot set.
        excused: preflight findings that do not stop the run.
    """

    recipe: Recipe
    command: str | None = None
    layers: Sequence[Layer] | None = ()
    only: Sequence[type[HostFact[Any]]] | None = None
    also: Sequence[type[HostFact[Any]]] = ()
    for_gates: bool = True
    questions: Sequence[FactKey] = ()
    saved: Mapping[str, HostResult] = field(default_factory=dict)
    allow_reboot: bool = False
    excused: frozenset[str] = frozenset()

    def reads(self, spec: HostSpec) -> list[FactKey]:
        """Return the facts to read on a host."""
        root = spec.probe_root
        own = keys(root, normal() if self.only is None else self.only)
        more = asked_by_gates() if self.for_gates else []
        return list(dict.fromkeys([*own, *more, *keys(root, self.also)]))


def read(
    only: Sequence[str] = (), also: Sequence[str] = (), questions: Sequence[FactKey] = ()
) -> Order:
    """Read facts: every normal one unless some are named.

    Args:
        only: the domains to read.
        also: domains to read beside the normal ones.
        questions: facts with arguments; the visit has their answers.
    """
    known = all_facts()
    return Order(
        READ,
        only=[known[name] for name in only] if only else None,
        also=[known[name] for name in also],
        for_gates=not only,
        questions=questions,
    )


def judge(also: Sequence[str] = ()) -> Order:
    """Read what the gates ask for, and no more.

    Args:
        also: domains to read beside these.
    """
    known = all_facts()
    return Order(READ, only=NEEDED, also=[known[name] for name in also])


def plan() -> Order:
    """Find out what would change on the hosts; nothing is written there."""
    return Order(PLAN, "plan", layers=None)


def converge(saved: RunResult | None = None, *, allow_reboot: bool = False) -> Order:
    """Bring the hosts to their declaration.

    Args:
        saved: only these plans, and only while they are still true.
        allow_reboot: a new host may boot its first boot set.
    """
    plans = {result.host: result for result in saved.hosts} if saved else {}
    return Order(CONVERGE, "converge", layers=None, saved=plans, allow_reboot=allow_reboot)


def unlock(lock: str, reason: str) -> Order:
    """Remove the lock of a run that is dead; the visit has what the host said.

    Args:
        lock: its id, so that nobody else's is removed.
        reason: recorded in the host's journal.
    """
    step = partial(steps.unlock, holder=lock, reason=reason)
    return Order(Recipe((step,), changes=True), "unlock", only=())


def apply(layers: Sequence[Layer], command: str, excused: frozenset[str] = frozenset()) -> Order:
    """Apply layers that are not part of the site: one phase's resources, a person's request.

    Locked, verified and recorded like a converge; it gives no certificate.

    Args:
        command: what the ledger calls the run.
        excused: preflight findings that do not stop it.
    """
    return Order(APPLY, command, layers=layers, excused=excused)
