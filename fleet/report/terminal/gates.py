"""Gate decisions for the terminal: verdict, choice, the facts behind it, what to do next."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from fleet.model.finding import Finding
from fleet.report import words
from gates.model import Verdict

#: Columns of the verdict, so that titles line up; the longest is UNKNOWN.
_VERDICT: Final = 7
#: Columns of a field's label; the longest is `evidence: `.
_LABEL: Final = 10
_INDENT: Final = _VERDICT + 1 + _LABEL
#: Columns that a sentence gets even in a very narrow terminal.
_MIN_ROOM: Final = 20


def print_gates(
    console: Console, host: str, findings: Sequence[Finding], *, verbose: bool = False
) -> None:
    """Print what all gates of a host decided, calm ones first, then the summary line.

    Args:
        verbose: show facts, reason and evidence of the ones that pass, too.
    """
    order = (Verdict.PASS, Verdict.WARN, Verdict.UNKNOWN, Verdict.FAIL)
    for found in sorted(findings, key=lambda f: (order.index(f.verdict), f.id)):
        _finding(console, found, short=found.verdict is Verdict.PASS and not verbose)
    counts = Counter(found.verdict for found in findings)
    simulated = any(found.simulated for found in findings)
    text = Text(f"{host}: ", style="bold")
    text.append(
        words.tally({verdict.value: counts[verdict] for verdict in order}) or "no gates",
        style="not bold",
    )
    if simulated:
        text.append(" (simulated hardware)", style="not bold cyan")
    console.print(text, soft_wrap=True)


def _finding(console: Console, found: Finding, *, short: bool) -> None:
    chosen = found.gate.value if found.gate is not None else None
    head = Text(f"{found.verdict.value:<{_VERDICT}}", style=words.VERDICT_STYLE[found.verdict])
    head.append(f" {found.id}", style="bold")
    head.append(f"  {found.title}", style="default")
    if found.simulated:
        head.append("  [simulated]", style="cyan")
    if short and chosen is not None:
        head.append(f"  -> {chosen}", style="green")
    console.print(head, soft_wrap=True)
    if short:
        return
    if chosen is not None:
        _field(console, "choice", chosen)
    _field(console, "reason", found.text)
    for name, value in found.facts.items():
        _field(console, "fact", f"{name} = {value}")
    if found.gate is not None and found.gate.boot_dependent:
        _field(console, "when", "checked again on the host at every start of a model slot")
    if found.evidence:
        _field(console, "evidence", found.evidence)
    if found.remedy:
        _field(console, "next", found.remedy)
    console.print()


def _field(console: Console, name: str, value: str) -> None:
    room = max(_MIN_ROOM, console.width - _INDENT)
    first, *rest = textwrap.wrap(value, room, break_on_hyphens=False) or [""]
    label = Text(" " * (_VERDICT + 1)).append(f"{name}:".ljust(_LABEL), style="dim")
    console.print(label.append(first), soft_wrap=True)
    for line in rest:
        console.print(Text(" " * _INDENT + line), soft_wrap=True)
