"""Build swap as a state machine: swap that exists for one source build. Pure.

The effects are in build_swap; docs/swap.md is generated from MACHINE.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from operations.machine import Machine, Move


class SwapPhase(StrEnum):
    """Where a host's build swap stands."""

    ABSENT = "absent"
    CREATING = "creating"
    ACTIVE = "active"
    LEFT_OVER = "left-over"
    KEPT = "kept"
    REMOVED = "removed"
    REFUSED = "refused"


class SwapEvent(StrEnum):
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


SwapMove: TypeAlias = Move[SwapPhase, Step]

_P, _E, _S = SwapPhase, SwapEvent, Step
#: What a run does to build swap, and (told) what the world does and what is refused.
MACHINE: Final[Machine[SwapPhase, SwapEvent, Step]] = Machine(
    sentences={
        SwapPhase.ABSENT: "there is no file of ours",
        SwapPhase.CREATING: "the file is being made, or a run that died left it unfinished",
        SwapPhase.ACTIVE: "the file is on",
        SwapPhase.LEFT_OVER: "the file is whole but off: the host was rebooted meanwhile",
        SwapPhase.KEPT: "the build failed or serving began: the file is off, for the next try",
        SwapPhase.REMOVED: "the build passed: the file is gone",
        SwapPhase.REFUSED: "nothing was written: there is no room, or something serves",
    },
    made={
        (_P.ABSENT, _E.UP): Move(_P.CREATING, (_S.CREATE,)),
        (_P.REMOVED, _E.UP): Move(_P.CREATING, (_S.CREATE,)),
        (_P.CREATING, _E.UP): Move(_P.CREATING, (_S.DISCARD, _S.CREATE)),
        (_P.CREATING, _E.MADE): Move(_P.ACTIVE),
        (_P.LEFT_OVER, _E.UP): Move(_P.ACTIVE, (_S.TURN_ON,)),
        (_P.KEPT, _E.UP): Move(_P.ACTIVE, (_S.TURN_ON,)),
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
    },
    told={
        (_P.ACTIVE, _E.REBOOT): Move(_P.LEFT_OVER),
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
    },
)


#: Recorded phases in which a file may lie there.
OURS: Final = (SwapPhase.CREATING, SwapPhase.ACTIVE, SwapPhase.LEFT_OVER, SwapPhase.KEPT)


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
        """Return True if there is a file that no run of ours wrote down."""
        return self.size is not None and self.record not in OURS


def observe(seen: Seen) -> SwapPhase:
    """Return the phase that facts show."""
    if seen.active:
        return SwapPhase.ACTIVE
    if seen.size is not None:
        return SwapPhase.KEPT if seen.record == SwapPhase.KEPT else SwapPhase.LEFT_OVER
    if seen.unfinished:
        return SwapPhase.CREATING
    return SwapPhase.REMOVED if seen.record == SwapPhase.REMOVED else SwapPhase.ABSENT


def respond(seen: Seen, event: SwapEvent, size: int) -> SwapMove:
    """Return what UP, FAILED or DOWN asks for; a file of another size is made anew.

    Args:
        size: wanted bytes.

    Raises:
        IllegalTransition: the event is not one that somebody asks for.
    """
    phase = observe(seen)
    steps: tuple[Step, ...] = ()
    if seen.unfinished and phase is not SwapPhase.CREATING:
        steps += (Step.DISCARD,)
    if event is SwapEvent.UP and seen.size not in (None, size):
        gone = MACHINE.advance(phase, SwapEvent.DOWN)
        phase, steps = gone.phase, steps + gone.steps
    move = MACHINE.advance(phase, event)
    steps += move.steps
    if move.phase is SwapPhase.CREATING:
        return Move(MACHINE.advance(move.phase, SwapEvent.MADE).phase, steps)
    return Move(move.phase, steps)
