"""Reads files of shell assignments (os-release, /etc/default/grub) without running them.

Pure. Must not know what the variables mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from facts import shell_words
from facts.shell_words import Piece, ShellTextError, Word
from facts.value import Reading, Unknown

#: A line that sets something, as far as one can see without reading its value.
_ASSIGNMENT: Final = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=", re.ASCII)
_VARIABLE: Final = re.compile(
    r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))", re.ASCII
)


class _NotKnown(ValueError):
    """The value is computed by code that is not run here."""


def assignments(lines: Iterable[str]) -> Mapping[str, Reading[str]]:
    """Return variable -> value as a shell would set them; a value computed by a command is Unknown.

    Args:
        lines: the lines of all files, in the order in which they are sourced. A line that no shell
            would take spoils its own variable alone.
    """
    values: dict[str, Reading[str]] = {}
    held = ""
    for line in lines:
        text = held + line
        if _continues(text):
            held = text[:-1]
            continue
        held = ""
        if match := _ASSIGNMENT.match(text):
            try:
                values[match[1]] = _value(text, shell_words.word(text, match.end()), values)
            except (ShellTextError, _NotKnown) as error:
                values[match[1]] = Unknown(str(error), text)
    return values


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
