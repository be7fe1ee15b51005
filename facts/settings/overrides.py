"""Which lines take away what a file of ours says, and what a person does about them.

Pure. Must not know who writes that file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from facts.parts import Line
from facts.settings.effective import Assigned, Kind, Program, SettingFiles, sequence


@dataclass(frozen=True, slots=True)
class Override:
    """A line that takes away what a file of ours says.

    Args:
        wanted: what ours sets.
        seen: what the program ends up with.
    """

    path: str
    line: int
    key: str
    wanted: str
    seen: str


def overrides(
    program: Program, found: SettingFiles, path: str, content: str | None = None
) -> tuple[Override, ...]:
    """Return the lines of other files that take away what a file of ours says.

    Args:
        found: the files as they are.
        path: our drop-in.
        content: what it will hold; None = what it holds now.
    """
    ours = [each for each in found.assigned if each.path == path]
    if content is not None:
        text = [Line(path, number, each) for number, each in enumerate(content.split("\n"), 1)]
        ours = [each for each in program.syntax(text) if program.kind(each.key) is not None]
    said = list(sequence(program, found, path, ours))
    taken: list[Override] = []
    for key in dict.fromkeys(each.key for each in ours):
        kind = program.kind(key)
        of_key = [each for each in said if each.key == key]
        if kind is not None:
            judge = _of_list if kind.adds else _of_value
            taken.extend(judge(kind, of_key, path))
    return tuple(taken)


def _of_value(kind: Kind, said: Sequence[Assigned], path: str) -> Iterator[Override]:
    heeded = [each for each in said if each.value is None or kind.normal(each.value) is not None]
    wanted = next((each for each in reversed(heeded) if each.path == path), None)
    if wanted is None or wanted.value is None or heeded[-1].path == path:
        return
    last = heeded[-1]
    if last.value is None or kind.normal(last.value) != kind.normal(wanted.value):
        seen = "nothing" if last.value is None else last.value
        yield Override(last.path, last.line, last.key, wanted.value, seen)


def _of_list(kind: Kind, said: Sequence[Assigned], path: str) -> Iterator[Override]:
    kept: list[Assigned] = []
    for each in said:
        if each.value:
            kept.append(each)
            continue
        lost = [gone.value or "" for gone in kept if gone.path == path]
        if lost and each.path != path:
            yield Override(each.path, each.line, each.key, " ".join(lost), "nothing")
        kept = []
    if kind.open_to_others:
        return
    wanted = " ".join(each.value or "" for each in kept if each.path == path)
    seen = " ".join(each.value or "" for each in kept)
    if wanted and seen != wanted:
        for each in kept:
            if each.path != path:
                yield Override(each.path, each.line, each.key, wanted, seen)


def remedy(program: Program, override: Override, path: str) -> str:
    """Return what a person does about a line that takes a setting of ours away.

    Args:
        path: our drop-in.
    """
    folder, _, name = override.path.rpartition("/")
    if override.path in program.mains or override.path in program.above:
        return f"take that line out of {override.path}"
    if not folder.startswith("/etc/"):
        hiding = PurePosixPath(path).parent / name
        return f"hide the package's file: ln -s /dev/null {hiding}"
    return f"remove that line, or rename the file so that it sorts before {path.rpartition('/')[2]}"
