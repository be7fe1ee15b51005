"""`b70 storage budget | prune HOST`: the disk budget, and what can be removed to keep it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Final

import typer

from fleet.cli import context
from fleet.cli.helptext import help_text
from fleet.cli.options import Host, Json
from fleet.cli.reports import Reports, write_reports
from fleet.cli.settings import current
from fleet.cli.storage_prune import EXAMPLES as PRUNE_EXAMPLES
from fleet.cli.storage_prune import prune
from fleet.cli.watch import watched

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help=help_text(
        (
            ("b70 storage budget rig-a", "what is used, what may be used, what is free"),
            ("b70 storage prune rig-a", "old build trees, caches, superseded artifacts"),
        ),
        "Compare disks with their budget; remove old caches and build trees.",
    ),
)

BUDGET_EXAMPLES: Final = (
    ("b70 storage budget rig-a", "directories, then file systems"),
    ("b70 storage budget rig-a --json", "the same for a program"),
)


@app.command(
    "budget",
    short_help="Compare the declared disk budget with what is there.",
    help=help_text(
        BUDGET_EXAMPLES,
        "Compare the declared disk budget with what is there. Changes nothing.\n\n"
        "Exits 0 when everything holds, 2 when something is over or missing, 4 when a part could "
        "not be read.",
    ),
)
def budget(host: Host, json: Json = False, report: Reports = None) -> None:
    from fleet.disks.budget import budget as compare
    from fleet.disks.use import read_use
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.storage import print_budget

    fleet = context.load_fleet()
    spec = fleet.host(host)
    with watched() as emit:
        folders = sorted(spec.storage.directories)
        seen = read_use(context.make_engine(fleet), spec, folders, emit=emit)
    found = compare(spec, seen.disks, seen.trees)
    write_reports(report or (), found.findings(host))
    if json:
        json_report.write(sys.stdout, {"host": host, **asdict(found)})
    else:
        print_budget(console.stdout(current().color), host, found)
    raise typer.Exit(found.exit_code)


app.command(
    "prune",
    short_help="List what can be removed; remove what is named.",
    help=help_text(
        PRUNE_EXAMPLES,
        "List old build trees, caches and superseded artifacts in the declared directories.\n\n"
        "Removes only what is named, after a question or with -y: never what the profile or stack "
        "of the host names, never what a process uses, never outside the declared directories.",
    ),
)(prune)
