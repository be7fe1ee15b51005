"""One POSIX-sh program that reads many facts, and the parser of what it prints. Pure text.

Each fact stands between frame lines that carry a nonce, so that no fact's output can pose as
another's. A head may come first (identity, lock); when it refuses, nothing else runs.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, cast

from facts.base import HostFact
from facts.shelltext import shell_text, shell_variables
from fleet.host.keys import FactKey, Key, RawKey

#: Exit statuses of a head are below 128; this one means that the head never ran.
NO_HEAD: Final = -1
#: Seconds that a batch may take beside its facts' own timeouts.
BASE_DEADLINE_S: Final = 60
#: Upper bound of a batch, in seconds: every tool hangs, the host is sick, a person waits.
MAX_DEADLINE_S: Final = 300

_WATCHED: Final = shell_text(__file__)


class _Bulk(Protocol):
    """A fact that can read many argument sets with one command."""

    @classmethod
    def bulk(cls, calls: Sequence[dict[str, object]]) -> str: ...

    @classmethod
    def split(
        cls, calls: Sequence[dict[str, object]], output: Sequence[str]
    ) -> list[list[str]]: ...


@dataclass(frozen=True, slots=True)
class Raw:
    """What one fact printed."""

    ok: bool
    stdout: list[str]
    stderr: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Item:
    keys: tuple[Key, ...]
    command: str


@dataclass(slots=True)
class Answer:
    """The parsed output of a whole program."""

    head_status: int = NO_HEAD
    head: list[str] = field(default_factory=list)
    facts: dict[Key, Raw] = field(default_factory=dict)


class Batch:
    """A set of fact reads as one program.

    Args:
        keys: the reads; those of a fact with `bulk` are merged into one command.
        nonce: text that cannot occur in any output.
        head: shell text that runs first in a subshell; a status other than 0 ends the program.
    """

    def __init__(self, keys: Iterable[Key], nonce: str, head: str = "") -> None:
        self._nonce = nonce
        self._mark = f"\x1eB70-{nonce}"
        self._head = head
        self._items = list(_items(keys))

    @property
    def deadline_s(self) -> int:
        """Seconds after which the whole program is given up."""
        facts = (
            key.fact.timeout_s for item in self._items for key in item.keys[:1]
            if isinstance(key, FactKey)
        )  # fmt: skip
        return min(MAX_DEADLINE_S, BASE_DEADLINE_S + sum(facts))

    def program(self) -> str:
        """Return the text for `sh -s`."""
        lines = ["LC_ALL=C; export LC_ALL"]
        if self._head:
            lines.append(f"(\n{self._head}\n) </dev/null")
            lines.append(f"b70_r=$?; printf '\\n{self._mark} head %d\\n' $b70_r")
            lines.append("[ $b70_r = 0 ] || exit 0")
        if self._items:
            lines.append("b70_facts() {\n" + "\n".join(self._lines()) + "\n}")
            lines.append(shell_variables(b70_nonce=self._nonce) + _WATCHED)
        return "\n".join(lines) + "\n"

    def _lines(self) -> Iterable[str]:
        """Yield the commands that print each item and its frame."""
        for index, item in enumerate(self._items):
            frame = f"printf '\\n{self._mark} {index} %d\\n'"
            if isinstance(item.keys[0], FactKey):  # its stderr is already in its last line
                yield f"{{ {item.command}\n}} </dev/null; {frame} $?; echo idle >&5"
            else:
                yield (
                    f"exec 4>&1; b70_e=$( ( eval {shlex.quote(item.command)} ) "
                    f"2>&1 1>&4 4>&- 5>&- </dev/null); b70_r=$?; exec 4>&-; {frame} $b70_r; "
                    f"printf '%s\\n{self._mark} end 0\\n' \"$b70_e\""
                )

    def unanswered(self, answer: Answer) -> list[tuple[Key, ...]]:
        """Return the reads of which an answer has nothing, each command's together, in order."""
        return [item.keys for item in self._items if item.keys[0] not in answer.facts]

    def parse(self, output: bytes) -> Answer:
        """Cut the output into facts; a fact whose frame is missing is simply not in the answer."""
        answer = Answer()
        lines: list[str] = []
        waiting: tuple[_Item, int, list[str]] | None = None
        # what stands behind the last line break is a line that was cut off
        for line in output.decode("utf-8", "surrogateescape").split("\n")[:-1]:
            if not line.startswith(self._mark):
                lines.append(line)
                continue
            name, status = line[len(self._mark) :].split()
            body, lines = _without_last_blank(lines), []
            if name == "head":
                answer.head_status, answer.head = int(status), body
            elif name == "end" and waiting is not None:
                item, code, stdout = waiting
                answer.facts[item.keys[0]] = Raw(code == 0, stdout, [x for x in body if x])
                waiting = None
            else:
                item = self._items[int(name)]
                if isinstance(item.keys[0], RawKey):
                    waiting = (item, int(status), body)
                else:
                    answer.facts.update(_split(item, body))
        return answer


def _items(keys: Iterable[Key]) -> Iterable[_Item]:
    merged: dict[type[HostFact[Any]], list[FactKey]] = {}
    for key in dict.fromkeys(keys):
        if isinstance(key, RawKey):
            yield _Item((key,), key.command)
        elif hasattr(key.fact, "bulk"):
            merged.setdefault(key.fact, []).append(key)
        else:
            yield _Item((key,), cast("Any", key.fact()).command(**key.kwargs))
    for fact, group in merged.items():
        calls = [dict(key.kwargs) for key in group]
        yield _Item(tuple(group), cast("type[_Bulk]", fact).bulk(cast("Any", calls)))


def _split(item: _Item, body: list[str]) -> dict[Key, Raw]:
    first = item.keys[0]
    if len(item.keys) == 1 or not isinstance(first, FactKey):
        return {first: Raw(True, body)}
    fact = cast("type[_Bulk]", first.fact)
    calls = [dict(key.kwargs) for key in item.keys if isinstance(key, FactKey)]
    parts = fact.split(cast("Any", calls), body)
    return {key: Raw(True, part) for key, part in zip(item.keys, parts, strict=True)}


def _without_last_blank(lines: list[str]) -> list[str]:
    """Drop the line break that the frame put before itself."""
    return lines[:-1] if lines and lines[-1] == "" else lines
