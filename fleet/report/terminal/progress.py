"""Chooses who renders progress, and is the only owner of the terminal while work goes on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Protocol, Self

from typing_extensions import override

from fleet.model.events import Emit, Event, HostDone, Note, Waiting
from fleet.report.terminal.colors import Color

_log = logging.getLogger("b70.events")


class Style(StrEnum):
    """How progress is shown."""

    LIVE = "live"
    PLAIN = "plain"
    SILENT = "silent"


class Progress(Protocol):
    """A renderer of events."""

    def __enter__(self) -> Self:
        """Take the terminal."""

    def __exit__(self, *_: object) -> None:
        """Give it back."""

    def emit(self, event: Event) -> None:
        """Take one event."""

    def say(self, text: str) -> None:
        """Show a line beside the progress."""


def style_for(quiet: bool, stdout_is_terminal: bool, stderr_is_terminal: bool, dumb: bool) -> Style:
    """Return how to show progress: live only where a person watches both streams."""
    if quiet:
        return Style.SILENT
    if stdout_is_terminal and stderr_is_terminal and not dumb:
        return Style.LIVE
    return Style.PLAIN


@contextmanager
def monitor(
    style: Style, color: Color, verbose: int, redact: Callable[[str], str] = str
) -> Iterator[Emit]:
    """Render events while the block runs; they all go to the debug log too.

    Args:
        verbose: 1 also shows log lines of level INFO, 2 those of level DEBUG.
        redact: masks secrets in everything that is shown.
    """
    if style is Style.SILENT:
        yield _logged(lambda _: None, redact)
        return
    with _renderer(style, color, verbose) as progress:
        handler = _LogLines(progress, redact, libraries=verbose > 0)
        handler.setLevel({0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG))
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            yield _logged(progress.emit, redact)
        finally:
            root.removeHandler(handler)


def _renderer(style: Style, color: Color, verbose: int) -> Progress:
    if style is Style.LIVE:
        from fleet.report.terminal import console
        from fleet.report.terminal.progress_live import LiveProgress

        return LiveProgress(console.stderr(color))
    from fleet.report.terminal.progress_plain import PlainProgress

    return PlainProgress(sys.stderr, verbose > 0)


def _logged(emit: Emit, redact: Callable[[str], str]) -> Emit:
    def both(event: Event) -> None:
        _log.debug("%r", event)
        emit(_masked(event, redact))

    return both


def _masked(event: Event, redact: Callable[[str], str]) -> Event:
    match event:
        case Note():
            return replace(event, text=redact(event.text))
        case Waiting():
            return replace(event, what=redact(event.what))
        case HostDone():
            return replace(event, detail=redact(event.detail))
        case _:
            return event


class _LogLines(logging.Handler):
    """Sends log lines through the renderer, so that nothing else writes to the terminal."""

    def __init__(
        self, progress: Progress, redact: Callable[[str], str], *, libraries: bool
    ) -> None:
        super().__init__()
        self._libraries = libraries
        self._progress = progress
        self._redact = redact

    @override
    def emit(self, record: logging.LogRecord) -> None:
        # what a library logs is for its programmers: an error of it that matters to a person comes
        # as the host's own result
        ours = record.name.partition(".")[0] == "b70"
        if record.name != _log.name and (ours or self._libraries):
            text = self._redact(record.getMessage())
            self._progress.say(f"{record.levelname.lower()}: {text}")
