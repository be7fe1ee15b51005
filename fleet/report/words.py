"""The words, symbols and colours of statuses, in one place so that all reports agree. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from fleet.model.plan import Cost, HostState, ResourceStatus

#: Symbols before a resource; `~` and `?` as Terraform users know them.
SYMBOL: Final = {
    ResourceStatus.IN_SYNC: "=",
    ResourceStatus.CHANGE: "~",
    ResourceStatus.CONDITIONAL: "?",
}
RESOURCE_STYLE: Final = {
    ResourceStatus.IN_SYNC: "dim",
    ResourceStatus.CHANGE: "yellow",
    ResourceStatus.CONDITIONAL: "cyan",
}
STATE_STYLE: Final = {
    HostState.IN_SYNC: "green",
    HostState.PENDING: "yellow",
    HostState.CONVERGED: "green",
    HostState.NOT_IDEMPOTENT: "red",
    HostState.FAILED: "red",
    HostState.REFUSED: "magenta",
    HostState.UNREACHABLE: "red",
    HostState.UNCERTAIN: "red",
    HostState.NOT_STARTED: "magenta",
}
VERDICT_STYLE: Final = {"PASS": "green", "WARN": "yellow", "FAIL": "red", "UNKNOWN": "magenta"}

#: States that a person has to do something about, in the order in which they are listed.
TROUBLED: Final = (
    HostState.REFUSED,
    HostState.NOT_IDEMPOTENT,
    HostState.FAILED,
    HostState.UNREACHABLE,
    HostState.UNCERTAIN,
    HostState.NOT_STARTED,
)


def count(number: int, noun: str, plural: str = "") -> str:
    """Return `1 host`, `2 hosts`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def tally(counts: Mapping[str, int]) -> str:
    """Return `2 pending, 1 in-sync`, leaving zeros out."""
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)


def states(found: Iterable[HostState]) -> str:
    """Return how many hosts are in which state, in the order of HostState."""
    counts = Counter(found)
    return tally({state.value: counts[state] for state in HostState})


def cost_words(cost: Cost) -> str:
    """Return the cost line: changes, reboots, restarts, time, GPUs out."""
    from fleet.report.durations import about

    parts = [count(cost.changes, "change"), count(cost.reboots, "reboot")]
    if cost.restarts:
        parts.append(f"restarts {', '.join(cost.restarts)}")
    if cost.minutes:
        parts.append(about(cost.minutes))
    parts.append(f"{count(cost.gpus_out, 'GPU')} out")
    return ", ".join(parts)


def total_cost(costs: Iterable[Cost]) -> Cost:
    """Return the cost of several hosts; minutes are the slowest one's (they run together)."""
    listed = list(costs)
    return Cost(
        changes=sum(cost.changes for cost in listed),
        restarts=sorted({name for cost in listed for name in cost.restarts}),
        reboots=sum(cost.reboots for cost in listed),
        minutes=max((cost.minutes for cost in listed), default=0.0),
        gpus_out=sum(cost.gpus_out for cost in listed),
    )
