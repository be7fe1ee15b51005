"""The ledger for the terminal: the list of runs, and one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from fleet.base.exitcodes import ExitCode
from fleet.ledger import RunRecord, RunState, RunSummary
from fleet.model.plan import HostResult
from fleet.report import words
from fleet.report.durations import short
from fleet.report.terminal.columns import Cell, columns
from fleet.report.terminal.error import problem
from fleet.report.terminal.summary import changed_lines

_HEADING: Final = ("RUN", "STARTED", "COMMAND", "HOSTS", "CHANGED", "TIME", "RESULT")
_NUMBERS: Final = (3, 4, 5)


def print_runs(console: Console, runs: Sequence[RunSummary]) -> None:
    """Print one row per run, newest first."""
    rows: list[Sequence[Cell]] = [_HEADING, *map(_row, runs)]
    for line in columns(rows, right=_NUMBERS):
        console.print(line, soft_wrap=True)


def print_run(console: Console, record: RunRecord) -> None:
    """Print what one run did, host by host."""
    run = record.summary
    head = Text(run.run, style="bold")
    head.append(f"  {run.command}, fleet {run.fleet}, started {run.started}", style="not bold")
    console.print(head, soft_wrap=True)
    console.print(_outcome(run), soft_wrap=True)
    for host in record.hosts:
        console.print()
        _host(console, host)


def _host(console: Console, host: HostResult) -> None:
    text = Text(host.host, style="bold")
    text.append(f"  {host.state.value}", style=words.STATE_STYLE[host.state])
    text.append(f"  {short(host.seconds)}, {words.count(host.execs, 'exec')}", style="dim")
    console.print(text, soft_wrap=True)
    for line in changed_lines(host):
        console.print(line, soft_wrap=True)
    for resource in host.resources:
        if resource.outcome in ("failed", "uncertain"):
            console.print(Text(f"  {resource.outcome} {resource.name}", style="red"))
    if host.certificate:
        console.print(Text(f"  certificate {host.certificate}"), soft_wrap=True)
    if host.error:
        error = host.error.removeprefix(f"{host.host}: ")
        problem(console, error, words.next_steps(host), host.error_id, indent=2)


def _row(run: RunSummary) -> list[Cell]:
    return [
        run.run,
        run.started[:19] + "Z",
        run.command,
        str(len(run.hosts)),
        str(run.changed),
        "" if run.seconds is None else short(run.seconds),
        _outcome(run),
    ]


def _outcome(run: RunSummary) -> Text:
    if run.state is RunState.INTERRUPTED:
        return Text("interrupted: it never finished", style="red")
    if run.state is RunState.RUNNING:
        return Text("running", style="cyan")
    counts = words.tally(Counter(run.hosts.values()))
    code = run.exit_code if run.exit_code is not None else ExitCode.CLEAN
    clean = code in (ExitCode.CLEAN, ExitCode.PENDING)
    return Text(f"{counts or 'no hosts'} (exit {code.value})", style="green" if clean else "red")
