"""How a host came out of a run that did not go to its end: failed, aborted, or cut off unheard.

Writes results; knows neither connections nor steps.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from fleet.base.errors import FleetError, Refused, Unreachable
from fleet.base.exitcodes import ExitCode
from fleet.host.session import CommandTimeout, LostContact
from fleet.model.plan import HostResult, HostState, Resource, ResourceStatus
from fleet.run.hosterrors import Aborted

if TYPE_CHECKING:
    from fleet.run.visit import Visit

#: Outcomes of a resource, see `fleet.model.plan.Resource`.
_DONE: Final = "done"
_FAILED: Final = "failed"
_NOT_RUN: Final = "not-run"
_UNCERTAIN: Final = "uncertain"


def begun(visit: Visit, *, locks: bool) -> HostResult:
    """Return what stays on record of a host if the controller dies now.

    Args:
        locks: the run takes the host's lock, which then stands.
    """
    due = [
        item.model_copy(update={"changes": [], "outcome": _UNCERTAIN})
        for item in visit.result.resources
        if item.status is not ResourceStatus.IN_SYNC
    ]
    found = _ended(visit, HostState.UNCERTAIN, "work began, and no outcome was recorded", due)
    return found.model_copy(update={"lock": visit.run.id if locks else ""})


def abort(visit: Visit, *, changes: bool) -> None:
    """Say that a host's visit was aborted: what it did last is not known, or it changed nothing.

    Args:
        changes: the run may change the host.
    """
    if not (visit.started and changes):
        why = "aborted before anything was changed"
        visit.result = _ended(visit, HostState.NOT_STARTED, why, [])
        return
    changed, in_flight = visit.executed(), visit.in_flight()
    resources = [
        item.model_copy(update={"outcome": _outcome(item, changed, in_flight, _UNCERTAIN)})
        for item in visit.result.resources
    ]
    why = "aborted; what was running there may still finish"
    visit.result = _ended(visit, HostState.UNCERTAIN, why, resources)
    visit.result.changed = changed


def fail(result: HostResult, error: FleetError, in_flight: Collection[str] = ()) -> None:
    """Write down the error that ended a host's work.

    Args:
        in_flight: the resources whose commands were begun and did not end well.
    """
    result.error, result.hint, result.error_id = error.message, error.hint, error.id
    if isinstance(error, Refused):
        result.state = HostState.REFUSED
    elif error.exit_code is ExitCode.PENDING:
        result.state = HostState.PENDING
    elif isinstance(error, LostContact | CommandTimeout) and (result.changed or result.resources):
        # it was being changed when contact was lost: what happened last is not known
        result.state = HostState.UNCERTAIN
    elif isinstance(error, Unreachable):
        result.state = HostState.UNREACHABLE
    else:
        result.state = HostState.FAILED
    # what was refused in flight (by the fence) was not done
    last = {HostState.UNCERTAIN: _UNCERTAIN, HostState.REFUSED: _NOT_RUN}.get(result.state, _FAILED)
    for item in result.resources:
        item.outcome = _outcome(item, result.changed, in_flight, last)


def _outcome(
    item: Resource, changed: Collection[str], in_flight: Collection[str], last: str
) -> str | None:
    """Return what became of one resource.

    Args:
        last: what became of those in flight.
    """
    if item.outcome is not None or item.status is not ResourceStatus.CHANGE:
        return item.outcome
    if item.name in changed:
        return _DONE
    return last if item.name in in_flight else _NOT_RUN


def _ended(visit: Visit, state: HostState, why: str, resources: list[Resource]) -> HostResult:
    return HostResult(
        host=visit.name,
        state=state,
        resources=resources,
        error=f"{visit.name}: {why}",
        error_id=Aborted.id,
        hint=f"b70 plan --limit {visit.name}",
        execs=visit.result.execs,
        seconds=visit.result.seconds,
        lock=visit.run.id if visit.may_hold_lock else "",
    )
