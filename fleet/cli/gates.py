"""`b70 gates HOST`: the tuning decisions of a host."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import typer

from fleet.base.exitcodes import ExitCode
from fleet.cli import context
from fleet.cli.domains import check_domains
from fleet.cli.options import Ask, Host, Json
from fleet.cli.reports import Reports, write_reports
from fleet.cli.settings import current
from fleet.cli.watch import watched

if TYPE_CHECKING:
    from fleet.model.finding import Finding

EXAMPLES: Final = (
    ("b70 gates rig-a", "every decision; what does not pass with facts, reason, next step"),
    ("b70 gates rig-a -v", "the same for those that pass"),
    ("b70 gates rig-a --ask xpu_smi --ask clinfo", "also by what these two say; nothing may serve"),
    ("b70 gates rig-a --json", "the same for a program"),
)


def gates(host: Host, ask: Ask = None, json: Json = False, report: Reports = None) -> None:
    """Show which tuning values the gates allow on a host, and why.

    Exits 3 when a blocking gate fails, 4 when a blocking gate has to rest on an UNKNOWN fact.
    """
    from fleet.model.finding import of_gate
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.gates import print_gates
    from fleet.run import order

    fleet = context.load_fleet()
    spec = fleet.host(host)
    check_domains(ask or ())
    with watched() as emit:
        (visit,) = context.make_engine(fleet).run([spec], order.judge(also=ask or ()), emit).visits
    if visit.error is not None:
        raise visit.error
    findings = [of_gate(host, decision) for decision in visit.decisions()]
    code = exit_code(findings)
    write_reports(report or (), findings)
    if json:
        body = {"host": host, "exit_code": int(code), "gates": findings}
        json_report.write(sys.stdout, body)
    else:
        settings = current()
        print_gates(console.stdout(settings.color), host, findings, verbose=settings.verbose > 0)
    raise typer.Exit(code)


def exit_code(findings: Sequence[Finding]) -> ExitCode:
    """Return what blocking gates say; the others only choose values."""
    from fleet.base.exitcodes import worst
    from fleet.model.finding import Severity
    from gates.model import Verdict

    codes = {Verdict.FAIL: ExitCode.REFUSED, Verdict.UNKNOWN: ExitCode.UNREACHABLE}
    return worst(
        codes.get(found.verdict, ExitCode.CLEAN)
        for found in findings
        if found.severity is Severity.CRITICAL
    )
