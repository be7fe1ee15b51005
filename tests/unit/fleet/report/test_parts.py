"""The small parts of reports: durations, columns, words, plain data."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from facts.value import ABSENT, Unknown
from fleet.base.plain import plain
from fleet.model.plan import Cost, HostState
from fleet.report import words
from fleet.report.durations import about, short
from fleet.report.formats import json_report
from fleet.report.terminal.columns import columns
from fleet.report.terminal.diff import diff_lines


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (83, "1 min 23 s"),
        (3599.6, "1 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert short(seconds) == text


def test_an_estimate_never_pretends_precision() -> None:
    assert [about(minutes) for minutes in (0.2, 3.4, 125)] == [
        "under a minute",
        "about 3 min",
        "about 2 h 5 min",
    ]


def test_columns_line_up_and_end_without_spaces() -> None:
    rows = columns([("A", "N"), ("long name", "7"), (Text("b", style="red"), "1234")], right=[1])
    assert [row.plain for row in rows] == ["A             N", "long name     7", "b          1234"]


@given(st.lists(st.tuples(st.text("abc ", max_size=9), st.text("0123", max_size=9)), min_size=1))
def test_columns_never_lose_text(rows: list[tuple[str, str]]) -> None:
    for row, line in zip(rows, columns(rows), strict=True):
        assert all(cell.strip() in line.plain for cell in row)
        assert line.plain == line.plain.rstrip()


def test_a_cost_names_everything_that_a_person_would_mind() -> None:
    cost = Cost(changes=1, restarts=["ssh", "nftables"], reboots=2, minutes=12, gpus_out=4)
    assert words.cost_words(cost) == (
        "1 change, 2 reboots, restarts ssh, nftables, about 12 min, 4 GPUs out"
    )


def test_hosts_run_side_by_side_so_minutes_are_those_of_the_slowest() -> None:
    total = words.total_cost([Cost(changes=1, minutes=3), Cost(changes=2, minutes=5, gpus_out=1)])
    assert (total.changes, total.minutes, total.gpus_out) == (3, 5, 1)


def test_every_state_has_a_colour_and_trouble_is_exactly_what_does_not_end_well() -> None:
    good = {HostState.READ, HostState.IN_SYNC, HostState.CONVERGED, HostState.DONE}
    assert set(words.STATE_STYLE) == set(HostState)
    assert {state for state in HostState if state.good} == good
    assert {state for state in HostState if state.troubled} == (
        set(HostState) - good - {HostState.PENDING}
    )


def test_a_diff_is_coloured_line_by_line_and_other_text_is_not() -> None:
    styles = [str(line.style) for line in diff_lines("--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n z", 2)]
    assert styles == ["dim", "dim", "cyan", "red", "green", ""]
    assert [str(line.style) for line in diff_lines("-binary", 0)] == ["dim"]


class Level(Enum):
    """An enum without text."""

    HIGH = 3


@dataclass
class Reading:
    """A fact."""

    level: Level
    names: frozenset[str]
    table: dict[Level, tuple[int, ...]]
    missing: object = ABSENT


def test_any_fact_becomes_json_without_losing_unknown_or_absent() -> None:
    fact = Reading(Level.HIGH, frozenset({"b", "a"}), {Level.HIGH: (1, 2)})
    assert plain(fact) == {
        "level": 3,
        "names": ["a", "b"],
        "table": {"3": [1, 2]},
        "missing": {"absent": True},
    }
    assert type(plain(HostState.PENDING)) is str  # an enum that is a text, too
    assert plain(Unknown("no answer", "raw")) == {"unknown": "no answer", "raw": "raw"}


def test_json_keeps_letters_readable_and_is_one_document() -> None:
    out = io.StringIO()
    json_report.write(out, {"name": "Gerät", "when": Unknown("?")})
    assert "Gerät" in out.getvalue()
    assert json.loads(out.getvalue())["when"]["unknown"] == "?"


def test_a_field_that_is_material_for_others_is_in_no_report() -> None:
    @dataclass
    class Reading:
        shown: int = 1
        kept: int = field(default=2, metadata={"plain": False})

    assert plain(Reading()) == {"shown": 1}
