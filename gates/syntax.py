"""YAML data -> expression. Refuses unknown operators, unknown names and values of the wrong type.

The grammar (docs/gates.md shows it in use):
    all: [...]   any: [...]   not: ...          every_card: ...   any_card: ...   no_card: ...
    eq|ne|lt|le|gt|ge|in|contains|contains_any|glob|matches: [name, value or $name]
    count_cards: {of: ..., ge: 2}               is_known: name    is_absent: name
"""

from __future__ import annotations

import re
from typing import Final, Literal, cast, get_args

from gates.expression import (
    Cards,
    Compare,
    Count,
    Every,
    Expression,
    Is,
    Not,
    Operand,
    Operator,
    Quantifier,
    Ref,
)
from gates.marked import Place
from gates.vocabulary import Term, TermValue, Vocabulary

_OPERATORS: Final = frozenset(get_args(Operator))
_QUANTIFIERS: Final = frozenset(get_args(Quantifier))
_ORDERS: Final = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})


class SyntaxProblem(ValueError):
    """An expression makes no sense.

    Attributes:
        place: where, from the expression's own top.
    """

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place


def parse(data: object, words: Vocabulary, *, inside_card: bool = False) -> Expression:
    """Return the expression that YAML data spells.

    Args:
        inside_card: it is asked of one card, so that `card.*` names mean something.

    Raises:
        SyntaxProblem: with the place in the data.
    """
    return _Parser(words).expression(data, (), inside_card=inside_card)


class _Parser:
    def __init__(self, words: Vocabulary) -> None:
        self._words = words

    def expression(self, data: object, place: Place, *, inside_card: bool) -> Expression:
        if not isinstance(data, dict) or len(data) != 1:
            raise SyntaxProblem(place, "an expression is a mapping with one operator")
        op, value = next(iter(data.items()))
        here = (*place, str(op))
        if op in ("all", "any"):
            return Every(op, self._items(value, here, inside_card=inside_card))
        if op == "not":
            return Not(self.expression(value, here, inside_card=inside_card))
        if op in _QUANTIFIERS:
            if inside_card:
                raise SyntaxProblem(here, f"{op} inside a question to one card")
            return Cards(cast(Quantifier, op), self.expression(value, here, inside_card=True))
        if op == "count_cards":
            return self._count(value, here)
        if op in ("is_known", "is_absent"):
            what = cast(Literal["is_known", "is_absent"], op)
            return Is(what, self._name(value, here, inside_card=inside_card))
        if op in _OPERATORS:
            return self._compare(cast(Operator, op), value, here, inside_card=inside_card)
        raise SyntaxProblem(here, f"{op!r} is not an operator")

    def _items(self, data: object, place: Place, *, inside_card: bool) -> tuple[Expression, ...]:
        if not isinstance(data, list) or not data:
            raise SyntaxProblem(place, "a non-empty list of expressions is needed here")
        return tuple(
            self.expression(item, (*place, number), inside_card=inside_card)
            for number, item in enumerate(data)
        )

    def _count(self, data: object, place: Place) -> Count:
        if not isinstance(data, dict) or len(data) != 2 or "of" not in data:
            raise SyntaxProblem(place, "count_cards is {of: expression, ge: number}")
        op = next(key for key in data if key != "of")
        number = data[op]
        if op not in _ORDERS or isinstance(number, bool) or not isinstance(number, int):
            raise SyntaxProblem(place, "count_cards compares (eq, lt, ge ...) with a number")
        item = self.expression(data["of"], (*place, "of"), inside_card=True)
        return Count(item, cast(Literal["eq", "ne", "lt", "le", "gt", "ge"], op), number)

    def _compare(self, op: Operator, data: object, place: Place, *, inside_card: bool) -> Compare:
        if not isinstance(data, list) or len(data) != 2:
            raise SyntaxProblem(place, f"{op} is written as [name, value]")
        name = self._name(data[0], (*place, 0), inside_card=inside_card)
        other: Operand
        if isinstance(data[1], str) and data[1].startswith("$"):
            other = Ref(self._name(data[1][1:], (*place, 1), inside_card=inside_card))
        else:
            other = _plain(data[1], place)
            self._fits(op, self._words[name], other, place)
        return Compare(op, name, other)

    def _fits(self, op: Operator, term: Term, value: TermValue, place: Place) -> None:
        listed = op in ("in", "contains_any", "glob") and isinstance(value, tuple)
        match op:
            case "eq" | "ne" | "lt" | "le" | "gt" | "ge":
                fits = term.accepts(value)
            case "in":
                fits = listed and term.type in ("text", "version")
            case "contains":
                fits = term.type == "list" and isinstance(value, str)
            case "contains_any":
                fits = term.type == "list" and listed
            case "glob":
                fits = term.type in ("text", "version")
            case "matches":
                fits = term.type in ("text", "version") and _is_pattern(value)
        if fits and op in ("lt", "le", "gt", "ge"):
            fits = term.type in ("number", "version")
        if not fits:
            raise SyntaxProblem(place, f"{op} cannot compare a {term.type} with {value!r}")

    def _name(self, data: object, place: Place, *, inside_card: bool) -> str:
        if not isinstance(data, str) or data not in self._words:
            raise SyntaxProblem(place, self._words.missing(str(data)))
        if data.startswith("card.") and not inside_card:
            raise SyntaxProblem(place, f"{data} needs every_card, any_card, no_card or count_cards")
        return data


def _is_pattern(value: TermValue) -> bool:
    try:
        re.compile(str(value))
    except re.error:
        return False
    return isinstance(value, str)


def _plain(data: object, place: Place) -> TermValue:
    if isinstance(data, list) and all(isinstance(item, str) for item in data):
        return tuple(data)
    if isinstance(data, bool | int | float | str):
        return data
    raise SyntaxProblem(place, f"{data!r} is neither a plain value nor a list of texts")
