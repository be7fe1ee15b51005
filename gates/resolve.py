"""Decisions -> one value per key, and what is forbidden; the stricter wins. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gates.keys import Key, effects
from gates.model import Decision


@dataclass(frozen=True, slots=True)
class Choice:
    """The value of one key after all gates spoke.

    Attributes:
        value: None when gates want different values of a key that has no order.
        by: ids of the gates whose value it is.
        overruled: id -> value of the gates that would have allowed something else.
    """

    key: str
    value: str | None
    by: tuple[str, ...]
    reason: str
    overruled: dict[str, str]

    @property
    def is_conflict(self) -> bool:
        """Return True if a person must decide."""
        return self.value is None


def choices(
    decisions: Iterable[Decision], keys: Mapping[str, Key] | None = None
) -> dict[str, Choice]:
    """Return the resolved value of every key that some decision chose, by key."""
    targets = effects().keys if keys is None else keys
    wanted: dict[str, list[Decision]] = {}
    for decision in decisions:
        if decision.key and decision.choice is not None:
            wanted.setdefault(decision.key, []).append(decision)
    return {key: _resolve(key, targets[key], wanted[key]) for key in sorted(wanted)}


def _resolve(key: str, target: Key, wanted: list[Decision]) -> Choice:
    value = target.strictest(decision.choice for decision in wanted if decision.choice is not None)
    if value is None:
        said = ", ".join(f"{d.id} wants {d.choice}" for d in wanted)
        return Choice(key, None, tuple(d.id for d in wanted), f"The gates disagree: {said}.", {})
    winners = [decision for decision in wanted if decision.choice == value]
    return Choice(
        key=key,
        value=value,
        by=tuple(decision.id for decision in winners),
        reason=winners[0].reason,
        overruled={d.id: d.choice for d in wanted if d.choice is not None and d.choice != value},
    )


def forbidden(decisions: Iterable[Decision]) -> dict[str, tuple[str, ...]]:
    """Return action -> ids of the decisions that forbid it, by action."""
    found: dict[str, list[str]] = {}
    for decision in decisions:
        for action in decision.forbid:
            found.setdefault(action, []).append(decision.id)
    return {action: tuple(found[action]) for action in sorted(found)}
