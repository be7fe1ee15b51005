"""A gate's verdict and decision: the vocabulary that rows, plan, reports and docs share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a gate says; UNKNOWN never opens a gate."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"


class Severity(StrEnum):
    """How much a FAIL matters."""

    #: information for a person
    INFO = "info"
    #: tuning falls back to the declared fallback value
    TUNING = "tuning"
    #: the host must not serve, or the change must not be made
    BLOCKING = "blocking"


@dataclass(frozen=True, slots=True)
class Decision:
    """What one gate decided for one host.

    Attributes:
        id: stable id, shown by `b70 gates` and expanded by `b70 explain`.
        choice: the value chosen (as text), or None when the gate chooses nothing.
        facts: the facts used, name -> text as a person reads it, UNKNOWN with its reason.
        evidence: anchor in docs/evidence.md or an upstream path.
        next_step: what a person should do now; empty on PASS.
        boot_dependent: the decision may be stale after the next boot, so the host checks it again.
        simulated: it rests on a lab machine's probe_root.
        key: what `choice` is a value of (a name in group_data/gates/keys.yaml); empty without one.
        forbid: actions (group_data/gates/keys.yaml) that this decision forbids.
        tables: rows of the published decision tables behind it, such as `10c-12`.
        shell_check: name of the check that the host repeats at every start of a model slot.
    """

    id: str
    title: str
    verdict: Verdict
    choice: str | None
    reason: str
    facts: dict[str, str]
    evidence: str
    next_step: str
    severity: Severity
    boot_dependent: bool = False
    simulated: bool = False
    key: str = ""
    forbid: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    shell_check: str = ""
