"""A transition table: what is made, what is only told, and what cannot happen."""

from __future__ import annotations

from enum import StrEnum

import pytest

from operations.machine import IllegalTransition, Machine, Move


class Door(StrEnum):
    OPEN = "open"
    SHUT = "shut"
    GONE = "gone"


class Event(StrEnum):
    PUSH = "push"
    STORM = "storm"


class Step(StrEnum):
    CLOSE = "close it"


MACHINE: Machine[Door, Event, Step] = Machine(
    sentences={Door.OPEN: "one can walk in", Door.SHUT: "one cannot", Door.GONE: "no door"},
    made={
        (Door.OPEN, Event.PUSH): Move(Door.SHUT, (Step.CLOSE,)),
        (Door.SHUT, Event.PUSH): Move(Door.SHUT),
    },
    told={
        (Door.OPEN, Event.STORM): Move(Door.GONE),
        (Door.SHUT, Event.STORM): Move(Door.GONE),
    },
)


def test_a_move_names_the_next_state_and_what_is_to_be_done() -> None:
    assert MACHINE.advance(Door.OPEN, Event.PUSH) == Move(Door.SHUT, (Step.CLOSE,))


@pytest.mark.parametrize("door", [Door.OPEN, Door.GONE])
def test_what_is_only_told_or_not_there_cannot_be_asked_for(door: Door) -> None:
    with pytest.raises(IllegalTransition, match=f"storm cannot happen while {door}"):
        MACHINE.advance(door, Event.STORM)


def test_the_diagram_has_both_kinds_and_leaves_out_what_changes_nothing() -> None:
    assert list(MACHINE.diagram()) == [
        "open -- push --> shut",
        "open, shut -- storm --> gone",
    ]


def test_the_table_has_a_row_per_state() -> None:
    assert list(MACHINE.table())[2:] == [
        "| open | one can walk in |",
        "| shut | one cannot |",
        "| gone | no door |",
    ]
