"""Build swap as a state machine: swap that exists for one source build. Pure.

The effects are in build_swap; docs/swap.md is generated from TRANSITIONS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """Where a host's build swap stands."""

    ABSENT = "absent"
    CREATING = "creating"
    ACTIVE = "active"
    LEFT_OVER = "left-over"
    KEPT = "kept"
    REMOVED = "removed"
    REFUSED = "refused"


#: One sentence for each phase.
SENTENCE: Final = {
    Phase.ABSENT: "there is no file of ours",
    Phase.CREATING: "the file is being made, or a run that died left it unfinished",
    Phase.ACTIVE: "the file is on",
    Phase.LEFT_OVER: "the file is whole but off: the host was rebooted meanwhile",
    Phase.KEPT: "the build failed or serving began: the file is off and waits for the next try",
    Phase.REMOVED: "the build passed: the file is gone",
    Phase.REFUSED: "nothing was written: no room, or something serves and the profile forbids it",
}


class Event(StrEnum):
    """What happens to it."""

    UP = "build-up"
    MADE = "made"
    FAILED = "build failed"
    DOWN = "build passed"
    REBOOT = "reboot"
    SERVING = "serving"
    NO_ROOM = "no room"


class Step(StrEnum):
    """One effect, in the words of the operation that has it."""

    DISCARD = "discard the unfinished file"
    CREATE = "make the file and turn it on"
    TURN_ON = "turn it on"
    TURN_OFF = "turn it off"
    REMOVE = "remove the file"


@dataclass(frozen=True, slots=True)
class Move:
    """Where an event leads and what has to be done for it."""

    phase: Phase
    steps: tuple[Step, ...] = ()


class IllegalTransition(Exception):
    """An event that cannot happen in a phase: the caller is wrong about one of them."""


_P, _E, _S = Phase, Event, Step
TRANSITIONS: Final[dict[tuple[Phase, Event], Move]] = {
    (_P.ABSENT, _E.UP): Move(_P.CREATING, (_S.CREATE,)),
    (_P.REMOVED, _E.UP): Move(_P.CREATING, (_S.CREATE,)),
    (_P.CREATING, _E.UP): Move(_P.CREATING, (_S.DISCARD, _S.CREATE)),
    (_P.CREATING, _E.MADE): Move(_P.ACTIVE),
    (_P.LEFT_OVER, _E.UP): Move(_P.ACTIVE, (_S.TURN_ON,)),
    (_P.KEPT, _E.UP): Move(_P.ACTIVE, (_S.TURN_ON,)),
    (_P.ACTIVE, _E.REBOOT): Move(_P.LEFT_OVER),
    (_P.ACTIVE, _E.FAILED): Move(_P.KEPT, (_S.TURN_OFF,)),
    (_P.LEFT_OVER, _E.FAILED): Move(_P.KEPT),
    (_P.ACTIVE, _E.SERVING): Move(_P.KEPT, (_S.TURN_OFF,)),
    (_P.ACTIVE, _E.DOWN): Move(_P.REMOVED, (_S.TURN_OFF, _S.REMOVE)),
    (_P.LEFT_OVER, _E.DOWN): Move(_P.REMOVED, (_S.REMOVE,)),
    (_P.KEPT, _E.DOWN): Move(_P.REMOVED, (_S.REMOVE,)),
    (_P.CREATING, _E.DOWN): Move(_P.REMOVED, (_S.DISCARD,)),
    (_P.CREATING, _E.FAILED): Move(_P.REMOVED, (_S.DISCARD,)),
    # nothing to do
    (_P.ACTIVE, _E.UP): Move(_P.ACTIVE),
    (_P.KEPT, _E.FAILED): Move(_P.KEPT),
    (_P.ABSENT, _E.DOWN): Move(_P.ABSENT),
    (_P.ABSENT, _E.FAILED): Move(_P.ABSENT),
    (_P.REMOVED, _E.DOWN): Move(_P.REMOVED),
    (_P.REMOVED, _E.FAILED): Move(_P.REMOVED),
    **{
        (phase, _E.REBOOT): Move(phase)
        for phase in (_P.ABSENT, _P.CREATING, _P.LEFT_OVER, _P.KEPT, _P.REMOVED)
    },
    # refusals come before anything is written, so never while it is on
    **{
        (phase, event): Move(_P.REFUSED)
        for event in (_E.NO_ROOM, _E.SERVING)
        for phase in (_P.ABSENT, _P.REMOVED, _P.CREATING, _P.LEFT_OVER, _P.KEPT)
    },
}


def advance(phase: Phase, event: Event) -> Move:
    """Return where an event leads.

    Raises:
        IllegalTransition: it cannot happen in this phase.
    """
    try:
        return TRANSITIONS[phase, event]
    except KeyError:
        raise IllegalTransition(f"{event.value} cannot happen while {phase.value}") from None


#: Recorded phases in which a file may lie there.
OURS: Final = (Phase.CREATING, Phase.ACTIVE, Phase.LEFT_OVER, Phase.KEPT)


@dataclass(frozen=True, slots=True)
class Seen:
    """What facts say.

    Args:
        active: it is on.
        size: bytes of the file, None without one.
        unfinished: the file that is being made is there.
        record: phase that the last run wrote down on the host, empty for none.
    """

    active: bool
    size: int | None
    unfinished: bool
    record: str

    @property
    def foreign(self) -> bool:
        """Return whether there is a file that no run of ours wrote down."""
        return self.size is not None and self.record not in OURS


def observe(seen: Seen) -> Phase:
    """Return the phase that facts show."""
    if seen.active:
        return Phase.ACTIVE
    if seen.size is not None:
        return Phase.KEPT if seen.record == Phase.KEPT else Phase.LEFT_OVER
    if seen.unfinished:
        return Phase.CREATING
    return Phase.REMOVED if seen.record == Phase.REMOVED else Phase.ABSENT


def respond(seen: Seen, event: Event, size: int) -> Move:
    """Return what UP, FAILED or DOWN asks for; a file of another size is made anew.

    Args:
        size: wanted bytes.

    Raises:
        IllegalTransition: the event is not one that somebody asks for.
    """
    phase = observe(seen)
    steps: tuple[Step, ...] = ()
    if seen.unfinished and phase is not Phase.CREATING:
        steps += (Step.DISCARD,)
    if event is Event.UP and seen.size not in (None, size):
        gone = advance(phase, Event.DOWN)
        phase, steps = gone.phase, steps + gone.steps
    move = advance(phase, event)
    steps += move.steps
    if move.phase is Phase.CREATING:
        return Move(advance(move.phase, Event.MADE).phase, steps)
    return Move(move.phase, steps)


def diagram() -> Iterator[str]:
    """Yield the state diagram, one line per event and target; what changes nothing is left out."""
    lines: dict[tuple[Event, Move], list[str]] = {}
    for (phase, event), move in TRANSITIONS.items():
        if move.phase is not phase or move.steps:
            lines.setdefault((event, Move(move.phase)), []).append(phase.value)
    for (event, move), sources in lines.items():
        yield f"{', '.join(sources)} -- {event.value} --> {move.phase.value}"
