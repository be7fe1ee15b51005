"""Gate decisions for the terminal: verdict, choice, the facts behind it, what to do next."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from fleet.report import words
from gates.model import Verdict

if TYPE_CHECKING:
    from gates.model import Decision

#: Columns of the verdict, so that titles line up; the longest is UNKNOWN.
_VERDICT: Final = 7
#: Columns of a field's label; the longest is `evidence: `.
_LABEL: Final = 10
_INDENT: Final = _VERDICT + 1 + _LABEL
#: Columns that a sentence gets even in a very narrow terminal.
_MIN_ROOM: Final = 20


def print_gates(
    console: Console, host: str, decisions: Sequence[Decision], *, verbose: bool = False
) -> None:
    """Print all decisions of a host, calm ones first, then the summary line.

    Args:
        verbose: show facts, reason and evidence of the ones that pass, too.
    """
    order = (Verdict.PASS, Verdict.WARN, Verdict.UNKNOWN, Verdict.FAIL)
    for decision in sorted(decisions, key=lambda d: (order.index(d.verdict), d.id)):
        _decision(console, decision, short=decision.verdict is Verdict.PASS and not verbose)
    counts = Counter(decision.verdict for decision in decisions)
    simulated = any(decision.simulated for decision in decisions)
    text = Text(f"{host}: ", style="bold")
    text.append(
        words.tally({verdict.value: counts[verdict] for verdict in order}) or "no gates",
        style="not bold",
    )
    if simulated:
        text.append(" (simulated hardware)", style="not bold cyan")
    console.print(text, soft_wrap=True)


def _decision(console: Console, decision: Decision, *, short: bool) -> None:
    head = Text(
        f"{decision.verdict.value:<{_VERDICT}}", style=words.VERDICT_STYLE[decision.verdict]
    )
    head.append(f" {decision.id}", style="bold")
    head.append(f"  {decision.title}", style="default")
    if decision.simulated:
        head.append("  [simulated]", style="cyan")
    if short and decision.choice is not None:
        head.append(f"  -> {decision.choice}", style="green")
    console.print(head, soft_wrap=True)
    if short:
        return
    if decision.choice is not None:
        _field(console, "choice", decision.choice)
    _field(console, "reason", decision.reason)
    for name, value in decision.facts.items():
        _field(console, "fact", f"{name} = {value}")
    if decision.boot_dependent:
        _field(console, "when", "checked again on the host at every start of a model slot")
    _field(console, "evidence", decision.evidence)
    if decision.next_step:
        _field(console, "next", decision.next_step)
    console.print()


def _field(console: Console, name: str, value: str) -> None:
    room = max(_MIN_ROOM, console.width - _INDENT)
    first, *rest = textwrap.wrap(value, room, break_on_hyphens=False) or [""]
    label = Text(" " * (_VERDICT + 1)).append(f"{name}:".ljust(_LABEL), style="dim")
    console.print(label.append(first), soft_wrap=True)
    for line in rest:
        console.print(Text(" " * _INDENT + line), soft_wrap=True)
