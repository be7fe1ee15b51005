"""How readings and templates become text that a person reads. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from facts.value import Absent, Reading, Unknown
from gates.expression import Facts
from gates.vocabulary import Term, TermValue

#: `{name}` in a template; other braces do not occur in our sentences.
_PLACEHOLDER: Final = re.compile(r"\{([a-zA-Z_][\w.]*)\}")


def placeholders(template: str) -> tuple[str, ...]:
    """Return the names that a template mentions."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(template)))


def text(reading: Reading[TermValue]) -> str:
    """Return a reading as text: `yes`, `24576`, `[1, 2]`, `none`, `UNKNOWN (why)`."""
    if isinstance(reading, Unknown):
        return str(reading)
    if isinstance(reading, Absent):
        return "none"
    if isinstance(reading, bool):
        return "yes" if reading else "no"
    if isinstance(reading, tuple):
        return "[" + ", ".join(reading) + "]"
    if isinstance(reading, float):
        return f"{reading:.1f}" if abs(reading) >= 1 else f"{reading:g}"
    return str(reading)


def with_unit(reading: Reading[TermValue], term: Term) -> str:
    """Return a reading as text with its unit, when it has a value."""
    if isinstance(reading, Unknown | Absent) or not term.unit:
        return text(reading)
    return f"{text(reading)} {term.unit}"


def fill(template: str, facts: Facts, card: int | None = None) -> str:
    """Return a template with every placeholder replaced by its reading's text."""
    return _PLACEHOLDER.sub(lambda match: text(facts.read(match[1], card)), template)


def fill_exactly(template: str, facts: Facts) -> str | None:
    """Return a filled template, or None when one of its names has no value."""
    readings = [facts.read(name) for name in placeholders(template)]
    if any(isinstance(reading, Unknown | Absent) for reading in readings):
        return None
    return fill(template, facts)


def for_any_host(template: str) -> str:
    """Return a template as documents show it: the host's name is HOST, the others stay."""
    return template.replace("{host.name}", "HOST")


def per_card(template: str, facts: Facts, cards: Iterable[int]) -> str:
    """Return a template filled once for each card, joined into one clause."""
    return "; ".join(dict.fromkeys(fill(template, facts, card) for card in cards))
