"""What the ledger answers: typed views over its records. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fleet.base.exitcodes import ExitCode
from fleet.base.plain import Plain
from fleet.model.plan import HostResult


class RunState(StrEnum):
    """How a run stands."""

    FINISHED = "finished"
    RUNNING = "running"
    #: began, never finished, and its process is gone: what it did last is in its host records
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of `b70 history`."""

    run: str
    command: str
    fleet: str
    #: ISO-8601 UTC
    started: str
    state: RunState
    #: host -> state as its last record says
    hosts: dict[str, str] = field(default_factory=dict)
    #: resources that changed, over all hosts
    changed: int = 0
    #: seconds; None while it has not finished
    seconds: float | None = None
    exit_code: ExitCode | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """`b70 history show RUN`."""

    summary: RunSummary
    hosts: tuple[HostResult, ...]


@dataclass(frozen=True, slots=True)
class NoteRecord:
    """A step that was noted on its own, such as a removed lock."""

    run: str
    host: str
    #: ISO-8601 UTC
    at: str
    body: dict[str, Plain]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The last proof that a host needed nothing."""

    host: str
    run: str
    #: ISO-8601 UTC
    at: str
    hash: str


@dataclass(frozen=True, slots=True)
class FactChange:
    """A fact of a host that differed from the reading before."""

    run: str
    #: ISO-8601 UTC
    at: str
    domain: str
    #: sha256 of the canonical JSON
    hash: str
    value: Plain
