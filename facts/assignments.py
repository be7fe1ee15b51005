"""Reads files of shell assignments (os-release, /etc/default/grub) without running them.

Pure. Must not know what the variables mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from facts import shell_words
from facts.parts import Line
from facts.shell_words import Piece, ShellTextError, Word
from facts.value import Reading, Unknown

#: A line that is meant to set something, whatever stands around its name.
_MEANT: Final = re.compile(
    r"^[\s\ufeff\u200b\u2060]*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*\+?[=\uff1d]"
)
#: A line that sets something, as far as one can see without reading its value.
_ASSIGNMENT: Final = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=", re.ASCII)
_VARIABLE: Final = re.compile(
    r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))", re.ASCII
)


class _NotKnown(ValueError):
    """The value is computed by code that is not run here."""


@dataclass(frozen=True, slots=True)
class Misread:
    """A line that sh reads otherwise than the person who wrote it.

    Args:
        name: the variable that is meant; empty where none is.
        why: what sh makes of it, and what to write instead.
    """

    path: str
    number: int
    name: str
    why: str


def assignments(lines: Iterable[str]) -> Mapping[str, Reading[str]]:
    """Return variable -> value as a shell would set them; a value computed by a command is Unknown.

    Args:
        lines: the lines of all files, in the order in which they are sourced. A line that no shell
            would take as an assignment spoils its own variable alone.
    """
    values: dict[str, Reading[str]] = {}
    held = ""
    for line in lines:
        text = held + line
        if _continues(text):
            held = text[:-1]
            continue
        held = ""
        if not (meant := _MEANT.match(text)):
            continue
        try:
            list(shell_words.assignments(text))
            if match := _ASSIGNMENT.match(text):
                values[match[1]] = _value(text, shell_words.word(text, match.end()), values)
        except (ShellTextError, _NotKnown) as error:
            values[meant[1]] = Unknown(getattr(error, "why", str(error)), text)
    return values


def misread(lines: Iterable[Line]) -> tuple[Misread, ...]:
    """Return the lines of files of assignments that sh reads otherwise than they were meant.

    Args:
        lines: the lines of all files; comments and empty ones may be left out.
    """
    files: dict[str, dict[int, str]] = {}
    for line in lines:
        files.setdefault(line.path, {})[line.number] = line.text
    return tuple(found for path, numbered in files.items() for found in _misread_in(path, numbered))


def _misread_in(path: str, numbered: dict[int, str]) -> Iterator[Misread]:
    left = dict(numbered)
    while left:
        text = "\n".join(left.get(number, "") for number in range(1, max(left) + 1))
        try:
            list(shell_words.assignments(text))
        except ShellTextError as error:
            yield Misread(path, error.line, error.name, error.why)
            # the lines behind it are read as if it were not there
            left = {number: line for number, line in left.items() if number > error.line}
        else:
            return


def _continues(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1 and not text.lstrip().startswith("#")


def _value(text: str, word: Word, known: Mapping[str, Reading[str]]) -> str:
    return "".join(piece.char or _expanded(text, piece, known) for piece in word.pieces)


def _expanded(text: str, piece: Piece, known: Mapping[str, Reading[str]]) -> str:
    """Return what an expansion stands for: a variable that was set before, or nothing."""
    written = text[piece.start : piece.end]
    if written.startswith(("`", "$(")):
        raise _NotKnown("the value is computed by a shell command")
    match = _VARIABLE.fullmatch(written)
    if match is None:
        raise _NotKnown("the value is computed by a shell expression")
    name = match[1] or match[2]
    value = known.get(name, "")
    if not isinstance(value, str):
        raise _NotKnown(f"it contains ${name}, which is unknown")
    return value
