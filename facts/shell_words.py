"""Finds assignments in a shell file, each character of a value with the bytes that it came from.

Pure. Runs nothing, changes nothing: an editor that owns single characters needs their places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_APPEND: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+=")
_EXPANSION: Final = re.compile(r"\$(\{[^}]*\}|[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])")
#: Characters that end a word, outside quotes.
_ENDS: Final = " \t\n;&|<>()"
#: Characters that end a command.
_SEPARATORS: Final = ";&|()"
#: Words after which another command begins.
_OPENERS: Final = frozenset({"export", "then", "else", "do", "{", "if", "elif", "while", "!"})


class ShellTextError(ValueError):
    """The text is not what a POSIX shell would read without complaint."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One character of a value.

    Args:
        char: the character; empty for an expansion, whose value nobody here knows.
        start: where its bytes begin.
        end: where they end; quote marks belong to no piece.
        quoted: it stands between quote marks.
    """

    char: str
    start: int
    end: int
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it stands in the text.

    Args:
        pieces: its characters.
        start: where it begins, quote marks included.
        end: where it ends.
        closing: the quote mark that ends it, empty when the last character is outside quotes.
    """

    pieces: tuple[Piece, ...]
    start: int
    end: int
    closing: str

    @property
    def text(self) -> str | None:
        """Return the value, None when an expansion is part of it."""
        if any(not piece.char for piece in self.pieces):
            return None
        return "".join(piece.char for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Assignment:
    """`NAME=value`, at the place of its value."""

    name: str
    value: Word


def assignments(text: str) -> Iterator[Assignment]:
    """Yield every assignment of a shell file, in order.

    Raises:
        ShellTextError: a quote is not closed, or a variable is extended with `+=`.
    """
    at, fresh = 0, True  # fresh: a command may begin here
    while at < len(text):
        char = text[at]
        if char in " \t" or text.startswith("\\\n", at):
            at += 1 if char in " \t" else 2
        elif char == "\n" or char in _SEPARATORS:
            at, fresh = at + 1, True
        elif char == "#":
            at = _end_of_line(text, at)
        elif fresh and _APPEND.match(text, at):
            raise ShellTextError(f"{_line(text, at)!r}: sh has no +=")
        elif fresh and (match := _ASSIGNMENT.match(text, at)):
            value = word(text, match.end())
            yield Assignment(match[1], value)
            at = value.end
        else:
            other = word(text, at)
            fresh = fresh and other.text in _OPENERS
            at = max(other.end, at + 1)


def word(text: str, start: int) -> Word:
    """Return the word that begins at a place; it may be empty.

    Raises:
        ShellTextError: a quote is not closed.
    """
    pieces: list[Piece] = []
    at, quote, closing = start, "", ""
    while at < len(text):
        char = text[at]
        if quote and char == quote:
            at, quote, closing = at + 1, "", char
            continue
        if not quote and char in _ENDS:
            break
        closing = ""
        if not quote and char in "'\"":
            quote, at = char, at + 1
            # an empty pair of quotes is closed right away and still ends the word
            continue
        if quote != "'" and text.startswith("\\\n", at):
            at += 2
            continue
        pieces.append(_piece(text, at, quote))
        at = pieces[-1].end
    if quote:
        raise ShellTextError(f"{_line(text, start)!r}: a quote is not closed")
    return Word(tuple(pieces), start, at, closing)


def _piece(text: str, at: int, quote: str) -> Piece:
    """Return the character at a place."""
    char, inside = text[at], bool(quote)
    if quote == "'":
        return Piece(char, at, at + 1, inside)
    if char == "\\":
        follower = text[at + 1 : at + 2]
        if not follower or (quote and follower not in ('"', "\\", "$", "`")):
            return Piece(char, at, at + 1, inside)
        return Piece(follower, at, at + 2, inside)
    if end := _end_of_expansion(text, at):
        return Piece("", at, end, inside)
    return Piece(char, at, at + 1, inside)


def _end_of_expansion(text: str, at: int) -> int:
    """Return where an expansion ends that begins here, 0 when none does."""
    if text[at] == "`":
        end = text.find("`", at + 1)
        if end < 0:
            raise ShellTextError(f"{_line(text, at)!r}: a backquote is not closed")
        return end + 1
    if text.startswith("$(", at):
        return _end_of_substitution(text, at)
    match = _EXPANSION.match(text, at)
    return match.end() if match else 0


def _end_of_substitution(text: str, start: int) -> int:
    depth = 0
    for at in range(start + 1, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if not depth:
            return at + 1
    raise ShellTextError(f"{_line(text, start)!r}: a substitution is not closed")


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _line(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 : _end_of_line(text, at)].strip()
