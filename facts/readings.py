"""What the facts said of one host: asked for by the class of a fact, typed by it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

from facts.base import HostFact
from facts.reader import Readable
from facts.value import Absent, Reading, Unknown

T = TypeVar("T")
V = TypeVar("V")

_NONE: Final[Mapping[type[HostFact[Any]], object]] = MappingProxyType({})


class Readings:
    """Readings of one host.

    Args:
        values: fact -> its value or Unknown; a fact that is not there was not read.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[type[HostFact[Any]], object] = _NONE) -> None:
        self._values = dict(values)

    def __getitem__(self, fact: type[Readable[T]]) -> T | Unknown:
        """Return the value of a fact, or an Unknown that says why there is none."""
        asked = cast("type[HostFact[Any]]", fact)
        if asked in self._values:
            return cast("T | Unknown", self._values[asked])
        return Unknown(f"the fact {asked.domain} was not read")

    def __contains__(self, fact: type[HostFact[Any]]) -> bool:
        """Return True if the fact was read, whatever it said."""
        return fact in self._values

    def items(self) -> list[tuple[type[HostFact[Any]], object]]:
        """Return every fact that was read with what it said, in the order of reading."""
        return list(self._values.items())

    def named(self) -> dict[str, object]:
        """Return domain -> value: for people, JSON and the ledger."""
        return {fact.domain: value for fact, value in self._values.items()}


def then(reading: Reading[T], take: Callable[[T], Reading[V]]) -> Reading[V]:
    """Apply a function to a known reading; ABSENT and UNKNOWN pass through."""
    return reading if isinstance(reading, Absent | Unknown) else take(reading)
