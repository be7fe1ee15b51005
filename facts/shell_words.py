"""Finds assignments in a shell file, each character of a value with the bytes that it came from.

Pure. Runs nothing, changes nothing: an editor that owns single characters needs their places. A
line that a person took for an assignment and sh does not is an error with its line and its fix: a
curly quote is no quote, `A = x` runs a program `A`, and `A=x y` runs `y` and sets nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_APPEND: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+=")
_EXPANSION: Final = re.compile(r"\$(\{[^}]*\}|[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])")
#: Characters that end a word, outside quotes.
_ENDS: Final = " \t\n;&|<>()"
#: Characters that end a command.
_SEPARATORS: Final = ";&|()"
#: Words after which another command begins.
_OPENERS: Final = frozenset({"then", "else", "do", "{", "if", "elif", "while", "!"})
#: Commands whose arguments are assignments, or names alone.
_DECLARERS: Final = frozenset({"export", "readonly"})
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Characters that people take for others, with what they are and what was meant. sh takes each as
#: an ordinary letter, and the kernel does not split its command line at them.
_LOOK_ALIKES: Final = {
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", ("a curly quote", '"')),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", ("a curly quote", "'")),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", ("a typographic dash", "-")),
    **dict.fromkeys("\u00a0\u2007\u202f\u3000", ("a non-breaking space", "a plain blank")),
    **dict.fromkeys("\u200b\u2060", ("an invisible blank", "nothing")),
    "\ufeff": ("a byte order mark", "nothing"),
    "\uff1d": ("a wide equals sign", "="),
    "\r": ("the carriage return of a Windows line end", "nothing"),
}


class ShellTextError(ValueError):
    """The text is not what a POSIX shell would read without complaint.

    Args:
        why: what sh makes of it, and what to write instead.
        text: the whole text.
        at: the place in it.
        name: the variable that is meant; empty where none is.
    """

    def __init__(self, why: str, text: str, at: int, name: str = "") -> None:
        self.why = why
        self.line = text.count("\n", 0, at) + 1
        self.name = name
        super().__init__(f"line {self.line}: {_line(text, at)!r}: {why}")


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


@dataclass(slots=True)
class _Command:
    """A simple command as far as it was read.

    Args:
        assigned: the assignments in front of it.
        words: its name and arguments.
        declares: it is `export` or the like: assignments behind it are the shell's own.
    """

    assigned: list[Assignment] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    declares: bool = False
    redirects: bool = False


def assignments(text: str) -> Iterator[Assignment]:
    """Yield every assignment of a shell file, in order.

    Raises:
        ShellTextError: a quote is not closed, a variable is extended with `+=`, or a line looks
            like an assignment and is none.
    """
    at, command = 0, _Command()
    while at < len(text):
        char = text[at]
        if char in " \t" or text.startswith("\\\n", at):
            at += 1 if char in " \t" else 2
        elif char == "\n" or char in _SEPARATORS:
            yield from _ended(text, command)
            at, command = at + 1, _Command()
        elif char == "#":
            at = _end_of_line(text, at)
        elif char in "<>":
            at, command.redirects = at + 1, True
        else:
            at = _taken(text, at, command)
    yield from _ended(text, command)


def look_alike(text: str) -> str | None:
    """Return what stands in a text in place of a plain character, None when nothing does."""
    for char in text:
        if char in _LOOK_ALIKES:
            what, meant = _LOOK_ALIKES[char]
            code = "" if char == "\r" else f" (U+{ord(char):04X})"
            return f"{what}{code} stands where {meant} belongs"
    return None


def _taken(text: str, at: int, command: _Command) -> int:
    """Add the word at a place to a command; returns where it ends."""
    fresh = command.declares or not command.words
    if fresh and (match := _APPEND.match(text, at)):
        raise ShellTextError(f"sh has no +=, write {match[1]}=", text, at, match[1])
    if fresh and (match := _ASSIGNMENT.match(text, at)):
        value = word(text, match.end())
        _refuse_look_alikes(text, value, match[1])
        if any(piece.char == "\n" for piece in value.pieces):
            raise ShellTextError(_open_quote(text, at), text, at, match[1])
        command.assigned.append(Assignment(match[1], value))
        return value.end
    other = word(text, at)
    _refuse_look_alikes(text, other)
    if command.redirects:
        command.redirects = False
    elif not command.words and other.text in _DECLARERS:
        command.declares = True
    elif command.words or command.assigned or other.text not in _OPENERS:
        command.words.append(other)
    return max(other.end, at + 1)


def _ended(text: str, command: _Command) -> Iterator[Assignment]:
    """Yield what a complete command assigns."""
    words = [text[each.start : each.end] for each in command.words]
    if words and command.assigned and not command.declares:
        last = command.assigned[-1]
        cause = "take the blank behind = away" if not last.value.pieces else "quote the whole value"
        raise ShellTextError(
            f"sh does not set {last.name}, it runs {words[0]} with it: {cause}",
            text,
            last.value.start,
            last.name,
        )
    if len(words) > 1 and words[1].startswith("=") and _NAME.fullmatch(words[0]):
        raise ShellTextError(
            f"sh does not set {words[0]}, it runs a program of that name: take the blank before = "
            "away",
            text,
            command.words[0].start,
            words[0],
        )
    yield from command.assigned


def _refuse_look_alikes(text: str, found: Word, name: str = "") -> None:
    for piece in found.pieces:
        if not piece.quoted and (what := look_alike(piece.char)):
            named = _NAME.search(text, found.start, found.end)
            raise ShellTextError(
                f"{what}; sh takes it as a letter",
                text,
                piece.start,
                name or (named[0] if named else ""),
            )


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
        raise ShellTextError(_open_quote(text, start), text, start, _before(text, start))
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
            raise ShellTextError("a backquote is not closed", text, at)
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
    raise ShellTextError("a substitution is not closed", text, start)


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _open_quote(text: str, at: int) -> str:
    what = look_alike(text[at : _end_of_line(text, at)])
    return "a quote is not closed on its line" + (f": {what}" if what else "")


def _before(text: str, at: int) -> str:
    """Return the variable whose value begins at a place, empty when none does."""
    match = _ASSIGNMENT.search(text[text.rfind("\n", 0, at) + 1 : at])
    return match[1] if match else ""


def _line(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 : _end_of_line(text, at)].strip()
