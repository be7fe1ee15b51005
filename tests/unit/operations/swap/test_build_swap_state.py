"""The state machine of build swap: legal moves only, and every life ends well."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet import docs
from operations.machine import IllegalTransition
from operations.swap.build_swap_state import (
    MACHINE,
    OURS,
    Seen,
    Step,
    SwapEvent,
    SwapPhase,
    observe,
    respond,
)

#: Every move, made or told.
MOVES = {**MACHINE.made, **MACHINE.told}

SIZE = 100
ASKED = st.sampled_from([SwapEvent.UP, SwapEvent.FAILED, SwapEvent.DOWN])
SEEN = st.builds(
    Seen,
    active=st.booleans(),
    size=st.sampled_from([None, SIZE, 50]),
    unfinished=st.booleans(),
    record=st.sampled_from(["", *map(str, SwapPhase)]),
).filter(lambda seen: not (seen.active and seen.size is None))


class World:
    """A host that does what the steps say."""

    def __init__(self, seen: Seen) -> None:
        self.active, self.size, self.unfinished = seen.active, seen.size, seen.unfinished

    def do(self, step: Step) -> None:
        """Do one step; a step that makes no sense here is a failure."""
        match step:
            case Step.DISCARD:
                assert self.unfinished
                self.unfinished = False
            case Step.CREATE:
                assert self.size is None
                assert not self.unfinished
                self.size, self.active = SIZE, True
            case Step.TURN_ON:
                assert self.size is not None
                assert not self.active
                self.active = True
            case Step.TURN_OFF:
                assert self.active
                self.active = False
            case Step.REMOVE:
                assert self.size is not None
                assert not self.active
                self.size = None


@given(seen=SEEN, event=ASKED)
def test_whatever_is_seen_the_steps_can_be_done_and_lead_where_they_say(
    seen: Seen, event: SwapEvent
) -> None:
    world = World(seen)
    move = respond(seen, event, SIZE)
    for step in move.steps:
        world.do(step)
    after = Seen(world.active, world.size, world.unfinished, move.phase.value)
    assert observe(after) is move.phase
    assert not world.unfinished
    if event is SwapEvent.UP:
        assert (world.active, world.size) == (True, SIZE)
    else:
        assert not world.active
    if event is SwapEvent.DOWN:
        assert world.size is None
    # and asked again, nothing is left to do
    assert respond(after, event, SIZE).steps == ()


@given(seen=SEEN)
def test_a_reboot_in_any_state_is_only_a_loss_of_being_on(seen: Seen) -> None:
    record = SwapPhase.ACTIVE.value if seen.active else seen.record
    before = Seen(seen.active, seen.size, seen.unfinished, record)
    after = Seen(False, seen.size, seen.unfinished, record)
    assert observe(after) is MACHINE.told[observe(before), SwapEvent.REBOOT].phase


@pytest.mark.parametrize(
    ("phase", "event"),
    [(p, e) for p in SwapPhase for e in SwapEvent if (p, e) not in MACHINE.made],
)
def test_an_event_that_cannot_happen_is_an_error(phase: SwapPhase, event: SwapEvent) -> None:
    with pytest.raises(IllegalTransition, match="cannot happen while"):
        MACHINE.advance(phase, event)


def test_it_is_on_only_by_creating_it_or_turning_it_on() -> None:
    for (phase, event), move in MOVES.items():
        if move.phase is SwapPhase.ACTIVE and phase is not SwapPhase.ACTIVE:
            assert event is SwapEvent.MADE or Step.TURN_ON in move.steps
        if phase is SwapPhase.ACTIVE and move.phase is not SwapPhase.ACTIVE:
            assert event is SwapEvent.REBOOT or Step.TURN_OFF in move.steps


def test_a_refusal_does_nothing_and_is_the_end() -> None:
    for (phase, _), move in MOVES.items():
        assert phase is not SwapPhase.REFUSED
        if move.phase is SwapPhase.REFUSED:
            assert move.steps == ()


def test_a_failed_build_keeps_the_file_and_a_passed_one_removes_it() -> None:
    active = Seen(True, SIZE, False, "active")
    assert respond(active, SwapEvent.FAILED, SIZE).steps == (Step.TURN_OFF,)
    assert respond(active, SwapEvent.DOWN, SIZE).steps == (Step.TURN_OFF, Step.REMOVE)


def test_a_left_over_file_is_turned_on_again_and_not_made_again() -> None:
    left = Seen(False, SIZE, False, "active")
    assert observe(left) is SwapPhase.LEFT_OVER
    assert respond(left, SwapEvent.UP, SIZE).steps == (Step.TURN_ON,)


def test_another_size_is_made_anew() -> None:
    kept = Seen(False, 50, False, "kept")
    assert respond(kept, SwapEvent.UP, SIZE).steps == (Step.REMOVE, Step.CREATE)


@pytest.mark.parametrize("record", ["", "absent", "removed", "nonsense"])
def test_a_file_that_nobody_wrote_down_is_foreign(record: str) -> None:
    assert Seen(False, SIZE, False, record).foreign
    assert not Seen(False, None, False, record).foreign
    assert not any(Seen(False, SIZE, False, phase).foreign for phase in OURS)


def test_the_diagram_has_ten_lines_and_the_page_is_fresh() -> None:
    assert len(list(MACHINE.diagram())) == 10
    assert set(MACHINE.sentences) == set(SwapPhase)
    page = Path(docs.DOCS / "swap.md").read_text()
    assert page == docs.documents()["swap.md"]
    assert all(line in page for line in MACHINE.diagram())
