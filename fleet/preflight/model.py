"""What a preflight check is, what it finds, and the list of all checks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from declaration.host import HostSpec
from facts.readings import Readings


class Level(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that preflight found.

    Attributes:
        id: stable; `b70 explain ID` expands it.
        text: one sentence with the values seen.
        remedy: what to do, preferably a command.
        inhibitor: True forbids to change the host.
    """

    id: str
    level: Level
    text: str
    remedy: str
    inhibitor: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What the checks look at."""

    spec: HostSpec
    given: Readings
    #: controller's clock when the facts were read, seconds since the epoch; None = not compared
    now: float | None = None


Check = Callable[[Context], Iterator[Finding]]
_CHECKS: Final[dict[str, Check]] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register a check under the id of its findings."""

    def register(function: Check) -> Check:
        _CHECKS[name] = function
        return function

    return register


def explanations() -> dict[str, str]:
    """Return finding id -> long text."""
    return {name: (function.__doc__ or "").strip() for name, function in _CHECKS.items()}


def inspect(spec: HostSpec, given: Readings, now: float | None = None) -> list[Finding]:
    """Return every finding, worst first, in a stable order."""
    context = Context(spec, given, now)
    found = [finding for function in _CHECKS.values() for finding in function(context)]
    order = {level: rank for rank, level in enumerate(reversed(Level))}
    return sorted(found, key=lambda f: (not f.inhibitor, order[f.level]))


def inhibitors(spec: HostSpec, given: Readings) -> list[Finding]:
    """Return the findings that forbid to change the host."""
    return [finding for finding in inspect(spec, given) if finding.inhibitor]
