"""The end of a converge: what changed, a row per host with totals, then what needs a person."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from fleet.model.plan import HostResult, HostState, RunResult
from fleet.report import words
from fleet.report.durations import short
from fleet.report.terminal.columns import Cell, columns
from fleet.report.terminal.error import problem

#: Characters of a certificate that are enough to tell two apart.
_CERTIFICATE: Final = 12
_HEADING: Final = ("HOST", "STATE", "CHANGED", "REBOOTS", "EXECS", "TIME", "CERTIFICATE")
_NUMBERS: Final = (2, 3, 4, 5)


def print_summary(console: Console, result: RunResult) -> None:
    """Print what was changed, the table of hosts with its totals, and the summary line."""
    for host in result.hosts:
        if lines := changed_lines(host):
            console.print(Text(host.host, style="bold"))
            for line in lines:
                console.print(line, soft_wrap=True)
            console.print()
    rows: list[Sequence[Cell]] = [_HEADING, *map(_row, result.hosts), _totals(result)]
    for row in columns(rows, right=_NUMBERS):
        console.print(row, soft_wrap=True)
    console.print()
    text = Text("Converge: ", style="bold")
    changed = sum(len(host.changed) for host in result.hosts)
    counts = words.states(host.state for host in result.hosts)
    text.append(
        f"{words.count(len(result.hosts), 'host')}: {counts}; "
        f"{words.count(changed, 'resource')} changed in {short(result.seconds)}",
        style="not bold",
    )
    console.print(text, soft_wrap=True)


def changed_lines(host: HostResult) -> list[Text]:
    """Return one line per resource that a run changed on a host, in order."""
    took = {resource.name: resource.seconds for resource in host.resources}
    lines = []
    for name in host.changed:
        text = Text("  ").append("~", style="yellow").append(f" {name}")
        seconds = took.get(name)
        if seconds is not None:
            text.append(f"  {short(seconds)}", style="dim")
        lines.append(text)
    return lines


def print_problems(console: Console, result: RunResult, retry: Sequence[str]) -> None:
    """Print the hosts that need a person, last of all, and the command that tries them again.

    A host that waits for something (a reboot, another plan) says what for; trying again is no help.

    Args:
        retry: the words before `--limit`, such as `b70 converge`.
    """
    hosts = result.troubled
    waiting = [host for host in result.hosts if host.error and not host.state.troubled]
    for host in [*waiting, *hosts]:
        console.print(
            Text.assemble((host.host, "bold"), (f"  {host.state.value}", _style(host.state))),
            soft_wrap=True,
        )
        error = host.error.removeprefix(f"{host.host}: ") or _default_error(host)
        problem(console, error, words.next_steps(host), host.error_id, indent=2)
    if hosts:
        names = ",".join(host.host for host in result.hosts if host in hosts)
        count = words.count(len(hosts), "host")
        console.print(Text(f"{count} to look at. When that is done, retry:", style="red"))
        console.print(Text(f"  {shlex.join(retry)} --limit {names}"), soft_wrap=True)


def _row(host: HostResult) -> list[Cell]:
    return [
        host.host,
        Text(host.state.value, style=_style(host.state)),
        str(len(host.changed)),
        str(host.cost.reboots),
        str(host.execs),
        short(host.seconds),
        host.certificate[:_CERTIFICATE],
    ]


def _totals(result: RunResult) -> list[Cell]:
    good = len(result.hosts) - len(result.troubled)
    return [
        words.count(len(result.hosts), "host"),
        f"{good} good",
        str(sum(len(host.changed) for host in result.hosts)),
        str(sum(host.cost.reboots for host in result.hosts)),
        str(sum(host.execs for host in result.hosts)),
        short(result.seconds),
        "",
    ]


def _default_error(host: HostResult) -> str:
    if host.state is HostState.NOT_IDEMPOTENT:
        return "the plan after the apply is not empty"
    return f"the host is {host.state.value}"


def _style(state: HostState) -> str:
    return words.STATE_STYLE[state]
