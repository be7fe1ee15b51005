"""How programs write their settings: lines of a file -> what they assign, in order.

Pure. A line that a program would not take as an assignment yields nothing. Must not know which keys
matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from facts.parts import Line
from facts.settings.effective import Assigned, Syntax

_NRCONF: Final = re.compile(r"\$nrconf\s*\{\s*['\"]?(\w+)['\"]?\s*\}\s*=\s*([^;]*)(;|$)")
_QUOTED: Final = re.compile(r"^(?:'([^']*)'|\"([^\"$@\\]*)\"|q\(([^)]*)\)|q\{([^}]*)\})\s*$")
_GONE: Final = re.compile(r"\b(?:delete|undef)\b\s*\(?\s*\$nrconf\s*\{\s*['\"]?(\w+)['\"]?\s*\}")
#: Resources of limits.conf(5) that `NAME -` alone, "no limits at all", takes away.
_LIMITED: Final = ("nofile", "memlock")


def ini(section: str) -> Syntax:
    """Return the syntax of systemd's files, of which one section is read."""

    def read(lines: Sequence[Line]) -> Iterator[Assigned]:
        inside = False
        for line in _joined(lines):
            text = line.text.strip()
            if text.startswith("["):
                inside = text == f"[{section}]"
                continue
            key, equals, value = text.partition("=")
            if inside and equals:
                yield Assigned(line.path, line.number, key.strip(), value.strip())

    return read


def words_of(syntax: Syntax) -> Syntax:
    """Return a syntax whose values are lists of words, an assignment for each word."""

    def read(lines: Sequence[Line]) -> Iterator[Assigned]:
        for each in syntax(lines):
            for word in (each.value or "").split() or [""]:
                yield Assigned(each.path, each.line, each.key, word)

    return read


def nrconf(lines: Sequence[Line]) -> Iterator[Assigned]:
    """Yield what needrestart's files assign, which are Perl; a value that is computed is its text.

    `//=` and `||=` set only what nobody has set, so behind an assignment they do nothing.
    """
    for line in lines:
        code = re.sub(r"(^|\s)#.*", "", line.text)
        for match in _NRCONF.finditer(code):
            # what is neither one string nor set without a condition is no value to rely on
            literal = _QUOTED.match(match[2])
            value = (
                next(part for part in literal.groups() if part is not None)
                if literal and not re.search(r"\b(?:if|unless)\b[^;]*$", code[: match.start()])
                else match[2].strip()
            )
            yield Assigned(line.path, line.number, match[1], value)
        for match in _GONE.finditer(code):
            yield Assigned(line.path, line.number, match[1], None)


def environment(variable: str, key: str) -> Syntax:
    """Return the syntax of /etc/environment, in which one variable stands for a key."""
    pattern = re.compile(rf"^\s*(?:export\s+)?{variable}=['\"]?([^'\"#\s]*)")

    def read(lines: Sequence[Line]) -> Iterator[Assigned]:
        for line in lines:
            if match := pattern.match(line.text):
                yield Assigned(line.path, line.number, key, match[1])

    return read


def pam_limits(lines: Sequence[Line]) -> Iterator[Assigned]:
    """Yield the limits of single accounts: `NAME soft nofile` -> value.

    What is said of groups and of everybody (`@`, `*`, `%`) never wins over what is said of an
    account, wherever it stands (pam_limits(8)).
    """
    for line in lines:
        words = line.text.partition("#")[0].split()
        if len(words) < 2 or words[0][0] in "@*%":
            continue
        name, kind = words[:2]
        kinds = ("soft", "hard") if kind == "-" else (kind,)
        if len(words) == 2 and kind == "-":
            for item in _LIMITED:
                for each in kinds:
                    yield Assigned(line.path, line.number, f"{name} {each} {item}", None)
        elif len(words) == 4:
            for each in kinds:
                yield Assigned(line.path, line.number, f"{name} {each} {words[2]}", words[3])


def nothing(lines: Sequence[Line]) -> Iterable[Assigned]:
    """Return nothing: of some files only their being read matters."""
    del lines
    return ()


def _joined(lines: Sequence[Line]) -> Iterator[Line]:
    """Yield lines without comments, each with the lines that continue it."""
    held: Line | None = None
    for line in lines:
        if line.text.lstrip().startswith((";", "#")):
            continue
        if held is not None and held.path == line.path:
            line = Line(held.path, held.number, f"{held.text} {line.text}")
            held = None
        if line.text.endswith("\\"):
            held = Line(line.path, line.number, line.text[:-1])
        else:
            yield line
    if held is not None:
        yield held
