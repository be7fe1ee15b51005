"""Lines that a reader of their file does not understand: carried along, named, never dropped.

One odd line spoils itself and what it could be about; the rest of its file is read. Pure. Must not
know what any file means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from facts.value import Unknown

#: Characters of an odd line that a person is shown.
SHOWN: Final = 160
#: Characters of an odd line in which names are looked for; what is longer may name anything.
SEARCHED: Final = 4096

#: What "surrogateescape" makes of bytes that are not UTF-8.
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]")
#: What may be a secret: the value of a word such as `password=`, and a URL's user.
_SECRET: Final = re.compile(r"(?i)(\w*(?:pass|secret|token|cred|key)\w*\s*[=:]\s*)[^\s,;]+")
_LOGIN: Final = re.compile(r"://[^/\s@]+@")
#: What belongs to a name when it stands next to one.
_NAME: Final = r"[A-Za-z0-9_.@\\-]"


@dataclass(frozen=True, slots=True)
class OddLine:
    """One line that could not be read.

    Args:
        place: the file, the folder of an odd file name, or the command that printed the line.
        number: counted from 1; 0 where the place has no lines.
        text: of the line, printable, without secrets, cut to SHOWN characters.
        why: what is odd about it.
        raw: the first SEARCHED characters of the line itself.
        is_cut: the line goes on behind them.
    """

    place: str
    number: int
    text: str
    why: str
    raw: str = field(default="", metadata={"plain": False})
    is_cut: bool = field(default=False, metadata={"plain": False})

    def may_mean(self, name: str) -> bool:
        """Return True if the line could be about what has this name."""
        pattern = f"(?<!{_NAME}){re.escape(visible(name))}(?!{_NAME})"
        return self.is_cut or re.search(pattern, self.raw) is not None


@runtime_checkable
class HasOddLines(Protocol):
    """The value of a fact that carries the lines which it could not read."""

    @property
    def odd(self) -> tuple[OddLine, ...]:
        """Return them in the order in which they were met."""


def odd_line(place: str, number: int, line: str, why: str, hide: Iterable[str] = ()) -> OddLine:
    """Return a line as it is carried.

    Args:
        place: see OddLine.
        number: see OddLine.
        line: as it was read, of any length.
        why: see OddLine.
        hide: parts of the line that are never shown.
    """
    shown = line[:SEARCHED]
    for part in filter(None, hide):
        shown = shown.replace(part, "…")
    shown = _LOGIN.sub("://…@", _SECRET.sub(r"\1…", shown))
    shown = "".join(char if char.isprintable() else _escaped(char) for char in visible(shown))
    if len(shown) > SHOWN or len(line) > SEARCHED:
        shown = f"{shown[:SHOWN]}…"
    is_cut = len(line) > SEARCHED
    return OddLine(place, number, shown, visible(why), visible(line[:SEARCHED]), is_cut)


def doubt(name: str, odd: Iterable[OddLine]) -> Unknown | None:
    """Return why nothing can be said about a name: a line that could not be read may be about it.

    None when there is no such line.
    """
    line = next((line for line in odd if line.may_mean(name)), None)
    return (
        None if line is None else Unknown(f"{where(line)} may be about it: {line.why}", line.text)
    )


def where(line: OddLine) -> str:
    """Return the place of a line for a person."""
    if not line.number:
        return f"{line.place}/{line.text}" if line.place.startswith("/") else line.place
    if line.place.startswith("/"):
        return f"{line.place}:{line.number}"
    return f"line {line.number} of `{line.place}`"


def is_utf8(text: str) -> bool:
    """Return True if a text that was decoded with "surrogateescape" has no byte of another code."""
    return text.isascii() or _NOT_UTF8.search(text) is None


def visible(text: str) -> str:
    """Return a text in which bytes that are not UTF-8 stand as `\\xe9`."""
    if is_utf8(text):
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
