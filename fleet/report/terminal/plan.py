"""A plan for the terminal: per host and resource what will change, why, and what it costs.

Resources that are in sync collapse to a count; the commands are shown only when asked for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from fleet.model.finding import Finding
from fleet.model.plan import (
    Change,
    Difference,
    HostResult,
    HostState,
    Resource,
    ResourceStatus,
    RunResult,
)
from fleet.report import words
from fleet.report.terminal.diff import diff_lines
from fleet.report.terminal.error import problem


@dataclass(frozen=True, slots=True)
class View:
    """How much of a plan to show."""

    diffs: bool = True
    #: also the commands, the resources that are in sync, and the gates that pass
    everything: bool = False


def print_plan(console: Console, result: RunResult, view: View = View()) -> None:
    """Print every host's plan, troubled hosts last, then the summary."""
    calm = [host for host in result.hosts if not host.state.troubled]
    for host in [*calm, *result.troubled]:
        _host(console, host, view)
    if any(host.cost.changes for host in result.hosts):
        console.print(Text(words.LEGEND, style="dim"), soft_wrap=True)
    console.print(_summary(result), soft_wrap=True)


def _host(console: Console, host: HostResult, view: View) -> None:
    head = Text(host.host, style="bold")
    head.append(f"  {_headline(host)}", style=words.STATE_STYLE[host.state])
    console.print(head, soft_wrap=True)
    for resource in host.resources:
        if view.everything or resource.status is not ResourceStatus.IN_SYNC:
            _resource(console, resource, view)
    _gates(console, [gate for gate in host.gates if view.everything or gate.verdict != "PASS"])
    if host.cost.changes or host.cost.reboots:
        console.print(Text(f"  cost: {words.cost_words(host.cost)}"), soft_wrap=True)
    if host.error:
        message = host.error.removeprefix(f"{host.host}: ")
        problem(console, message, words.next_steps(host), host.error_id, indent=2)
    console.print()


def _headline(host: HostResult) -> str:
    counts = Counter(resource.status for resource in host.resources)
    parts = words.tally(
        {
            "to change": counts[ResourceStatus.CHANGE],
            "conditional": counts[ResourceStatus.CONDITIONAL],
            "in sync": counts[ResourceStatus.IN_SYNC],
        }
    )
    if host.state in (HostState.PENDING, HostState.IN_SYNC):
        return parts or host.state.value
    return f"{host.state.value} ({parts})" if parts else host.state.value


def _resource(console: Console, resource: Resource, view: View) -> None:
    head = Text("  ")
    head.append(*words.symbol(resource))
    head.append(f" {resource.name}")
    head.append(f"  {resource.layer}", style="dim")
    console.print(head, soft_wrap=True)
    for reason in resource.why:
        console.print(Text(f"      {reason}", style="dim"), soft_wrap=True)
    for item in resource.differences:
        console.print(Text(f"      {_difference(item)}"), soft_wrap=True)
    for unit, why in resource.restarts.items():
        console.print(Text(f"      restarts {unit}: {why}"), soft_wrap=True)
    for change in resource.changes:
        _change(console, change, view)


def _difference(item: Difference) -> str:
    """Return `mode: 0777 -> 0644`, or what comes or goes."""
    if item.seen is None:
        return f"+ {item.what}: {item.expected}" if item.expected else f"+ {item.what}"
    if item.expected is None:
        return f"- {item.what}: {item.seen}" if item.seen else f"- {item.what}"
    return f"{item.what}: {item.seen} -> {item.expected}"


def _change(console: Console, change: Change, view: View) -> None:
    if view.everything:
        mark = {"shell": "$", "write": "write", "python": "python"}.get(change.kind, change.kind)
        first, *rest = change.text.splitlines() or [""]
        console.print(Text(f"      {mark} {first}"), soft_wrap=True)
        for line in rest:
            console.print(Text(f"      {' ' * len(mark)} {line}"), soft_wrap=True)
    if view.diffs:
        for text in diff_lines(change.diff, indent=8):
            console.print(text, soft_wrap=True)


def _gates(console: Console, gates: list[Finding]) -> None:
    for found in gates:
        head = Text("  gate ")
        head.append(found.verdict, style=words.VERDICT_STYLE[found.verdict])
        head.append(f" {found.id}")
        if found.gate is not None and found.gate.value is not None:
            head.append(f" -> {found.gate.value}")
        head.append(f": {found.text}")
        if found.simulated:
            head.append(" [simulated]", style="cyan")
        console.print(head, soft_wrap=True)
        if found.remedy:
            console.print(Text(f"      next: {found.remedy}"), soft_wrap=True)


def _summary(result: RunResult) -> Text:
    total = words.total_cost(host.cost for host in result.hosts)
    text = Text("Plan: ", style="bold")
    text.append(f"{words.count(len(result.hosts), 'host')}: ", style="not bold")
    text.append(words.states(host.state for host in result.hosts), style="not bold")
    text.append(f"; {words.cost_words(total)}", style="not bold")
    return text
