"""Every field that a fact can have: found from the facts' types, so that a new one is found too."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from types import UnionType
from typing import Any, NamedTuple

from facts.base import HostFact
from facts.packages.apt_policy import AptPolicy
from facts.registry import all_facts
from facts.value import ABSENT, Absent, Unknown


class Field(NamedTuple):
    """A field of a dataclass that some fact's value holds."""

    owner: type
    name: str

    def __str__(self) -> str:
        return f"{self.owner.__name__}.{self.name}"


def universe() -> dict[Field, frozenset[str]]:
    """Return every field -> modules of its class and of the facts that have it."""
    found: dict[Field, frozenset[str]] = {}
    for fact in (*all_facts().values(), AptPolicy):
        for owner in _classes(_value_type(fact), set()):
            for field in dataclasses.fields(owner):
                key = Field(owner, field.name)
                homes = {owner.__module__, fact.__module__}
                found[key] = found.get(key, frozenset()) | homes
    return dict(sorted(found.items(), key=lambda item: (item[0].owner.__module__, str(item[0]))))


def _value_type(fact: type[HostFact[Any]]) -> object:
    for kind in fact.__mro__:
        for base in getattr(kind, "__orig_bases__", ()):
            if typing.get_origin(base) is HostFact:
                return typing.get_args(base)[0]
    raise AssertionError(f"{fact} has no type")


def _classes(hint: object, seen: set[type]) -> set[type]:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        if hint in seen or hint is Unknown:
            return seen
        seen.add(hint)
        hints = typing.get_type_hints(hint)
        for field in dataclasses.fields(hint):
            # material from which other fields were made is nobody's to read
            if field.metadata.get("plain", True):
                _classes(hints[field.name], seen)
    for argument in typing.get_args(hint):
        _classes(argument, seen)
    return seen


def instances(value: object) -> Iterator[Any]:
    """Yield every dataclass within a value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Unknown):
        yield value
        for field in dataclasses.fields(value):
            yield from instances(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from instances(item)
    elif isinstance(value, tuple | frozenset):
        for item in value:
            yield from instances(item)


def with_field(value: Any, field: Field, new: object) -> Any:
    """Return a value with this field of every such dataclass replaced."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Unknown):
        values = {
            each.name: with_field(getattr(value, each.name), field, new)
            for each in dataclasses.fields(value)
        }
        if type(value) is field.owner:
            values[field.name] = new
        return type(value)(**values)
    if isinstance(value, Mapping):
        return {key: with_field(item, field, new) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(with_field(item, field, new) for item in value)
    return value


def others(value: object, hint: object) -> Iterator[object]:
    """Yield what else a field could hold, the most telling first, never what its type forbids."""
    is_union = typing.get_origin(hint) in (typing.Union, UnionType)
    kinds = set(typing.get_args(hint)) if is_union else set()
    if Unknown in kinds:
        yield Unknown("deleted by the test")
    if Absent in kinds:
        yield ABSENT
    match value:
        case bool():
            yield not value
        case Enum():
            yield from (member for member in type(value) if member not in (value, ABSENT))
        case int() | float():
            yield from (0, value + 1, 10**12)
        case str():
            yield from (f"{value}x", "")
        case tuple():
            yield from ((), value[:-1])
        case Mapping():
            yield {}
        case frozenset():
            yield frozenset()
    if type(None) in kinds:
        yield None
