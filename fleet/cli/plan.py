"""`b70 plan`: what converge would change."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fleet.cli import context
from fleet.cli.options import All, Exclude, Json, Limit, NoDiff, Parallel
from fleet.cli.settings import current
from fleet.cli.watch import watched

if TYPE_CHECKING:
    from fleet.model.plan import RunResult

EXAMPLES: Final = (
    ("b70 plan", "the whole fleet"),
    ("b70 plan --limit rig-a,@lab", "one host and a group"),
    ("b70 plan --limit '*,!rig-b' --no-diff", "all but one, without diffs"),
    ("b70 plan -o p.json && b70 converge p.json", "apply exactly what was shown"),
)

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Save the plan for `b70 converge FILE`."),
]


def plan(
    limit: Limit = None,
    exclude: Exclude = None,
    all: All = False,
    json: Json = False,
    output: Output = None,
    no_diff: NoDiff = False,
    parallel: Parallel = 0,
) -> None:
    """Show, per host and resource, what converge would change, and what that costs.

    Reads the hosts and changes nothing. Without a limit it plans the whole fleet. Exits 0 when
    every host is in sync, 2 when changes are pending.
    """
    from fleet.report.formats import json_report
    from fleet.run import order
    from fleet.run.savedplan import save

    fleet = context.load_fleet()
    # reading the whole fleet needs no --all, and with it `--limit '!x'` means all but x
    hosts = fleet.select(limit or (), exclude or (), everything=True)
    with watched() as emit:
        result = context.make_engine(fleet, parallel).run(hosts, order.plan(), emit).result
    if output is not None:
        save(result, output)
    if json:
        json_report.write_result(sys.stdout, result)
    else:
        show(result, no_diff)
    raise typer.Exit(result.exit_code)


def show(result: RunResult, no_diff: bool) -> None:
    """Print a plan on stdout."""
    from fleet.report.terminal import console
    from fleet.report.terminal.plan import View, print_plan

    settings = current()
    print_plan(console.stdout(settings.color), result, View(not no_diff, settings.verbose > 0))
