"""Expressions in words, for docs and `b70 explain`. Pure."""

from __future__ import annotations

from typing import Final

from gates.expression import (
    Cards,
    Compare,
    Count,
    Every,
    Expression,
    Is,
    Not,
    Operand,
    Ref,
)

_WORDS: Final = {
    "eq": "is",
    "ne": "is not",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "in": "is one of",
    "contains": "contains",
    "contains_any": "contains one of",
    "glob": "matches one of",
    "matches": "matches",
}
_CARDS: Final = {
    "every_card": "on every card",
    "any_card": "on at least one card",
    "no_card": "on no card",
}


def words(expression: Expression) -> str:
    """Return an expression as a phrase: `on every card: card.power_control is on`."""
    match expression:
        case Compare(op, name, other):
            return f"`{name}` {_WORDS[op]} {_operand(other)}"
        case Is("is_absent", name):
            return f"there is no `{name}`"
        case Is(_, name):
            return f"`{name}` is known"
        case Not(item):
            return f"not {_part(item)}"
        case Every(op, items):
            return (" and " if op == "all" else " or ").join(_part(item) for item in items)
        case Cards(quantifier, item):
            return f"{_CARDS[quantifier]} {_part(item)}"
        case Count(item, op, number):
            return f"the number of cards with {_part(item)} {_WORDS[op]} {number}"


def _part(expression: Expression) -> str:
    phrase = words(expression)
    return f"({phrase})" if isinstance(expression, Every) else phrase


def _operand(operand: Operand) -> str:
    if isinstance(operand, Ref):
        return f"`{operand.name}`"
    if isinstance(operand, bool):
        return "yes" if operand else "no"
    if isinstance(operand, tuple):
        return ", ".join(f"`{item}`" for item in operand) or "empty"
    return f"`{operand}`"
