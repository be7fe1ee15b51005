"""A state machine as one table. Pure.

Two rules: everything that moves a machine stands in its table, and what does not stand there cannot
happen. A move is either made by code, or only told: it explains, in docs and diagrams, what the
world does or why nothing is done, and asking for it is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)
A = TypeVar("A", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Move(Generic[S, A]):
    """Where an event leads.

    Args:
        phase: the state that follows.
        steps: what has to be done for it, in order.
    """

    phase: S
    steps: tuple[A, ...] = ()


class IllegalTransition(Exception):
    """An event that cannot happen in a state: the caller is wrong about one of them."""


@dataclass(frozen=True, slots=True)
class Machine(Generic[S, E, A]):
    """States and what leads from one to the next.

    Args:
        sentences: every state, with one sentence that says what it is.
        made: (state, event) -> move that code makes.
        told: (state, event) -> move that only explains.
    """

    sentences: Mapping[S, str]
    made: Mapping[tuple[S, E], Move[S, A]]
    told: Mapping[tuple[S, E], Move[S, A]] = field(default_factory=dict)

    def advance(self, phase: S, event: E) -> Move[S, A]:
        """Return where an event leads.

        Raises:
            IllegalTransition: no code makes that move.
        """
        try:
            return self.made[phase, event]
        except KeyError:
            raise IllegalTransition(f"{event.value} cannot happen while {phase.value}") from None

    def diagram(self) -> Iterator[str]:
        """Yield one line per event and target, without the moves that change nothing."""
        lines: dict[tuple[E, S], list[str]] = {}
        for (phase, event), move in {**self.made, **self.told}.items():
            if move.phase is not phase or move.steps:
                lines.setdefault((event, move.phase), []).append(phase.value)
        for (event, target), sources in lines.items():
            yield f"{', '.join(sources)} -- {event.value} --> {target.value}"

    def table(self) -> Iterator[str]:
        """Yield the rows of a Markdown table of the states."""
        yield "| state | |"
        yield "|---|---|"
        for phase, sentence in self.sentences.items():
            yield f"| {phase.value} | {sentence} |"
