"""Progress: who renders it, what a host's line says, and that results stay off its stream."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

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
from fleet.report.terminal.colors import Color
from fleet.report.terminal.hostlines import HostLine, advance
from fleet.report.terminal.progress import Style, monitor, style_for
from fleet.report.terminal.progress_live import LiveProgress, live_rows
from fleet.report.terminal.progress_plain import PlainProgress

#: The whole life of one host, one second per event.
LIFE: tuple[Event, ...] = (
    PhaseStarted("rig-a", Phase.CONNECT),
    PhaseStarted("rig-a", Phase.APPLY),
    ResourceStarted("rig-a", "base", "File[/etc/x]"),
    ResourceDone("rig-a", "File[/etc/x]", True, 0.25),
    Waiting("rig-a", "dpkg (pid 77, apt-get)", 290),
    ResourceDone("rig-a", "Packages[base]", False, 12),
    Note("rig-a", "a note"),
    HostDone("rig-a", "failed", "rig-a: it broke"),
)


def ticking() -> Iterator[float]:
    """Return a clock that advances by one second per look."""
    second = 0.0
    while True:
        yield second
        second += 1


def lived(events: tuple[Event, ...]) -> dict[str, HostLine]:
    """Return the lines after some events."""
    lines: dict[str, HostLine] = {}
    for second, event in enumerate(events):
        lines = advance(lines, event, float(second))
    return lines


@pytest.mark.parametrize(
    ("quiet", "stdout", "stderr", "dumb", "style"),
    [
        (False, True, True, False, Style.LIVE),
        (False, False, True, False, Style.PLAIN),
        (False, True, False, False, Style.PLAIN),
        (False, True, True, True, Style.PLAIN),
        (True, True, True, False, Style.SILENT),
    ],
)
def test_progress_is_live_only_where_a_person_watches_both_streams(
    quiet: bool, stdout: bool, stderr: bool, dumb: bool, style: Style
) -> None:
    assert style_for(quiet, stdout, stderr, dumb) is style


def test_plain_progress_is_one_prefixed_line_per_event_worth_reading() -> None:
    out, clock = io.StringIO(), ticking()
    with PlainProgress(out, clock=lambda: next(clock)) as progress:
        for event in LIFE:
            progress.emit(event)
    assert out.getvalue().splitlines() == [
        "rig-a | connect",
        "rig-a | apply",
        "rig-a | File[/etc/x] done in 0.2 s",
        "rig-a | waits for dpkg (pid 77, apt-get), 290 s left",
        "rig-a | Packages[base] FAILED in 12 s",
        "rig-a | a note",
        "rig-a | failed after 7.0 s: it broke",
    ]


def test_verbose_plain_progress_announces_resources_before_they_are_applied() -> None:
    out = io.StringIO()
    PlainProgress(out, verbose=True).emit(LIFE[2])
    assert out.getvalue() == "rig-a | File[/etc/x] ...\n"


def test_a_live_line_shows_host_phase_elapsed_and_the_last_resource() -> None:
    [row, summary] = live_rows(list(lived(LIFE[:4]).values()), now=75.0, room=10)
    assert row.plain.split() == [
        "rig-a",
        "apply",
        "1",
        "min",
        "15",
        "s",
        "1",
        "applied",
        "File[/etc/x]",
    ]
    assert summary.plain == "0 of 1 host done"


def test_a_waiting_host_says_what_for_and_how_long() -> None:
    [row, _] = live_rows(list(lived(LIFE[:5]).values()), now=5.0, room=10)
    assert row.plain.endswith("waits for dpkg (pid 77, apt-get), 290 s left")


def test_the_clock_of_a_finished_host_stands_still() -> None:
    line = lived(LIFE)["rig-a"]
    assert line.elapsed(1000.0) == 7.0
    assert (line.state, line.text, line.applied, line.failed) == ("failed", "it broke", 1, 1)


def test_more_hosts_than_lines_show_the_running_ones_and_count_the_rest() -> None:
    events = tuple(PhaseStarted(f"rig-{n}", Phase.PROBE) for n in range(20))
    lines = lived((*events, *(HostDone(f"rig-{n}", "converged") for n in range(17))))
    rows = [row.plain for row in live_rows(list(lines.values()), 20.0, room=5)]
    assert [row.split()[0] for row in rows[:-1]] == ["rig-17", "rig-18", "rig-19", "rig-0", "rig-1"]
    assert rows[-1] == "17 of 20 hosts done, 15 not shown"


def test_a_second_plan_in_the_same_run_starts_the_line_again() -> None:
    line = lived((*LIFE, PhaseStarted("rig-a", Phase.CONNECT)))["rig-a"]
    assert (line.state, line.ended, line.text) == ("", None, "")


def test_live_progress_redraws_in_place_and_leaves_nothing_behind() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, height=20, color_system=None)
    with LiveProgress(console) as progress:
        for event in LIFE[:4]:
            progress.emit(event)
        progress.say("warning: [bold]not markup[/bold]")
    text = out.getvalue()
    assert "rig-a" in text
    assert "warning: [bold]not markup[/bold]" in text
    # the last thing is erasing the lines and showing the cursor again
    assert text.rindex("\x1b[2K") > text.rindex("rig-a")
    assert "\x1b[?25h" in text


def test_live_rows_are_never_wider_than_the_terminal() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=40, height=20, color_system=None)
    with LiveProgress(console) as progress:
        progress.emit(ResourceStarted("rig-a", "base", f"File[/{'x' * 200}]"))
    lines = out.getvalue().replace("\x1b", "\n").splitlines()
    assert all(len(line) <= 45 for line in lines)


@pytest.mark.parametrize(("verbose", "shown"), [(0, False), (1, True)])
def test_what_a_library_logs_reaches_a_person_only_where_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], verbose: int, shown: bool
) -> None:
    with monitor(Style.PLAIN, Color.NEVER, verbose):
        for name in ("paramiko.transport", "pyinfra", "asyncio"):
            logging.getLogger(name).error("Socket exception: closed in another greenlet (9)")
        logging.getLogger("b70.ledger").warning("the disk is nearly full")
    said = capsys.readouterr().err
    assert ("Socket exception" in said) is shown
    assert "warning: the disk is nearly full" in said


def test_silent_progress_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with monitor(Style.SILENT, Color.NEVER, 0) as emit:
        for event in LIFE:
            emit(event)
    assert capsys.readouterr() == ("", "")


@given(st.lists(st.sampled_from(LIFE)))
def test_any_order_of_events_keeps_counts_and_clocks_sane(events: list[Event]) -> None:
    lines: dict[str, HostLine] = {}
    states = [lines := advance(lines, event, float(n)) for n, event in enumerate(events)]
    for before, after in pairwise(state["rig-a"] for state in states):
        assert after.applied >= before.applied
        assert after.since == before.since
        assert after.elapsed(len(events)) >= 0
