"""Applies a plan until the next one is empty, and names the resources that want the same again.

A plan that a person saw is applied as it was shown: what it puts out of sync beside that waits for
the next plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from deploys.layer import Layer
from fleet.host.keys import FactKey, Key
from fleet.model.events import Phase
from fleet.model.plan import HostResult, HostState, ResourceStatus
from fleet.run import outcome, refuse
from fleet.run.executor import HostRun
from fleet.run.hosterrors import NotIdempotent, NotShown
from fleet.run.planner import PlannedOp
from fleet.run.visit import Visit

#: Passes over the layers before a host counts as not idempotent: the second and third are for
#: resources that were in sync and that another resource's change has put out of sync.
MAX_PASSES: Final = 3


def apply_until_empty(visit: Visit, proof: Sequence[FactKey]) -> None:
    """Apply pass after pass until the re-plan is empty or a resource wants the same thing twice.

    Args:
        proof: facts that the re-plan is checked with, beside those that the layers ask for.
    """
    work, cache, result = visit.begin_work(), visit.cache, visit.result
    shown = _shown(visit.saved)
    first_plan = {item.name: item for item in result.resources}
    try:
        for _ in range(MAX_PASSES):
            for layer in visit.layers:
                # a layer before may have changed the host: what this one reads is read anew
                if lacking := cache.lacking(_reads(work, layer, visit.planned)):
                    cache.fetch(lacking)
                visit.enter(Phase.APPLY)
                now = work.planner.plan([layer], to_apply=True)
                refuse.broken(visit, now)
                work.apply(
                    [op for op in now if _is_due(op) and (shown is None or op.name in shown)]
                )
            visit.enter(Phase.VERIFY)
            cache.fetch([*proof, *cache.seen])
            visit.planned = work.planner.plan(visit.layers)
            if proof:
                visit.remember(proof)
            again = [op for op in visit.planned if op.commands and not op.conditional]
            restless = [op for op in again if op.name in work.executed]
            unseen = [op for op in again if shown is not None and op.name not in shown]
            if restless or unseen or not again:
                break
    finally:
        # also when a pass ends with an error: what was executed is on record
        result.changed = list(dict.fromkeys(work.executed))
    outcome.describe_plan(visit)
    refuse.broken(visit, visit.planned)
    for item in result.resources:
        item.seconds = work.seconds.get(item.name)
        if item.name in result.changed:
            item.outcome = "done"
            item.why = item.why or ["changed in this run"]
            if item.status is ResourceStatus.IN_SYNC:
                item.changes = first_plan[item.name].changes if item.name in first_plan else []
    if unseen and not restless:
        names = ", ".join(op.name for op in unseen)
        result.state = HostState.PENDING
        result.error = f"{visit.name}: the plan is applied; now this is due, too: {names}"
        result.error_id = NotShown.id
        result.hint = f"b70 plan --limit {visit.name}"
    elif again:
        names = ", ".join(op.name for op in (restless or again))
        result.state = HostState.NOT_IDEMPOTENT
        result.error = f"{visit.name}: after applying, the plan is not empty: {names}"
        result.error_id = NotIdempotent.id
        result.hint = f"b70 plan --limit {visit.name}   # shows what it wants again"
    else:
        result.state = HostState.CONVERGED


def _shown(saved: HostResult | None) -> frozenset[str] | None:
    """Return the resources that a person saw as changing; None when nobody was shown a plan."""
    if saved is None:
        return None
    due = (item for item in saved.resources if item.status is not ResourceStatus.IN_SYNC)
    return frozenset(item.name for item in due)


def _is_due(op: PlannedOp) -> bool:
    return bool(op.commands) or op.conditional


def _reads(work: HostRun, layer: Layer, planned: Sequence[PlannedOp]) -> list[Key]:
    """Return the facts that a layer and its resources read when they were last planned."""
    own = (key for op in planned if op.layer == layer.name for key in op.reads)
    return [*work.planner.layer_reads.get(layer.name, ()), *own]
