"""Turns typed values (facts, dataclasses, models) into plain JSON data, without losing UNKNOWN.

Pure. Reports and the ledger share it, so that a fact looks the same everywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set
from datetime import date
from enum import Enum
from typing import Final, TypeAlias

from pydantic import BaseModel

from facts.value import ABSENT, Unknown

Plain: TypeAlias = bool | int | float | str | list["Plain"] | dict[str, "Plain"] | None
_SCALARS: Final = (bool, int, float, str)


def plain(value: object) -> Plain:
    """Return `value` as JSON data; UNKNOWN and ABSENT become objects that say so.

    Args:
        value: any reading; types that JSON lacks end as text. A field of a dataclass whose metadata
            say `plain: False` is left out: it is material for others, and long.
    """
    if value is None or (isinstance(value, _SCALARS) and not isinstance(value, Enum)):
        return value  # most values by far, so they come first
    if isinstance(value, Unknown):
        return {"unknown": value.reason, "raw": value.raw}
    if value is ABSENT:
        return {"absent": True}
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json"))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = [f for f in dataclasses.fields(value) if f.metadata.get("plain", True)]
        return {f.name: plain(getattr(value, f.name)) for f in shown}
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _key(key: object) -> str:
    return str(key.value) if isinstance(key, Enum) else str(key)
