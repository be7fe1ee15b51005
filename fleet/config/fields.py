"""The keys that a declaration may hold, read from the models: names, types, dotted paths. Pure.

A host record is `HostSpec` with the connection's keys beside the others, and `stack` and `profile`
may be just a name.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Annotated, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from declaration.host import Connection, HostSpec
from declaration.secret import SecretRef
from fleet.config.layers import KeyPath
from fleet.config.problems import likely

#: Keys that only a host record may hold: what makes one host different from every other.
PER_HOST: Final = frozenset({"address", "identity", "hardware", "probe_root", "groups"})
#: Keys whose value may be the name of a file in group_data instead of a mapping.
BY_NAME: Final = ("stack", "profile")


class Shape(NamedTuple):
    """What a key may hold.

    Attributes:
        fields: keys of a mapping with fixed keys.
        items: type of the values of a mapping with free keys, or of a list's items.
        listed: True for a list.
        secret: True when the value is a secret's reference.
        choices: the accepted words, when only some words are.
    """

    fields: dict[str, object] = {}  # noqa: RUF012 - a NamedTuple's default is never changed
    items: object = None
    listed: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()


def record_fields() -> dict[str, object]:
    """Return the keys of a host record and their types."""
    own = {
        k: f.annotation for k, f in HostSpec.model_fields.items() if k not in ("name", "connection")
    }
    return {"kind": own.pop("kind"), **_model_fields(Connection), **own}


def _model_fields(model: type[BaseModel]) -> dict[str, object]:
    return {name: field.annotation for name, field in model.model_fields.items()}


def shape(annotation: object) -> Shape:
    """Return what a type accepts; of a union, the member that has parts."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return shape(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        shapes = [shape(member) for member in get_args(annotation)]
        return next((s for s in shapes if s.fields or s.items is not None or s.choices), shapes[0])
    if origin is Literal:
        return Shape(choices=tuple(map(str, get_args(annotation))))
    if origin is dict:
        return Shape(items=get_args(annotation)[1])
    if origin in (tuple, list):
        return Shape(items=get_args(annotation)[0], listed=True)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Shape(_model_fields(annotation), secret=annotation is SecretRef)
    return Shape()


@cache
def record_shape() -> Shape:
    """Return the shape of a host record."""
    return Shape(record_fields())


def walk(path: Iterable[str]) -> list[Shape]:
    """Return the shapes along a path from the host record; it ends where the models end."""
    shapes = [record_shape()]
    for key in path:
        current = shapes[-1]
        if key in current.fields:
            shapes.append(shape(current.fields[key]))
        elif current.items is not None:
            shapes.append(shape(current.items))
        else:
            break
    return shapes


def is_secret(path: Iterable[str]) -> bool:
    """Return True if a path is a secret's reference or a part of one."""
    return any(found.secret for found in walk(path))


def spelling(parents: Sequence[str], key: str) -> str:
    """Return the likely spelling of an unknown key below `parents`, or one level deeper."""
    fields = walk(parents)[-1].fields
    if near := likely(key, fields):
        return near
    for name, annotation in fields.items():
        if key in shape(annotation).fields:
            return ".".join((*parents, name, key))
    return ""


class UnknownKey(ValueError):
    """A dotted key that no model has; `suggestion` is its likely spelling, or empty."""

    def __init__(self, key: str, suggestion: str) -> None:
        super().__init__(f"{key}: unknown key")
        self.suggestion = suggestion


def split(dotted: str) -> KeyPath:
    """Split a dotted key by the models: `base.sysctl.vm.swappiness` keeps its sysctl name whole.

    Raises:
        UnknownKey: the models have no such key.
    """
    path: list[str] = []
    current = record_shape()
    rest = dotted
    while rest:
        head, _, tail = rest.partition(".")
        if current.fields:
            if head not in current.fields:
                near = spelling(path, head)
                raise UnknownKey(
                    dotted, near if "." in near else ".".join((*path, near)) if near else ""
                )
            current = shape(current.fields[head])
        elif current.items is not None and not current.listed:
            inner = shape(current.items)
            # free keys with plain values: the rest is one key
            if not inner.fields and inner.items is None:
                head, tail = rest, ""
            current = inner
        elif current.listed and head.isdecimal():
            current = shape(current.items)
        else:
            raise UnknownKey(dotted, ".".join(path))
        path.append(head)
        rest = tail
    return tuple(path)
