"""apt's own syntax: scopes in braces, lists, `#clear` (apt.conf(5)).

Pure. It reads on where apt would stop with an error, since a line may be missing that nobody asked
for. Must not know which settings matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from facts.parts import Line
from facts.settings.effective import Assigned

_TOKEN: Final = re.compile(
    r"""\s+ | //[^\n]* | /\*.*?\*/ | \#clear\s+(?P<clear>[^;\s]+)\s*;? | \#[^\n]*
    | "(?P<text>[^"\n]*)" | (?P<mark>[{};]) | (?P<word>[^\s"{};]+)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class _Reader:
    """What was read of a statement, and the scopes around it."""

    scopes: list[str] = field(default_factory=list)
    name: str = ""
    value: str | None = None
    line: int = 0


def apt_conf(lines: Sequence[Line]) -> Iterator[Assigned]:
    """Yield what a file sets: full name -> value.

    An entry of a list has the name of the list with `::` behind it. What `#clear` erases has the
    value None.
    """
    if not lines:
        return
    path = lines[0].path
    numbers = [line.number for line in lines]
    text = "\n".join(line.text for line in lines)
    reader = _Reader()
    for match in _TOKEN.finditer(text):
        line = numbers[text.count("\n", 0, match.start())]
        if (name := match["clear"]) is not None:
            yield Assigned(path, line, name.removesuffix("::"), None)
        elif match["text"] is not None:
            reader.value, reader.line = match["text"], line
        elif match["word"] is not None:
            reader.name, reader.line = match["word"], line
        elif match["mark"] == "{":
            # `Name "value" { … }` sets the name and opens its scope
            yield from _ended(reader, path, keep=True)
            reader.scopes.append(reader.name)
            reader.name = ""
        elif match["mark"] is not None:
            yield from _ended(reader, path)
            if match["mark"] == "}" and reader.scopes:
                reader.scopes.pop()
    yield from _ended(reader, path)


def _ended(reader: _Reader, path: str, *, keep: bool = False) -> Iterator[Assigned]:
    """Yield what a complete statement sets, and begin the next one."""
    if reader.value is not None:
        full = "::".join([*reader.scopes, reader.name])
        yield Assigned(path, reader.line, full, reader.value)
    reader.value = None
    if not keep:
        reader.name = ""
