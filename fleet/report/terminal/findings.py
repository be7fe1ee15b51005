"""Preflight findings for the terminal: worst first, each with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console

from fleet.preflight import Finding, Level
from fleet.report.terminal.console import line

_STYLE: Final = {Level.CRITICAL: "bold red", Level.WARNING: "yellow", Level.INFO: "dim"}


def print_findings(console: Console, host: str, findings: Sequence[Finding]) -> None:
    """Print all findings and a line that counts them."""
    for finding in findings:
        head = line(f"{finding.level.value:<8}", _STYLE[finding.level])
        head.append(f"  {finding.id}", style="bold")
        head.append("  inhibits every converge" if finding.inhibitor else "", style="red")
        console.print(head)
        console.print(line(finding.text, indent=10), soft_wrap=True)
        if finding.remedy:
            console.print(line(f"-> {finding.remedy}", "dim", indent=10), soft_wrap=True)
    inhibitors = sum(finding.inhibitor for finding in findings)
    console.print(line(f"{host}: {len(findings)} findings, {inhibitors} inhibit a converge", "dim"))
