"""The value that a program ends up with after all its files, and the line that decides it.

Pure: one mechanism for every program that reads a main file and folders of drop-ins. What differs
between programs is data (`programs.py`). Must not know which values are wanted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from facts.parts import Line

#: Line number of a file that is there, whether or not any of its lines says something.
THERE: Final = 0


class Main(Enum):
    """When the main file is read."""

    FIRST = "before the drop-ins"
    LAST = "after the drop-ins"
    AROUND = "it reads the drop-ins itself, at a line of its own"


@dataclass(frozen=True, slots=True)
class Assigned:
    """One line that sets something.

    Args:
        value: None where the line takes away what was set before it.
    """

    path: str
    line: int
    key: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Kind:
    """What a program makes of the values of a key.

    Args:
        normal: value -> one spelling of what it means; None where the program ignores such a line.
        adds: the values of several lines add up, and an empty one begins anew.
        open_to_others: others may add to the values; they may only take none away.
    """

    normal: Callable[[str], str | None]
    adds: bool = False
    open_to_others: bool = False


Syntax = Callable[[Sequence[Line]], Iterable[Assigned]]


@dataclass(frozen=True, slots=True)
class Program:
    """How one program reads its files.

    Args:
        mains: places of the main file, the strongest first; the first that exists is read.
        folders: folders of drop-ins, the strongest first: a name there hides its namesakes. Files
            are read in the order of their names, whichever folder they lie in.
        names: regular expression of the names that are read.
        keys: last word of a key -> what its values mean; other keys are not kept.
        main: when the main file is read.
        reads: regular expression of the line by which the main file reads the drop-ins.
        above: files that win over all of these, with their syntax.
        leads: regular expression of a line that makes it read files which nobody here knows of.
    """

    name: str
    syntax: Syntax
    mains: tuple[str, ...]
    folders: tuple[str, ...]
    keys: Mapping[str, Kind]
    names: str = r".*\.conf"
    main: Main = Main.FIRST
    reads: str = ""
    above: Mapping[str, Syntax] = field(default_factory=dict)
    leads: str = ""

    def kind(self, key: str) -> Kind | None:
        """Return what the values of a key mean, None for a key that nobody here asks for."""
        return self.keys.get(key.rpartition(" ")[2])


@dataclass(frozen=True, slots=True)
class SettingFiles:
    """The files of one program as they are.

    Args:
        paths: every file that it would look at, also empty ones.
        assigned: what each file sets.
        denied: files that only root may read.
        reader: line of the main file at which the drop-ins are read; None where none reads them.
        away: `path:line` of lines that lead to other files.
    """

    paths: tuple[str, ...]
    assigned: tuple[Assigned, ...]
    denied: tuple[str, ...]
    reader: int | None = None
    away: tuple[str, ...] = ()


def in_order(folders: Sequence[str], paths: Iterable[str]) -> list[str]:
    """Return the drop-ins that are read, in order.

    Args:
        folders: the strongest first.
        paths: every file that exists in one of them, empty files and links to /dev/null too: those
            hide their namesakes as well.
    """
    rank = {folder: number for number, folder in enumerate(folders)}
    strongest: dict[str, str] = {}
    for path in sorted(paths, key=lambda path: rank.get(path.rpartition("/")[0], len(rank))):
        strongest.setdefault(path.rpartition("/")[2], path)
    # the programs compare bytes, and so does Python for all names that a package may have
    return [strongest[name] for name in sorted(strongest)]


def collect(program: Program, lines: Sequence[Line], denied: Iterable[str]) -> SettingFiles:
    """Return the files of a program.

    Args:
        lines: of files of any program; line THERE stands for a file that exists.
        denied: files of any program that only root may read.
    """
    files: dict[str, list[Line]] = {}
    for line in lines:
        if _belongs(program, line.path):
            files.setdefault(line.path, [])
            if line.number != THERE:
                files[line.path].append(line)
    assigned = [
        each
        for path, said in files.items()
        for each in program.above.get(path, program.syntax)(said)
        if program.kind(each.key) is not None
    ]
    main = next((path for path in program.mains if path in files), None)
    reading = re.compile(program.reads)
    readers = [line.number for line in files.get(main or "", ()) if reading.search(line.text)]
    return SettingFiles(
        paths=tuple(files),
        assigned=tuple(assigned),
        denied=tuple(path for path in denied if _belongs(program, path)),
        reader=readers[-1] if program.reads and readers else None,
        away=tuple(
            f"{line.path}:{line.number}"
            for said in files.values()
            for line in said
            if program.leads and re.search(program.leads, line.text)
        ),
    )


def last_word(program: Program, found: SettingFiles, key: str) -> Assigned | None:
    """Return the line that decides the value of a key, None when no line sets it."""
    kind = program.kind(key)
    alone = unread(program, found)
    heeded = [
        each
        for each in sequence(program, found, None, ())
        if each.key == key
        and (alone in (None, each.path) or each.path in program.above)
        and (each.value is None or (kind is not None and kind.normal(each.value) is not None))
    ]
    return heeded[-1] if heeded and heeded[-1].value is not None else None


def unread(program: Program, found: SettingFiles) -> str | None:
    """Return the main file that does not read the drop-ins, None where they are read."""
    if program.main is not Main.AROUND or found.reader is not None:
        return None
    return next((path for path in program.mains if path in found.paths), None)


def _belongs(program: Program, path: str) -> bool:
    folder, _, name = path.rpartition("/")
    if path in program.mains or path in program.above:
        return True
    return folder in program.folders and re.fullmatch(program.names, name) is not None


def sequence(
    program: Program, found: SettingFiles, path: str | None, ours: Sequence[Assigned]
) -> Iterator[Assigned]:
    """Yield all assignments as the program meets them, with ours in its place, if there is one."""
    main = next((each for each in program.mains if each in found.paths), None)
    of_main = [each for each in found.assigned if each.path == main]
    # lines of the main file below this one are read before the drop-ins
    turn = {Main.FIRST: sys.maxsize, Main.LAST: 0, Main.AROUND: found.reader or 0}[program.main]
    yield from (each for each in of_main if each.line < turn)
    others = (*program.mains, *program.above)
    drop_ins = [each for each in found.paths if each not in others]
    for file in in_order(program.folders, {*drop_ins, *([path] if path else ())}):
        yield from ours if file == path else (e for e in found.assigned if e.path == file)
    yield from (each for each in of_main if each.line >= turn)
    yield from (each for each in found.assigned if each.path in program.above)
