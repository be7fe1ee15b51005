"""Reads files of shell assignments (os-release, /etc/default/grub) without running them.

Pure. Must not know what the variables mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from facts.value import Reading, Unknown

_ASSIGNMENT: Final = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$", re.DOTALL)
_VARIABLE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*)")


class _CannotTell(ValueError):
    """The value is computed by code that is not run here."""


def assignments(lines: Iterable[str]) -> Mapping[str, Reading[str]]:
    """Return variable -> value as a shell would set them; a value computed by a command is Unknown.

    Args:
        lines: the lines of all files, in the order in which they are sourced.
    """
    values: dict[str, Reading[str]] = {}
    held = ""
    for line in lines:
        text = held + line
        if _continues(text):
            held = text[:-1]
            continue
        held = ""
        match = _ASSIGNMENT.match(text)
        if match is None:
            continue
        try:
            values[match[1]] = _value(match[2], values)
        except _CannotTell as error:
            values[match[1]] = Unknown(str(error), text)
    return values


def _continues(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1 and not text.lstrip().startswith("#")


def _value(text: str, known: Mapping[str, Reading[str]]) -> str:
    out: list[str] = []
    quote = ""
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if quote == "'":
            if char == "'":
                quote = ""
            else:
                out.append(char)
        elif char == "\\":
            follower = text[position : position + 1]
            position += 1
            keep = quote == '"' and follower not in ('"', "\\", "$", "`")
            out.append(char + follower if keep else follower)
        elif char == "`" or (char == "$" and text[position : position + 1] == "("):
            raise _CannotTell("the value is computed by a shell command")
        elif char == "$":
            match = _VARIABLE.match(text, position)
            if match is None:
                if text[position : position + 1] == "{":
                    raise _CannotTell("the value is computed by a shell expression")
                out.append(char)
                continue
            position = match.end()
            out.append(_variable(match[1] or match[2], known))
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        elif not quote and char in " \t;&|":
            break
        else:
            out.append(char)
    if quote:
        raise _CannotTell("a quote is not closed")
    return "".join(out)


def _variable(name: str, known: Mapping[str, Reading[str]]) -> str:
    value = known.get(name, "")
    if not isinstance(value, str):
        raise _CannotTell(f"it contains ${name}, which is unknown")
    return value
