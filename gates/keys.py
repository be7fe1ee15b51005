"""What gates choose and forbid: the keys with their order of strictness, and the actions.

Data (group_data/gates/keys.yaml). Must not know any row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from gates.marked import load
from gates.vocabulary import GATES_DIR

KEYS_FILE: Final = "keys.yaml"
#: Value that removes an environment variable (an empty one would not be the same).
UNSET: Final = "unset"


class Key(BaseModel):
    """Something that gates choose a value for.

    Attributes:
        how: `cap`: a number, the smaller is stricter; `level`: one of `order`, strictest first;
            `value`: exactly this, with no order among values.
        setting: `env` = environment variable of the served model, `profile` = field of the profile,
            `other` = read by a deploy or a report.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    how: Literal["cap", "level", "value"]
    setting: Literal["env", "profile", "other"]
    meaning: str
    order: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _levels_have_an_order(self) -> Key:
        if (self.how == "level") != bool(self.order):
            raise ValueError("`order` belongs to `how: level`, and to it alone")
        return self

    def rank(self, value: str) -> float:
        """Return how loose a value is; the smallest rank is the strictest.

        Raises:
            ValueError: no number, or not in `order`, or the key has no order.
        """
        if self.how == "cap":
            return float(value)
        if self.how == "level":
            return float(self.order.index(value))
        raise ValueError("values of this key have no order")

    def strictest(self, values: Iterable[str]) -> str | None:
        """Return the strictest value; None without values, or when unordered values differ."""
        found = list(dict.fromkeys(values))
        if self.how == "value":
            return found[0] if len(found) == 1 else None
        return min(found, key=self.rank, default=None)


class Effects(BaseModel):
    """The file: keys to choose values for, actions to forbid."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: Mapping[str, Key]
    actions: Mapping[str, str]


@cache
def effects(directory: Path = GATES_DIR) -> Effects:
    """Read keys and actions.

    Raises:
        GateFileError: with file and line.
    """
    document = load(directory / KEYS_FILE)
    try:
        return Effects.model_validate(document.data)
    except ValidationError as error:
        first = error.errors()[0]
        raise document.error(tuple(first["loc"]), str(first["msg"])) from error
