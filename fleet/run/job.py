"""One host of a run: what its functions need, and what they fill in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from declaration.host import HostSpec
from deploys.layer import Layer
from facts.readings import Readings
from fleet.base.errors import FleetError
from fleet.base.run import Run
from fleet.host.factkey import FactKey, Key
from fleet.model.events import Emit


@dataclass(slots=True)
class Job:
    """One host of a run and everything its functions need."""

    spec: HostSpec
    data: Mapping[str, object]
    run: Run
    spec_hash: str
    layers: Sequence[Layer]
    emit: Emit
    stopping: Callable[[], bool]
    redact: Callable[[str], str]
    #: a person said that this run may reboot the host
    allow_reboot: bool = False
    #: preflight findings that do not stop this run: it may be their very remedy
    excused: frozenset[str] = frozenset()
    #: facts to read; None = all normal facts and what the gates ask beside
    facts: Sequence[FactKey] | None = None
    #: facts with arguments to read beside these
    questions: Sequence[FactKey] = ()
    #: facts this host was asked for last time
    remembered: Sequence[Key] = ()
    #: resource -> seconds, from the ledger
    durations: Mapping[str, float] = field(default_factory=dict)
    #: filled in: fencing token of the lock
    fence: int = 0
    #: filled in: facts to remember
    seen: list[Key] = field(default_factory=list)
    #: filled in: what the facts said
    readings: Readings = field(default_factory=Readings)
    answers: dict[FactKey, object] = field(default_factory=dict)
    #: filled in: what ended the job early
    error: FleetError | None = None

    @property
    def name(self) -> str:
        """Return the host's name."""
        return self.spec.name
