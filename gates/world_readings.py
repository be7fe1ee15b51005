"""Typed access to the facts of one host by domain. Pure; a domain that nobody read is UNKNOWN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from facts.value import Absent, Reading, Unknown

T = TypeVar("T")
V = TypeVar("V")


class Readings:
    """Domain -> fact value."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def get(self, domain: str, kind: type[T]) -> T | Absent | Unknown:
        """Return the value of a fact, or an Unknown that says why there is none."""
        value = self._values.get(domain, Unknown(f"the fact {domain} was not read"))
        if isinstance(value, kind | Unknown | Absent):
            return value
        return Unknown(f"the fact {domain} has an unexpected value")

    def map(self, domain: str, kind: type[T], take: Callable[[T], Reading[V]]) -> Reading[V]:
        """Return what a function takes from a fact's value; a fact that is not known stays so."""
        return then(self.get(domain, kind), take)


def then(reading: Reading[T], take: Callable[[T], Reading[V]]) -> Reading[V]:
    """Apply a function to a known reading; ABSENT and UNKNOWN pass through."""
    return reading if isinstance(reading, Absent | Unknown) else take(reading)
