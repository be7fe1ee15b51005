"""The frame between a script and its parser: named parts, each a text or why there is none.

Knows how a script prints parts with few forks and how the text is taken apart again. Must not know
what any fact means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from facts.base import ParseError
from facts.odd import OddLine, is_utf8, odd_line, visible
from facts.shelltext import shell_text, shell_variables
from facts.value import ABSENT, Reading, Unknown

T = TypeVar("T")

#: Lines of a configuration file that say something (pattern for `lines`).
SPEAKING: Final = "^[[:space:]]*[^#[:space:]]"

#: Shell functions for scripts: what they do stands in the file.
PRELUDE: Final = shell_text(__file__)

#: Why a line cannot be read.
NOT_UTF8: Final = "it has bytes that are not UTF-8"

_HEADER: Final = re.compile(r"^#b70 (\S+)(?: ([-!?])(.*))?$")
_FILE_LINE: Final = re.compile(r"^(/.*?):(\d+):(.*)$")


def script(body: str, **variables: str) -> str:
    """Return a script with the shared functions in front and its variables set.

    Args:
        body: POSIX sh, read-only.
        variables: shell variable -> value, quoted here.
    """
    # exit status 0: what a part lacks is said in the part
    return PRELUDE + shell_variables(**variables) + body.strip("\n") + "\n:\n"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file."""

    path: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Files:
    """Lines of several files, and the files that only root may read.

    Args:
        odd: lines that are not UTF-8; they are not among the others.
    """

    lines: tuple[Line, ...]
    denied: tuple[str, ...]
    odd: tuple[OddLine, ...] = ()

    def of(self, path: str) -> tuple[Line, ...]:
        """Return the lines of one file."""
        return tuple(line for line in self.lines if line.path == path)


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """What the lines of a listing say, and the lines that say nothing to us."""

    found: tuple[T, ...]
    odd: tuple[OddLine, ...]


class Parts:
    """A script's output, taken apart."""

    def __init__(self, text: str) -> None:
        self._parts: dict[str, Reading[str]] = {}
        name, body = "", list[str]()
        for line in [*text.split("\n"), None]:
            header = None if line is None else _HEADER.match(line)
            if line is not None and header is None:
                body.append(line)
                continue
            if name and name not in self._parts:
                self._parts[name] = "\n".join(body).strip("\n")
            if header is not None:
                name, mark, why = header[1], header[2], header[3]
                if mark:
                    raw = self._parts.pop(name, "")
                    self._parts[name] = _lack(mark, why, raw if isinstance(raw, str) else "")
                else:
                    self._parts.pop(name, None)
            body = []

    def reading(self, name: str, *, any_code: bool = False) -> Reading[str]:
        """Return a part's text or why there is none; raise ParseError for no such part.

        Args:
            name: of the part.
            any_code: bytes that are not UTF-8 are no reason to have none.
        """
        found = self._any(name)
        if isinstance(found, str) and not any_code and not is_utf8(found):
            return Unknown("output is not UTF-8", visible(found))
        return found

    def has(self, name: str) -> bool:
        """Return True if the script printed the part; one of an older version may lack it."""
        return name in self._parts

    def need(self, name: str) -> str:
        """Return the text of an indispensable part; raise ParseError when there is none."""
        reading = self.reading(name)
        if not isinstance(reading, str):
            raise ParseError(f"{name}: {reading}")
        return reading

    def lines(self, name: str) -> list[str]:
        """Return the non-empty lines of a needed part."""
        return [line for line in self.need(name).split("\n") if line]

    def raw_lines(self, name: str, *, empty: bool = False) -> list[str]:
        """Return the lines of a needed part, of which some may not be UTF-8.

        Args:
            name: of the part.
            empty: the empty lines too.
        """
        text = self._any(name)
        if not isinstance(text, str):
            raise ParseError(f"{name}: {text}")
        return [line for line in text.split("\n") if line or empty]

    def rows(
        self,
        name: str,
        parse: Callable[[str], T],
        place: str,
        hidden: Callable[[str], Iterable[str]] = lambda line: (),
        *,
        any_code: bool = False,
    ) -> Rows[T]:
        """Return what each line of a needed listing says; a line that cannot be read spoils itself.

        Args:
            name: of the part.
            parse: takes one line; raises ValueError or LookupError for what it does not understand.
            place: the file or the command that the lines come from.
            hidden: parts of a line that nobody is shown.
            any_code: bytes that are not UTF-8 may stand in it; the parser gets them as `\\xe9`.
        """
        found, odd = list[T](), list[OddLine]()
        for number, line in enumerate(self.raw_lines(name, empty=True), 1):
            if not line:
                continue
            try:
                if not any_code and not is_utf8(line):
                    raise ParseError(NOT_UTF8)
                found.append(parse(visible(line)))
            except (ValueError, LookupError) as error:
                odd.append(odd_line(place, number, line, str(error), hidden(line)))
        return Rows(tuple(found), tuple(odd))

    def files(self, name: str) -> Files:
        """Return what `lines` printed."""
        found, denied, odd = list[Line](), list[str](), list[OddLine]()
        for line in self.raw_lines(name):
            match = _FILE_LINE.match(line)
            if match is not None:
                path, number = visible(match[1]), int(match[2])
                if is_utf8(line):
                    found.append(Line(path, number, match[3]))
                else:
                    odd.append(odd_line(path, number, match[3], NOT_UTF8))
            elif line.startswith("!/"):
                denied.append(visible(line[1:]))
        return Files(tuple(found), tuple(denied), tuple(odd))

    def _any(self, name: str) -> Reading[str]:
        if name not in self._parts:
            raise ParseError(f"the output has no part {name!r}")
        return self._parts[name]

    def names(self, prefix: str) -> list[str]:
        """Return the names of the parts that start with a prefix, in the script's order."""
        return [name for name in self._parts if name.startswith(prefix)]


def _lack(mark: str, why: str, raw: str) -> Reading[str]:
    return ABSENT if mark == "-" else Unknown(visible(why) or "no reason given", visible(raw))


def convert(reading: Reading[str], parse: Callable[[str], T]) -> Reading[T]:
    """Apply a parser to a text that may be missing; what it cannot parse becomes Unknown."""
    if not isinstance(reading, str):
        return reading
    try:
        return parse(reading)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        return Unknown(f"cannot parse: {error}", reading)
