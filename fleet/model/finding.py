"""A finding: whatever is told to a person about a host, by preflight, a gate, a budget or a plan.

One type, so that every report shows all of them and every format is written once. Pure data.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from gates.model import Decision, Verdict
from gates.model import Severity as GateSeverity


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


#: How much a gate's answer matters when it is not PASS.
_OF_GATE = {
    GateSeverity.INFO: Severity.INFO,
    GateSeverity.TUNING: Severity.WARNING,
    GateSeverity.BLOCKING: Severity.CRITICAL,
}


class Choice(BaseModel):
    """What a gate decided beside its verdict; see gates.model.Decision.

    Args:
        value: the value chosen; None when the gate chooses nothing.
        key: what it is a value of; None without one.
        forbids: actions that are forbidden now.
        boot_dependent: checked again on the host at every start of a model slot.
        tables: rows of the published decision tables behind it.
        shell_check: name of the check that the host repeats; None without one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: str | None = None
    key: str | None = None
    forbids: tuple[str, ...] = ()
    boot_dependent: bool = False
    tables: tuple[str, ...] = ()
    shell_check: str | None = None


class Finding(BaseModel):
    """One thing that was found out about a host.

    Args:
        id: stable; `b70 explain ID` expands it.
        host: its name.
        domain: the part of the host that it is about, such as `boot` or `disks`.
        severity: how much it matters.
        verdict: PASS, WARN, FAIL or UNKNOWN.
        title: what was asked, in a few words; None where the id says it.
        text: one sentence with the values seen.
        expected: what should be; None where nothing is declared.
        seen: what is; None where the text says it.
        since: when it was first seen, ISO-8601 UTC; None = not known.
        who: who caused it; None = not known.
        remedy: what to do, preferably a command; None = nothing.
        evidence: where the rule comes from.
        facts: the facts used, name -> text as a person reads it.
        inhibits: the host is not changed while this is so.
        simulated: it rests on a lab machine's probe_root.
        gate: what a gate decided; None unless it is a gate's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    host: str
    domain: str
    severity: Severity
    verdict: Verdict
    title: str | None = None
    text: str
    expected: str | None = None
    seen: str | None = None
    since: str | None = None
    who: str | None = None
    remedy: str | None = None
    evidence: str | None = None
    facts: dict[str, str] = Field(default_factory=dict)
    inhibits: bool = False
    simulated: bool = False
    gate: Choice | None = None


def of_gate(host: str, decision: Decision) -> Finding:
    """Return a gate's decision as a finding about a host."""
    passed = decision.verdict is Verdict.PASS
    return Finding(
        id=decision.id,
        host=host,
        domain="gates",
        severity=Severity.INFO if passed else _OF_GATE[decision.severity],
        verdict=decision.verdict,
        title=decision.title,
        text=decision.reason,
        remedy=decision.next_step or None,
        evidence=decision.evidence,
        facts=decision.facts,
        simulated=decision.simulated,
        gate=Choice(
            value=decision.choice,
            key=decision.key or None,
            forbids=decision.forbid,
            boot_dependent=decision.boot_dependent,
            tables=decision.tables,
            shell_check=decision.shell_check or None,
        ),
    )


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings as a person reads them: what inhibits first, then by severity."""
    order = {severity: rank for rank, severity in enumerate(reversed(Severity))}
    return sorted(findings, key=lambda found: (not found.inhibits, order[found.severity]))
