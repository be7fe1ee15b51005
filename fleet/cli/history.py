"""`b70 history`: what was done, from the ledger."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from fleet.base.errors import FleetError, Refused
from fleet.cli import context
from fleet.cli.complete import complete_host, complete_run
from fleet.cli.helptext import help_text
from fleet.cli.options import Json
from fleet.cli.settings import current

EXAMPLES: Final = (
    ("b70 history", "the newest runs"),
    ("b70 history --host rig-a", "the runs that touched one host"),
    ("b70 history show 20250131T", "one run; the beginning of its id is enough"),
    ("b70 history verify", "walk the hash chain"),
)

app = typer.Typer(add_completion=False, rich_markup_mode=None, invoke_without_command=True)

OfHost = Annotated[
    str,
    typer.Option(
        "--host", metavar="HOST", help="Only runs that touched it.", autocompletion=complete_host
    ),
]
Count = Annotated[int, typer.Option("--count", "-n", metavar="N", min=1, help="At most N runs.")]
Run = Annotated[
    str, typer.Argument(metavar="RUN", help="Id of a run.", autocompletion=complete_run)
]


class NoSuchRun(Refused):
    """The ledger has no run of that id, or several begin with it. `b70 history` lists them."""

    id = "no-such-run"


class BrokenChain(FleetError):
    """The ledger was changed outside b70: a record was altered, inserted or removed.

    Records before the named one can be trusted, it and those behind it cannot. Compare with a
    backup of the file or with the journals on the hosts (`/var/lib/b70fleet`).
    """

    id = "broken-chain"


@app.callback()
def history(ctx: typer.Context, host: OfHost = "", count: Count = 20, json: Json = False) -> None:
    """List past runs, newest first; a run without an end shows as interrupted."""
    if ctx.invoked_subcommand is not None:
        return
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.history import print_runs

    runs = context.open_ledger(context.load_fleet()).runs(host)[:count]
    if json:
        json_report.write(sys.stdout, {"runs": runs})
    else:
        print_runs(console.stdout(current().color), runs)


@app.command(
    help=help_text(
        (
            ("b70 history show 20250131T081500Z-1f2e", "one run"),
            ("b70 history show 20250131T08 --json", "the beginning of its id is enough"),
        ),
        "Show what one run did on each host.",
    )
)
def show(run: Run, json: Json = False) -> None:
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.history import print_run

    record = context.open_ledger(context.load_fleet()).show(run)
    if record is None:
        raise NoSuchRun(f"not exactly one run is called {run!r}", hint="b70 history")
    if json:
        json_report.write(sys.stdout, record)
    else:
        print_run(console.stdout(current().color), record)


@app.command(
    help=help_text(
        (("b70 history verify", "note the head it prints to prove later that nothing was cut"),),
        "Walk the hash chain of the ledger and name the first broken record.",
    )
)
def verify() -> None:
    ledger = context.open_ledger(context.load_fleet())
    found = ledger.verify()
    if found.broken is not None:
        raise BrokenChain(f"{ledger.path}: record {found.broken}: {found.reason}")
    sys.stdout.write(f"{ledger.path}: {found.records} records, the chain holds\n")
    sys.stdout.write(f"head {found.head}\n")
