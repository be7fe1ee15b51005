"""How a verb that changed one host ends: its changes, its problem, its exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import typer

from fleet.cli.settings import current

if TYPE_CHECKING:
    from fleet.model.plan import RunResult


def finish(result: RunResult, json: bool) -> NoReturn:
    """Print what a run did and end with its exit code."""
    from rich.text import Text

    from fleet.report import words
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.error import problem
    from fleet.report.terminal.summary import changed_lines

    settings = current()
    if json:
        json_report.write_result(sys.stdout, result)
        raise typer.Exit(result.exit_code)
    out = console.stdout(settings.color)
    for host in result.hosts:
        for line in changed_lines(host):
            out.print(line, soft_wrap=True)
        if host.error:
            steps = words.next_steps(host)
            problem(console.stderr(settings.color), host.error, steps, host.error_id)
            continue
        for item in host.resources:
            if item.name not in host.changed:
                out.print(Text(f"  = {item.name}  {'; '.join(item.why)}", "dim"), soft_wrap=True)
        out.print(Text(f"{host.host}: {host.state.value}", "dim"), soft_wrap=True)
    raise typer.Exit(result.exit_code)
