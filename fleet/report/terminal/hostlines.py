"""What each host is doing, derived from events. Pure: both progress renderers read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fleet.model.events import (
    Event,
    HostDone,
    Note,
    Phase,
    PhaseStarted,
    ResourceDone,
    ResourceStarted,
    Waiting,
)


@dataclass(frozen=True, slots=True)
class HostLine:
    """One host's line.

    Attributes:
        since: clock reading (seconds) when the host started.
        text: last resource, note or wait.
        ended: clock reading when it was done; None while it runs.
    """

    host: str
    since: float
    phase: Phase | None = None
    text: str = ""
    applied: int = 0
    failed: int = 0
    state: str = ""
    ended: float | None = None

    def elapsed(self, now: float) -> float:
        """Return seconds since the host started, up to its end."""
        return (self.ended if self.ended is not None else now) - self.since


def advance(lines: Mapping[str, HostLine], event: Event, now: float) -> dict[str, HostLine]:
    """Return the lines after an event; a host appears with its first event."""
    line = lines.get(event.host) or HostLine(event.host, now)
    return {**lines, event.host: _advanced(line, event, now)}


def _advanced(line: HostLine, event: Event, now: float) -> HostLine:
    match event:
        case PhaseStarted(phase=phase):
            return replace(line, phase=phase, text="", ended=None, state="")
        case ResourceStarted(name=name):
            return replace(line, text=name)
        case ResourceDone(name=name, ok=True):
            return replace(line, text=name, applied=line.applied + 1)
        case ResourceDone(name=name):
            return replace(line, text=f"{name} failed", failed=line.failed + 1)
        case Waiting(what=what, seconds_left=left):
            return replace(line, text=f"waits for {what}, {left:.0f} s left")
        case Note(text=text):
            return replace(line, text=text)
        case HostDone(state=state, detail=detail):
            text = detail.removeprefix(f"{line.host}: ")
            return replace(line, text=text, state=state, ended=now)
