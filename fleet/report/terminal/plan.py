"""A plan for the terminal: per host and resource what is in sync, will change or may change.

Resources that are in sync collapse to a count; diffs and commands stand below their resource.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from fleet.model.plan import (
    Change,
    GateResult,
    HostResult,
    HostState,
    Resource,
    ResourceStatus,
    RunResult,
)
from fleet.report import words
from fleet.report.terminal.diff import diff_lines
from fleet.report.terminal.problem import problem


@dataclass(frozen=True, slots=True)
class View:
    """How much of a plan to show."""

    diffs: bool = True
    #: also the resources that are in sync, and the gates that pass
    everything: bool = False


def print_plan(console: Console, result: RunResult, view: View = View()) -> None:
    """Print every host's plan, troubled hosts last, then the summary."""
    calm = [host for host in result.hosts if host.state not in words.TROUBLED]
    for host in [*calm, *troubled(result)]:
        _host(console, host, view)
    console.print(_summary(result), soft_wrap=True)


def troubled(result: RunResult) -> list[HostResult]:
    """Return the hosts that need a person, the worst kind last, else in inventory order."""
    listed = [host for host in result.hosts if host.state in words.TROUBLED]
    return sorted(listed, key=lambda host: words.TROUBLED.index(host.state))


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
        problem(console, message, host.hint, host.error_id, indent=2)
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
    head.append(words.SYMBOL[resource.status], style=words.RESOURCE_STYLE[resource.status])
    head.append(f" {resource.name}")
    head.append(f"  {resource.layer}", style="dim")
    console.print(head, soft_wrap=True)
    for reason in resource.why:
        console.print(Text(f"      {reason}", style="dim"), soft_wrap=True)
    for change in resource.changes:
        _change(console, change, view)


def _change(console: Console, change: Change, view: View) -> None:
    mark = {"shell": "$", "write": "write", "python": "python"}.get(change.kind, change.kind)
    first, *rest = change.text.splitlines() or [""]
    console.print(Text(f"      {mark} {first}"), soft_wrap=True)
    for line in rest:
        console.print(Text(f"      {' ' * len(mark)} {line}"), soft_wrap=True)
    if view.diffs:
        for text in diff_lines(change.diff, indent=8):
            console.print(text, soft_wrap=True)


def _gates(console: Console, gates: list[GateResult]) -> None:
    for gate in gates:
        head = Text("  gate ")
        head.append(gate.verdict, style=words.VERDICT_STYLE.get(gate.verdict, ""))
        head.append(f" {gate.id}")
        if gate.choice is not None:
            head.append(f" -> {gate.choice}")
        head.append(f": {gate.reason}")
        if gate.simulated:
            head.append(" [simulated]", style="cyan")
        console.print(head, soft_wrap=True)
        if gate.next_step:
            console.print(Text(f"      next: {gate.next_step}"), soft_wrap=True)


def _summary(result: RunResult) -> Text:
    total = words.total_cost(host.cost for host in result.hosts)
    text = Text("Plan: ", style="bold")
    text.append(f"{words.count(len(result.hosts), 'host')}: ", style="not bold")
    text.append(words.states(host.state for host in result.hosts), style="not bold")
    text.append(f"; {words.cost_words(total)}", style="not bold")
    return text
