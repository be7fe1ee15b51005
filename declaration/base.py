"""The model that every declaration type inherits: what is misread elsewhere is refused here.

Unknown keys are errors, values are immutable, and `true` is no number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


class Declared(BaseModel):
    """A part of the declaration; a misspelt key is refused, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        if info.field_name in _numbers(cls) and any(isinstance(v, bool) for v in _items(value)):
            # pydantic would read it as 1 or 0
            raise PydanticCustomError("int_type", "Input should be a valid integer")
        return value


def _items(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else (value,)


@cache
def _numbers(model: type[BaseModel]) -> frozenset[str]:
    """Return the fields that take a number, or several, and no truth value."""
    fields = model.model_fields.items()
    return frozenset(name for name, field in fields if _is_number(field.annotation))


def _is_number(annotation: object) -> bool:
    """Return True if a type, or a member of a union, is a number and none is a truth value."""
    members = _members(annotation)
    return bool(members & {int, float}) and bool not in members


def _members(annotation: object) -> frozenset[object]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return frozenset().union(*map(_members, get_args(annotation)))
    if origin in (tuple, dict):
        return _members(get_args(annotation)[0 if origin is tuple else 1])
    return frozenset({annotation})
