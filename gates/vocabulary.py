"""The words that rows may use: every name that they can mention, with type, unit and origin.

The words are data (group_data/gates/vocabulary.yaml), so that docs and error messages come from one
place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import override

from facts.value import Absent, Reading, Unknown
from gates.marked import load

#: Folder of the rows and their vocabulary, in this checkout.
GATES_DIR: Final = Path(__file__).resolve().parent.parent / "group_data" / "gates"
VOCABULARY_FILE: Final = "vocabulary.yaml"

#: A plain value of a name.
TermValue = bool | int | float | str | tuple[str, ...]
Type = Literal["bool", "number", "text", "version", "list"]

_PYTHON: Final[dict[Type, tuple[type, ...]]] = {
    "bool": (bool,),
    "number": (int, float),
    "text": (str,),
    "version": (str,),
    "list": (tuple,),
}


class Term(BaseModel):
    """One name.

    Attributes:
        facts: domains of the facts it comes from; `spec` is the declaration.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Type
    meaning: str
    facts: tuple[str, ...]
    unit: str = ""

    def accepts(self, value: object) -> bool:
        """Return True if a value has this term's type (a bool is no number)."""
        if isinstance(value, bool) and self.type != "bool":
            return False
        return isinstance(value, _PYTHON[self.type])


class Vocabulary(Mapping[str, Term]):
    """Name -> term; `profile.env.*` stands for every environment variable of the profile."""

    def __init__(self, terms: Mapping[str, Term]) -> None:
        self._terms = MappingProxyType(dict(terms))
        self._prefixes = {n[:-1]: t for n, t in terms.items() if n.endswith(".*")}

    @override
    def __getitem__(self, name: str) -> Term:
        if name in self._terms:
            return self._terms[name]
        for prefix, term in self._prefixes.items():
            if name.startswith(prefix) and name != prefix:
                return term
        raise KeyError(name)

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._terms)

    @override
    def __len__(self) -> int:
        return len(self._terms)

    def missing(self, name: str) -> str:
        """Return the sentence for a name that is not in the vocabulary."""
        near = get_close_matches(name, list(self._terms), 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return f"{name!r} is not in the vocabulary{hint}"

    def check(self, name: str, reading: Reading[TermValue]) -> None:
        """Refuse a reading of the wrong type.

        Raises:
            ValueError: the name is not a word, or its value has another type.
        """
        if name not in self:
            raise ValueError(self.missing(name))
        if not isinstance(reading, Unknown | Absent) and not self[name].accepts(reading):
            raise ValueError(f"{name} is {reading!r}, not a {self[name].type}")


@cache
def vocabulary(directory: Path = GATES_DIR) -> Vocabulary:
    """Read the vocabulary.

    Raises:
        GateFileError: with file and line.
    """
    document = load(directory / VOCABULARY_FILE)
    data = document.data
    if not isinstance(data, dict):
        raise document.error((), "the vocabulary is a mapping of names")
    terms: dict[str, Term] = {}
    for name, entry in data.items():
        try:
            terms[str(name)] = Term.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            place = (str(name), *first["loc"])
            raise document.error(place, f"{name}: {first['msg']}") from error
    return Vocabulary(terms)
