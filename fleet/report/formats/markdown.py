"""Markdown: a table per host, for an issue or a wiki page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fleet.model.finding import Finding

_HEAD: Final = "| verdict | id | what | next |\n|---|---|---|---|\n"


def render(findings: Sequence[Finding]) -> str:
    """Return findings as a table per host, in the order in which they come."""
    hosts = dict.fromkeys(found.host for found in findings)
    return "\n".join(_host(host, [f for f in findings if f.host == host]) for host in hosts)


def _host(host: str, findings: Sequence[Finding]) -> str:
    return f"## {host}\n\n{_HEAD}" + "".join(map(_row, findings))


def _row(found: Finding) -> str:
    verdict = found.verdict.value + (" (simulated)" if found.simulated else "")
    cells = (verdict, f"`{found.id}`", _cell(found.text), _cell(found.remedy or ""))
    return "| " + " | ".join(cells) + " |\n"


def _cell(text: str) -> str:
    """Return a text that stays in its cell."""
    return text.replace("|", "\\|").replace("\n", " ")
