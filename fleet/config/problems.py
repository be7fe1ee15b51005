"""What is wrong with a declaration: each problem with its place and the likely spelling."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple, NoReturn

from typing_extensions import override

from fleet.base.errors import ConfigError


class Where(NamedTuple):
    """A place in a file (counted from 1), or an option such as `--set KEY` (line 0)."""

    file: str
    line: int
    column: int

    @override
    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        key: dotted path of the key, empty when the file as a whole is meant.
        text: what is wrong; never the value of a secret.
        suggestion: likely spelling, empty when there is none.
    """

    where: Where
    key: str
    text: str
    suggestion: str = ""

    @override
    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        ending = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{self.where}: {key}{self.text}{ending}"


def likely(word: str, known: Iterable[str]) -> str:
    """Return the known word that somebody who typed `word` probably meant, or an empty string."""
    by_folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else ""


def fail(problems: Iterable[Problem]) -> NoReturn:
    """Raise one ConfigError that lists each problem once, by file and line.

    Raises:
        ConfigError: always.
    """
    unique = sorted(set(problems))
    raise ConfigError(
        "\n".join(map(str, unique)), "correct the files, then type: b70 inventory check"
    )
