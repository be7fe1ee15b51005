"""Whether a line of a schedule or a script changes packages: read by words, as a shell reads it.

Pure. Runs nothing. Must not know where the line stands, but for how a crontab begins one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from facts.packages.command_table import (
    ASKING,
    PLAIN_VERBS,
    SHELLS,
    STARTERS,
    TALKERS,
    TOOLS,
    Reach,
    Tool,
)

#: Shells within shells that are followed.
_DEPTH: Final = 4
_SUBSTITUTED: Final = re.compile(r"\$\(([^()]*)\)|`([^`]*)`")
_ASSIGNMENT: Final = re.compile(r"^[A-Za-z_]\w*\+?=")
_CLUSTER: Final = re.compile(r"^-[A-Za-z]")
#: Five fields or a word with `@`, as crontab(5) has them; anacrontab(5) has three.
_WHEN: Final = re.compile(r"^\s*-?(?:@[a-z]+|(?:[\d*][^\s]*|[A-Za-z,-]+)(?:\s+\S+){4})\s+")
_ANACRON: Final = re.compile(r"^\s*(?:@[a-z]+|\d+)\s+\d+\s+\S+\s+")
_USER: Final = re.compile(r"^\S+\s+")
#: Prefixes of a command in a unit file (systemd.service(5)).
_EXEC: Final = re.compile(r"^\s*Exec[A-Za-z]+\s*=\s*[-@:+!|]*")


@dataclass(frozen=True, slots=True)
class Update:
    """A command that changes packages: program and verb, never its other words (secrets)."""

    command: str
    reach: Reach


def of_schedule(path: str, line: str) -> Update | None:
    """Return what a line of a schedule or script does to packages, None when nothing.

    Args:
        path: of the file, which says how its lines begin.
        line: with the lines that continue it.
    """
    if path.endswith("/anacrontab"):
        return _after(_ANACRON, line)
    if path.endswith("/etc/crontab") or "/cron.d/" in path:
        when = _WHEN.match(line)
        return _crontab(_USER.sub("", line[when.end() :], count=1)) if when else None
    if "/crontabs/" in path:
        when = _WHEN.match(line)
        return _crontab(line[when.end() :]) if when else None
    if "/systemd/" in path:
        return _after(_EXEC, line)
    return update_in(line)


def _after(start: re.Pattern[str], line: str) -> Update | None:
    match = start.match(line)
    return update_in(line[match.end() :]) if match else None


def _crontab(command: str) -> Update | None:
    # an unescaped % is a line break, and what stands behind it is what the command reads
    return update_in(re.sub(r"(?<!\\)%", " ; ", command).replace("\\%", "%"))


def update_in(text: str, depth: int = _DEPTH) -> Update | None:
    """Return the first command of a shell text that changes packages, None when none does."""
    if depth == 0 or text.lstrip().startswith("#"):
        return None
    for match in _SUBSTITUTED.finditer(text):
        if (found := update_in(match[1] or match[2] or "", depth - 1)) is not None:
            return found
    for words in _commands(text):
        if (found := _of_command(words, depth)) is not None:
            return found
    return None


def _commands(text: str) -> Iterator[list[str]]:
    """Yield the simple commands of a text, without assignments in front and redirections."""
    words: list[str] = []
    skip = False
    for word in [*_split(text), ";"]:
        if skip:
            skip = False
        elif word.startswith("#") and words:
            break
        elif word and all(char in "();<>|&" for char in word):
            if "<" in word or ">" in word:
                skip = True
                continue
            yield words
            words = []
        elif words or not _ASSIGNMENT.match(word):
            words.append(word)
    yield words


def _split(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        # a quote that another line closes; without quotes every word counts
        return re.sub(r"(;|\||&|\(|\))", r" \1 ", re.sub(r"['\"]", " ", text)).split()


def _of_command(words: Sequence[str], depth: int) -> Update | None:
    started = _started(words)
    if not started:
        return None
    name = _base(started[0])
    if name.startswith("$") and started[0] != "$":
        verb = next((word for word in started[1:] if not word.startswith("-")), "")
        return Update(f"{started[0]} {verb}", "all") if verb in PLAIN_VERBS else None
    if name in TALKERS:
        return None
    if (found := _of_tools(started)) is not None:
        return found
    inner = _inner(words) if {_base(word) for word in words} & SHELLS else []
    for text in inner:
        if (found := update_in(text, depth - 1)) is not None:
            return found
    # a program that nobody knows may run what stands behind it, where that has a verb
    for at, word in enumerate(started[1:], 1):
        known = any(_base(word) in tool.names and tool.verbs for tool in TOOLS)
        if known and (found := _of_tools(started[at:])) is not None:
            return found
    return None


def _started(words: Sequence[str]) -> Sequence[str]:
    """Return the command that is run in the end: without those that only start it."""
    while words and _base(words[0]) in STARTERS:
        name = _base(words[0])
        valued, own = STARTERS[name]
        rest = list(words[1:])
        if rest and rest[0] in ASKING.get(name, ()):
            return ()
        while rest and (rest[0].startswith("-") or _ASSIGNMENT.match(rest[0]) or own):
            word = rest.pop(0)
            if word in valued and rest:
                rest.pop(0)
            elif not word.startswith("-") and not _ASSIGNMENT.match(word):
                own -= 1
        words = rest
    return words


def _inner(words: Sequence[str]) -> list[str]:
    """Return the words that a shell takes as a whole command."""
    found = [word for word in words[1:] if any(char.isspace() for char in word)]
    for before, word in pairwise(words):
        if re.fullmatch(r"-[A-Za-z]*c|--command", before):
            found.append(word)
    if "eval" in words:
        found.append(" ".join(words[words.index("eval") + 1 :]))
    # `sh script` and `busybox sh` name a file or another program, which are read where they are
    return found


def _of_tools(words: Sequence[str]) -> Update | None:
    name = _base(words[0])
    for tool in TOOLS:
        if name in tool.names and (found := _done_by(tool, words[1:])) is not None:
            return Update(f"{name} {found}".strip(), tool.reach)
    return None


def _done_by(tool: Tool, words: Sequence[str]) -> str | None:
    """Return the verb or option by which a program changes something, None when it does not."""
    operands: list[str] = []
    options: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            operands.append(word)
            continue
        for option, value in _options(tool, word):
            # a word of its own only where the option was given without one
            options[option] = rest.pop(0) if value is None and rest else (value or "")
    verb = operands[0] if operands else ""
    if tool.harmless & {*options, *operands}:
        return None
    if tool.objects and not tool.objects & set(operands):
        return None
    for option, value in tool.acts.items():
        if option in options and value in ("", options[option]):
            return f"{option} {value}".strip()
    if tool.verbs:
        return verb if verb in tool.verbs else None
    return "" if not tool.acts else None


def _options(tool: Tool, word: str) -> Iterator[tuple[str, str | None]]:
    """Yield the options of a word; None as value where the next word is it."""
    if not _CLUSTER.match(word):
        name, equals, value = word.partition("=")
        yield name, (value if equals else None if name in tool.valued else "")
        return
    for at, letter in enumerate(word[1:], 2):
        if letter == "=":
            return
        option, rest = f"-{letter}", word[at:]
        if option in tool.valued:
            yield option, rest.removeprefix("=") or None
            return
        yield option, ""


def _base(word: str) -> str:
    return word.rpartition("/")[2]
