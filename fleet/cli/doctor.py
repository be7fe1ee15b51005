"""`b70 doctor HOST`: what would get in the way of a converge."""

from __future__ import annotations

import sys
from typing import Final

import typer

from fleet.base.exitcodes import ExitCode
from fleet.cli import context
from fleet.cli.domains import check_domains
from fleet.cli.options import Ask, Host, Json
from fleet.cli.reports import Reports, write_reports
from fleet.cli.settings import current
from fleet.cli.watch import watched

EXAMPLES: Final = (
    ("b70 doctor rig-a", "preflight findings, worst first"),
    ("b70 doctor rig-a --ask xpu_smi", "also compare xpu-smi with sysfs; nothing may serve"),
    ("b70 doctor rig-a --json", "the same for a program"),
    ("b70 doctor rig-a --report markdown:rig-a.md", "the same for an issue or a wiki page"),
    ("b70 explain disk-full", "the long text of one finding"),
)


def doctor(host: Host, ask: Ask = None, json: Json = False, report: Reports = None) -> None:
    """Find what would get in the way of a converge, with the remedy for each. Changes nothing.

    Exits 0 when it only tells, 3 when a finding inhibits every converge, 2 otherwise.
    """
    from fleet.model.finding import Severity
    from fleet.preflight import inspect
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.findings import print_findings
    from fleet.run import order

    fleet = context.load_fleet()
    spec = fleet.host(host)
    check_domains(ask or ())
    with watched() as emit:
        wanted = order.read(also=("mirrors", "apt_upgrade", "next_menu", *(ask or ())))
        (visit,) = context.make_engine(fleet).run([spec], wanted, emit).visits
    if visit.error is not None:
        raise visit.error
    refused = visit.without_root
    found = inspect(
        spec,
        visit.readings,
        now=visit.asked_at,
        without_root=(refused.message, refused.hint) if refused else None,
    )
    write_reports(report or (), found)
    if json:
        json_report.write(sys.stdout, {"host": host, "findings": found})
    else:
        print_findings(console.stdout(current().color), host, found)
    if any(finding.inhibits for finding in found):
        raise typer.Exit(ExitCode.REFUSED)
    bad = any(finding.severity is not Severity.INFO for finding in found)
    raise typer.Exit(ExitCode.PENDING if bad else ExitCode.CLEAN)
