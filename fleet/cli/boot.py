"""`b70 boot list | show | prune HOST`: the boot sets of a host."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fleet.base.exitcodes import ExitCode
from fleet.cli import context
from fleet.cli.boot_prune import DESCRIPTION as PRUNE_DESCRIPTION
from fleet.cli.boot_prune import EXAMPLES as PRUNE_EXAMPLES
from fleet.cli.boot_prune import prune
from fleet.cli.helptext import help_text
from fleet.cli.options import Host, Json
from fleet.cli.settings import current
from fleet.cli.watch import watched

if TYPE_CHECKING:
    from declaration.host import HostSpec
    from facts.readings import Readings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help=help_text(
        (
            ("b70 boot list rig-a", "sets, what each is there for, when it booted"),
            ("b70 boot prune rig-a --dry-run", "what could be removed"),
        ),
        "Show the boot sets of a host, and remove those that nothing needs.",
    ),
)

LIST_EXAMPLES: Final = (
    ("b70 boot list rig-a", "one row for each set, then what is wrong"),
    ("b70 boot list rig-a --json | jq '.sets[] | select(.roles == [])'", "sets without a role"),
)
SHOW_EXAMPLES: Final = (
    ("b70 boot show rig-a b70-7.0.0-38-generic-1f2e3d4c5b", "packages, words, files, menu entry"),
    ("b70 boot show rig-a b70-7.0.0-38-generic-1f2e3d4c5b -v", "hashes in full, every boot"),
)

Set = Annotated[str, typer.Argument(metavar="SET", help="Name of the set, as listed.")]


@app.command(
    "list",
    short_help="List the boot sets of a host.",
    help=help_text(
        LIST_EXAMPLES,
        "List the boot sets of a host: size, whether each is complete, what it is there for, when "
        "it booted last and how often. Changes nothing.\n\n"
        "Roles: default (GRUB boots it when nobody chooses), recorded (made the default last, but "
        "GRUB says otherwise), fallback, running, next (armed for one boot), trial. The declared "
        "set is marked. Past boots come from the journal.\n\n"
        "--json: host, declared (name or null), sets, elsewhere (what boots and is no set), "
        "unknown, notes; of each set name, release, boot_bytes, firmware_bytes, state (complete, "
        "incomplete, UNKNOWN), faults, roles, declared, boots (null = UNKNOWN), last_boot "
        "(ISO-8601 UTC or null).",
    ),
)
def list_sets(host: Host, json: Json = False) -> None:
    from fleet.bootsets.listing import listing
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.bootsets import print_sets

    spec, given = _read(host)
    found = listing(spec, given)
    if json:
        json_report.write(sys.stdout, found)
    else:
        print_sets(console.stdout(current().color), found)
    raise typer.Exit(ExitCode.UNREACHABLE if found.unknown else ExitCode.CLEAN)


@app.command(
    "show",
    short_help="Show everything about one boot set.",
    help=help_text(
        SHOW_EXAMPLES,
        "Show one boot set: what it was made of, what is wrong with it, what it is there for, its "
        "menu entry as GRUB would boot it, and when it booted. Changes nothing.",
    ),
)
def show(host: Host, name: Set, json: Json = False) -> None:
    from fleet.bootsets.listing import detail
    from fleet.bootsets.names import no_such_set
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.bootsets import print_set

    spec, given = _read(host)
    found = detail(spec, given, name)
    if found is None:
        raise no_such_set(spec, given, name)
    if json:
        json_report.write(sys.stdout, found)
    else:
        settings = current()
        print_set(console.stdout(settings.color), found, verbose=bool(settings.verbose))


def _read(host: str) -> tuple[HostSpec, Readings]:
    from fleet.bootsets.read import read_sets

    fleet = context.load_fleet()
    spec = fleet.host(host)
    with watched() as emit:
        return spec, read_sets(context.make_engine(fleet), spec, ("boots",), emit)


app.command(
    "prune",
    short_help="Remove boot sets that nothing needs.",
    help=help_text(PRUNE_EXAMPLES, PRUNE_DESCRIPTION),
)(prune)
