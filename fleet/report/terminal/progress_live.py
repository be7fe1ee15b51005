"""Progress as one live line per host, redrawn in place; it disappears when the work is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from fleet.model.events import Event
from fleet.report import words
from fleet.report.durations import short
from fleet.report.terminal.hostlines import HostLine, advance

#: Redraws per second: often enough for a running clock, seldom enough for a slow terminal.
REDRAWS: Final = 4
#: Lines that a terminal keeps for the rest: prompt, summary line, one spare.
_SPARE_LINES: Final = 3


class LiveProgress:
    """Owns the terminal's bottom lines while it is entered."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._lines: dict[str, HostLine] = {}
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=REDRAWS,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def emit(self, event: Event) -> None:
        """Take an event; the next redraw shows it."""
        self._lines = advance(self._lines, event, self._clock())

    def say(self, text: str) -> None:
        """Print a line above the live ones."""
        self._console.print(Text(text), soft_wrap=True)

    def _render(self) -> Group:
        room = max(1, self._console.size.height - _SPARE_LINES)
        return Group(*live_rows(list(self._lines.values()), self._clock(), room))


def live_rows(lines: list[HostLine], now: float, room: int) -> list[Text]:
    """Return the rows to draw: running hosts, then finished ones, as many as there is room for."""
    running = [line for line in lines if line.ended is None]
    done = [line for line in lines if line.ended is not None]
    shown = [*running, *done][:room]
    width = max((len(line.host) for line in shown), default=0)
    rows = [_row(line, now, width) for line in shown]
    hidden = len(lines) - len(shown)
    summary = f"{len(done)} of {words.count(len(lines), 'host')} done"
    if hidden:
        summary += f", {hidden} not shown"
    return [*rows, Text(summary, style="dim")] if lines else []


def _row(line: HostLine, now: float, width: int) -> Text:
    phase = line.state or (line.phase.value if line.phase else "waiting")
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{line.host:<{width}}  ", style="bold")
    text.append(f"{phase:<11}  ", style=_style(line))
    text.append(f"{short(line.elapsed(now)):>9}  ", style="dim")
    if line.applied or line.failed:
        text.append(f"{line.applied + line.failed} applied  ", style="dim")
    text.append(line.text)
    return text


def _style(line: HostLine) -> str:
    if not line.state:
        return "cyan"
    return {state.value: style for state, style in words.STATE_STYLE.items()}.get(line.state, "")
