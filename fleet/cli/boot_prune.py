"""`b70 boot prune HOST [SET]...`: remove boot sets that nothing needs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fleet.base.exitcodes import ExitCode
from fleet.cli import context
from fleet.cli.approve import require_yes
from fleet.cli.options import Host, Json
from fleet.cli.settings import current
from fleet.cli.watch import watched

if TYPE_CHECKING:
    from declaration.host import HostSpec
    from fleet.bootsets.prune import PrunePlan
    from fleet.config import Fleet

EXAMPLES: Final = (
    ("b70 boot prune rig-a --dry-run", "what nothing needs, and what would be done"),
    ("b70 boot prune rig-a", "remove it, after a question"),
    ("b70 boot prune rig-a b70-7.0.0-28-generic-0a1b2c3d4e -y", "one set, without a question"),
)
DESCRIPTION: Final = (
    "Remove boot sets that nothing needs: the named ones, else every one without a role.\n\n"
    "Shows the sets, the bytes, the packages whose hold ends, and the command that removes the "
    "packages which nothing needs any more; it removes no package itself. Refused (exit 3) for a "
    "set that is the default, the fallback, declared, running, armed or under trial, or whose role "
    "cannot be told. Wherever it is cut off, what boots by default stays as it is; the same "
    "command goes on from there.\n\n"
    "--dry-run exits 2 when something would be removed; with --json it prints host, sets (as `b70 "
    "boot list`), kept (name, why), bytes, ends_hold, unneeded, purge (null for none) and notes."
)
#: A full /boot is what prune is there for.
_EXCUSED: Final = frozenset({"disk-full"})

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[SET]...", help="Sets to remove, as listed.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def prune(
    host: Host, name: Names = None, dry_run: DryRun = False, yes: Yes = False, json: Json = False
) -> None:
    from fleet.bootsets.prune import ALSO, prune_plan
    from fleet.bootsets.read import read_sets
    from fleet.report import words
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.bootsets import print_prune

    fleet = context.load_fleet()
    spec = fleet.host(host)
    with watched() as emit:
        given = read_sets(context.make_engine(fleet), spec, ALSO, emit)
    plan = prune_plan(spec, given, name or ())
    if json and (dry_run or not plan.sets):
        json_report.write(sys.stdout, plan)
    elif not json:
        print_prune(console.stdout(current().color), plan)
    if dry_run or not plan.sets:
        raise typer.Exit(ExitCode.PENDING if plan.sets else ExitCode.CLEAN)
    if not yes:
        require_yes(f"Remove {words.count(len(plan.sets), 'boot set')} of {host} for good?")
    _remove(fleet, spec, plan, json)


def _remove(fleet: Fleet, spec: HostSpec, plan: PrunePlan, json: bool) -> None:
    from fleet.bootsets.prune import prune_layer
    from fleet.cli.outcome import finish
    from fleet.run import order

    with watched() as emit:
        wanted = order.apply([prune_layer(plan.names)], "boot prune", _EXCUSED)
        result = context.make_engine(fleet).run([spec], wanted, emit).result
    finish(result, json)
