"""The words, symbols and colours of statuses, in one place so that all reports agree. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from fleet.model.plan import Action, Cost, HostResult, HostState, Resource, ResourceStatus

#: Symbols of what applying does, as Terraform users know them, and their styles.
ACTION: Final = {
    Action.CREATE: ("+", "green"),
    Action.CHANGE: ("~", "yellow"),
    Action.REMOVE: ("-", "red"),
}
_IN_SYNC: Final = ("=", "dim")
_CONDITIONAL: Final = ("?", "cyan")
#: What the symbols of a plan mean.
LEGEND: Final = "+ create  ~ change  - remove  ? only if another resource changes  = in sync"
STATE_STYLE: Final = {
    HostState.READ: "green",
    HostState.IN_SYNC: "green",
    HostState.PENDING: "yellow",
    HostState.CONVERGED: "green",
    HostState.DONE: "green",
    HostState.NOT_IDEMPOTENT: "red",
    HostState.FAILED: "red",
    HostState.REFUSED: "magenta",
    HostState.UNREACHABLE: "red",
    HostState.UNCERTAIN: "red",
    HostState.NOT_STARTED: "magenta",
}
VERDICT_STYLE: Final = {"PASS": "green", "WARN": "yellow", "FAIL": "red", "UNKNOWN": "magenta"}


def symbol(resource: Resource) -> tuple[str, str]:
    """Return the symbol of a resource in a plan, and its style."""
    if resource.status is ResourceStatus.IN_SYNC:
        return _IN_SYNC
    return (
        _CONDITIONAL if resource.status is ResourceStatus.CONDITIONAL else ACTION[resource.action]
    )


def size(count: int) -> str:
    """Return bytes as people read them, such as `0.7 GiB`."""
    number, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < 1000:
            break
        number, unit = number / 1024, larger
    return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"


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


def next_steps(host: HostResult) -> str:
    """Return what to do about a host, a line each: its hint, and the lock that a run left there."""
    lines = host.hint.splitlines()
    unlock = f"b70 unlock {host.host} --lock {host.lock} "
    if host.lock and not any(line.startswith(unlock) for line in lines):
        why = "its lock may stand; first see that nothing of that run goes on there"
        lines.append(f'{unlock}--reason "..."   # {why}')
    return "\n".join(lines)


def cost_words(cost: Cost) -> str:
    """Return the cost line: changes, reboots, restarts, time, download, GPUs out."""
    from fleet.report.durations import about

    parts = [count(cost.changes, "change"), count(cost.reboots, "reboot")]
    if cost.restarts:
        parts.append(f"restarts {', '.join(cost.restarts)}")
    if cost.minutes:
        parts.append(about(cost.minutes))
    if cost.download is None:
        parts.append("a download of unknown size")
    elif cost.download:
        parts.append(f"{size(cost.download)} to download")
    parts.append(f"{count(cost.gpus_out, 'GPU')} out")
    return ", ".join(parts)


def total_download(counts: Iterable[int | None]) -> int | None:
    """Return the sum of downloads; None when one of them is not known."""
    known = list(counts)
    return None if None in known else sum(count or 0 for count in known)


def total_cost(costs: Iterable[Cost]) -> Cost:
    """Return the cost of several hosts; minutes are the slowest one's (they run together)."""
    listed = list(costs)
    return Cost(
        changes=sum(cost.changes for cost in listed),
        restarts=sorted({name for cost in listed for name in cost.restarts}),
        reboots=sum(cost.reboots for cost in listed),
        minutes=max((cost.minutes for cost in listed), default=0.0),
        gpus_out=sum(cost.gpus_out for cost in listed),
        download=total_download(cost.download for cost in listed),
    )
