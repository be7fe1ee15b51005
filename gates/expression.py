"""Three-valued (Kleene) expressions over a world: true, false, or UNKNOWN with its reason.

Pure. Every operator is monotone: knowing less can turn an answer into UNKNOWN, never into another
answer. That is why `is_known` answers true or UNKNOWN, never false. ABSENT is a finding of its own:
it equals nothing, is in nothing and contains nothing, and has no order.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal, Protocol, TypeAlias

from facts.packages.debian_version import version_compare
from facts.value import ABSENT, Absent, Reading, Unknown
from gates.vocabulary import Term, TermValue

#: The answer of an expression.
Truth: TypeAlias = bool | Unknown


class Facts(Protocol):
    """What an expression reads."""

    def read(self, name: str, card: int | None = None) -> Reading[TermValue]:
        """Return the reading of a name, for one card where the name starts with `card.`."""
        ...

    def term(self, name: str) -> Term:
        """Return the vocabulary's entry of a name."""
        ...

    def card_numbers(self) -> tuple[int, ...] | Unknown:
        """Return the cards to ask, or why they are UNKNOWN."""
        ...


@dataclass(frozen=True, slots=True)
class Ref:
    """Another name on the right-hand side (`$name` in YAML)."""

    name: str


Operand: TypeAlias = TermValue | Ref
Operator: TypeAlias = Literal[
    "eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "contains_any", "glob", "matches"
]
Quantifier: TypeAlias = Literal["every_card", "any_card", "no_card"]


@dataclass(frozen=True, slots=True)
class Compare:
    """`op: [name, operand]`."""

    op: Operator
    name: str
    other: Operand


@dataclass(frozen=True, slots=True)
class Every:
    """All must hold (`all`), or one (`any`)."""

    op: Literal["all", "any"]
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; UNKNOWN stays UNKNOWN."""

    item: Expression


@dataclass(frozen=True, slots=True)
class Cards:
    """A question to each card."""

    quantifier: Quantifier
    item: Expression


@dataclass(frozen=True, slots=True)
class Count:
    """How many cards answer true, compared with a number."""

    item: Expression
    op: Literal["eq", "ne", "lt", "le", "gt", "ge"]
    number: int


@dataclass(frozen=True, slots=True)
class Is:
    """`is_known` or `is_absent`."""

    what: Literal["is_known", "is_absent"]
    name: str


Expression: TypeAlias = Compare | Every | Not | Cards | Count | Is

_ORDER: Final[dict[str, Callable[[float, float], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


def evaluate(expression: Expression, facts: Facts, card: int | None = None) -> Truth:
    """Return the answer of an expression.

    Args:
        card: the card that `card.*` names mean; set inside `every_card` and its kin.
    """
    match expression:
        case Every("all", items):
            return all_of(evaluate(item, facts, card) for item in items)
        case Every(_, items):
            return any_of(evaluate(item, facts, card) for item in items)
        case Not(item):
            return _not(evaluate(item, facts, card))
        case Is(what, name):
            return _is(what, facts.read(name, card), name)
        case Cards(quantifier, item):
            answers = _per_card(item, facts)
            if isinstance(answers, Unknown):
                return answers
            if quantifier == "every_card":
                return all_of(answers)
            return any_of(answers) if quantifier == "any_card" else _not(any_of(answers))
        case Count(item, op, number):
            return _count(_per_card(item, facts), _ORDER[op], number)
        case Compare():
            return _compare(expression, facts, card)


def all_of(answers: Iterable[Truth]) -> Truth:
    """Return Kleene's conjunction: one false decides, else one UNKNOWN does."""
    found = list(answers)
    if any(answer is False for answer in found):
        return False
    unknown = _unknown(found)
    return True if unknown is None else unknown


def any_of(answers: Iterable[Truth]) -> Truth:
    """Return Kleene's disjunction: one true decides, else one UNKNOWN does."""
    found = list(answers)
    if any(answer is True for answer in found):
        return True
    unknown = _unknown(found)
    return False if unknown is None else unknown


def _unknown(answers: Iterable[Truth]) -> Unknown | None:
    reasons = [answer.reason for answer in answers if isinstance(answer, Unknown)]
    return Unknown("; ".join(dict.fromkeys(reasons))) if reasons else None


def _not(answer: Truth) -> Truth:
    return answer if isinstance(answer, Unknown) else not answer


def _is(what: str, reading: Reading[TermValue], name: str) -> Truth:
    if isinstance(reading, Unknown):
        return Unknown(f"{name}: {reading.reason}")
    return what == "is_known" or isinstance(reading, Absent)


def _per_card(item: Expression, facts: Facts) -> list[Truth] | Unknown:
    cards = facts.card_numbers()
    if isinstance(cards, Unknown):
        return cards
    if not cards:
        return Unknown("there is no card to ask")
    return [evaluate(item, facts, card) for card in cards]


def _count(
    answers: list[Truth] | Unknown, holds: Callable[[float, float], bool], number: int
) -> Truth:
    if isinstance(answers, Unknown):
        return answers
    least = sum(answer is True for answer in answers)
    most = least + sum(isinstance(answer, Unknown) for answer in answers)
    verdicts = {holds(count, number) for count in range(least, most + 1)}
    if len(verdicts) == 1:
        return verdicts.pop()
    unknown = _unknown(answers)
    return Unknown("the number of cards is not certain") if unknown is None else unknown


def _compare(question: Compare, facts: Facts, card: int | None) -> Truth:
    left = facts.read(question.name, card)
    right: Reading[TermValue]
    if isinstance(question.other, Ref):
        right = facts.read(question.other.name, card)
    else:
        right = question.other
    both = ((question.name, left), (_name(question.other), right))
    unknown = _unknown(
        Unknown(f"{name}: {reading.reason}")
        for name, reading in both
        if isinstance(reading, Unknown)
    )
    if unknown is not None:
        return unknown
    if isinstance(left, Absent) or isinstance(right, Absent):
        return _compare_absent(question, left, right)
    if isinstance(left, Unknown) or isinstance(right, Unknown):  # said above; narrows the types
        return Unknown(question.name)
    return _compare_known(question, facts.term(question.name), left, right)


def _name(operand: Operand) -> str:
    return operand.name if isinstance(operand, Ref) else str(operand)


def _compare_absent(
    question: Compare, left: Reading[TermValue], right: Reading[TermValue]
) -> Truth:
    if right is ABSENT:
        return Unknown(f"there is no {_name(question.other)} to compare {question.name} with")
    if question.op in ("eq", "ne"):
        return question.op == "ne"
    if question.op in ("in", "contains", "contains_any", "glob", "matches"):
        return False
    return Unknown(f"there is no {question.name}")


def _compare_known(question: Compare, term: Term, left: TermValue, right: TermValue) -> Truth:
    op = question.op
    match op:
        case "in":
            return isinstance(right, tuple) and left in right
        case "contains":
            return isinstance(left, tuple) and right in left
        case "contains_any":
            return isinstance(left, tuple) and isinstance(right, tuple) and bool({*left} & {*right})
        case "glob":
            patterns = right if isinstance(right, tuple) else (str(right),)
            return any(fnmatchcase(str(left), pattern) for pattern in patterns)
        case "matches":
            return re.search(str(right), str(left)) is not None
    if term.type == "version":
        try:
            return _ORDER[op](version_compare(str(left), str(right)), 0)
        except ValueError as error:
            return Unknown(f"{question.name}: {error}")
    if op in ("eq", "ne"):
        return (left == right) == (op == "eq")
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _ORDER[op](left, right)
    return Unknown(f"{question.name} ({left}) and {right} have no order")


def names(expression: Expression) -> tuple[str, ...]:
    """Return every name that an expression reads, in order, once."""
    return tuple(dict.fromkeys(_names(expression)))


def _names(expression: Expression) -> Iterable[str]:
    match expression:
        case Compare(_, name, other):
            yield name
            if isinstance(other, Ref):
                yield other.name
        case Is(_, name):
            yield name
        case Every(_, items):
            for item in items:
                yield from _names(item)
        case Not(item) | Cards(_, item) | Count(item):
            yield from _names(item)
