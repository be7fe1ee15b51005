"""`b70 gates HOST`: the tuning decisions of a host."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import typer

from fleet.base.exitcodes import ExitCode
from fleet.cli import context
from fleet.cli.options import Host, Json
from fleet.cli.settings import current
from fleet.cli.watch import watched

if TYPE_CHECKING:
    from gates.model import Decision

EXAMPLES: Final = (
    ("b70 gates rig-a", "every decision; what does not pass with facts, reason, next step"),
    ("b70 gates rig-a -v", "the same for those that pass"),
    ("b70 gates rig-a --json", "the same for a program"),
)


def gates(host: Host, json: Json = False) -> None:
    """Show which tuning values the gates allow on a host, and why.

    Exits 3 when a blocking gate fails, 4 when a blocking gate has to rest on an UNKNOWN fact.
    """
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.gates import print_gates
    from fleet.run import order

    fleet = context.load_fleet()
    spec = fleet.host(host)
    with watched() as emit:
        (visit,) = context.make_engine(fleet).run([spec], order.judge(), emit).visits
    if visit.error is not None:
        raise visit.error
    decisions = visit.decisions()
    code = exit_code(decisions)
    if json:
        body = {"host": host, "exit_code": int(code), "gates": decisions}
        json_report.write(sys.stdout, body)
    else:
        settings = current()
        print_gates(console.stdout(settings.color), host, decisions, verbose=settings.verbose > 0)
    raise typer.Exit(code)


def exit_code(decisions: Sequence[Decision]) -> ExitCode:
    """Return what blocking gates say; the others only choose values."""
    from fleet.base.exitcodes import worst
    from gates.model import Severity, Verdict

    codes = {Verdict.FAIL: ExitCode.REFUSED, Verdict.UNKNOWN: ExitCode.UNREACHABLE}
    return worst(
        codes.get(decision.verdict, ExitCode.CLEAN)
        for decision in decisions
        if decision.severity is Severity.BLOCKING
    )
