"""Progress as plain lines with the host in front, for pipes and CI logs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self, TextIO

from fleet.model.events import (
    Event,
    HostDone,
    Note,
    PhaseStarted,
    ResourceDone,
    ResourceStarted,
    Waiting,
)
from fleet.report.durations import short
from fleet.report.terminal.hostlines import HostLine, advance


class PlainProgress:
    """Writes one line per event that a reader of a log wants.

    Args:
        verbose: also announce each resource before it is applied.
    """

    def __init__(
        self, out: TextIO, verbose: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out = out
        self._verbose = verbose
        self._clock = clock
        self._lines: dict[str, HostLine] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.flush()

    def emit(self, event: Event) -> None:
        """Write the event's line, if it has one."""
        now = self._clock()
        self._lines = advance(self._lines, event, now)
        text = self._text(event, self._lines[event.host].elapsed(now))
        if text:
            self.say(f"{event.host} | {text}")

    def say(self, text: str) -> None:
        """Write a line that belongs to no host's progress."""
        self._out.write(f"{text}\n")
        self._out.flush()

    def _text(self, event: Event, elapsed: float) -> str:
        match event:
            case PhaseStarted(phase=phase):
                return phase.value
            case ResourceStarted(name=name) if self._verbose:
                return f"{name} ..."
            case ResourceDone(name=name, ok=ok, seconds=seconds):
                return f"{name} {'done' if ok else 'FAILED'} in {short(seconds)}"
            case Waiting(what=what, seconds_left=left):
                return f"waits for {what}, {left:.0f} s left"
            case Note(text=text):
                return text
            case HostDone(host=host, state=state, detail=detail):
                reason = f": {detail.removeprefix(f'{host}: ')}" if detail else ""
                return f"{state} after {short(elapsed)}{reason}"
            case _:
                return ""
