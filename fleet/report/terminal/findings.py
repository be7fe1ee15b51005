"""Preflight findings for the terminal: worst first, each with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console

from fleet.model.finding import Finding, Severity
from fleet.report import words
from fleet.report.terminal.console import line

_STYLE: Final = {
    Severity.CRITICAL: "bold red",
    Severity.WARNING: "yellow",
    Severity.INFO: "dim",
}


def print_findings(console: Console, host: str, findings: Sequence[Finding]) -> None:
    """Print all findings and a line that counts them."""
    for finding in findings:
        head = line(f"{finding.severity.value:<8}", _STYLE[finding.severity])
        head.append(f"  {finding.id}", style="bold")
        head.append("  inhibits every converge" if finding.inhibits else "", style="red")
        console.print(head)
        console.print(line(finding.text, indent=10), soft_wrap=True)
        if finding.remedy:
            console.print(line(f"-> {finding.remedy}", "dim", indent=10), soft_wrap=True)
    inhibiting = sum(finding.inhibits for finding in findings)
    counted = words.count(len(findings), "finding")
    verb = "inhibits" if inhibiting == 1 else "inhibit"
    console.print(line(f"{host}: {counted}, {inhibiting} {verb} a converge", "dim"))
