"""The long text behind each short id: errors, gates, preflight findings, exit codes, words.

The texts lie where the thing itself is defined (docstrings, gate rows, the exit-code table); this
module only collects them. It imports every module of the controller, so only `explain` and the
docs use it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import fleet
from fleet.base.errors import FleetError
from fleet.base.exitcodes import ExitCode
from fleet.reference.glossary import glossary

#: Modules that act when they are imported, or that only a process of their own imports.
_NOT_IMPORTED: Final = ("fleet.main", "fleet.docs")
#: Columns of wrapped text.
_WIDTH: Final = 88


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that has an id."""

    id: str
    #: error | gate | finding | exit code | word
    kind: str
    #: one line
    title: str
    text: str = ""
    exit_code: ExitCode | None = None


#: id -> what is called so; an error and a finding may share an id when they mean the same fault.
Catalog = dict[str, tuple[Entry, ...]]


def entries() -> Catalog:
    """Return everything that can be explained, by id."""
    found: dict[str, tuple[Entry, ...]] = {}
    for entry in (*_codes(), *errors(), *_findings(), *_gates(), *_words()):
        found[entry.id] = (*found.get(entry.id, ()), entry)
    return found


def errors() -> list[Entry]:
    """Return all error types of the controller, by id."""
    _import_all()
    kinds: list[type[FleetError]] = [FleetError, *_subclasses(FleetError)]
    return sorted(map(_error, kinds), key=lambda entry: entry.id)


def text(found: tuple[Entry, ...]) -> str:
    """Return what `b70 explain ID` prints."""
    return "\n".join(map(_paragraphs, found))


def listing(catalog: Catalog) -> str:
    """Return one line per id."""
    width = max(map(len, catalog))
    return "".join(
        f"{entry.id:<{width}}  {entry.kind:<9}  {entry.title}\n"
        for found in catalog.values()
        for entry in found
    )


def _paragraphs(entry: Entry) -> str:
    lines = [f"{entry.id} ({entry.kind})", f"  {entry.title}"]
    for paragraph in entry.text.split("\n\n"):
        if body := " ".join(paragraph.split()):
            lines += ["", textwrap.fill(body, _WIDTH, initial_indent="  ", subsequent_indent="  ")]
    if entry.kind == "error" and entry.exit_code is not None:
        lines += ["", f"  exit code {entry.exit_code.value}: {entry.exit_code.meaning}"]
    return "\n".join(lines) + "\n"


def _codes() -> Iterator[Entry]:
    for code in ExitCode:
        yield Entry(str(code.value), "exit code", code.meaning, exit_code=code)


def _error(kind: type[FleetError]) -> Entry:
    title, _, rest = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")
    return Entry(kind.id, "error", " ".join(title.split()), rest, kind.exit_code)


def _subclasses(kind: type[FleetError]) -> Iterator[type[FleetError]]:
    for child in kind.__subclasses__():
        # a class without an id of its own is its parent to the person who meets it
        if "id" in vars(child) and child.__module__.startswith("fleet."):
            yield child
        yield from _subclasses(child)


def _findings() -> Iterator[Entry]:
    from fleet.preflight import explanations

    for name, body in sorted(explanations().items()):
        title, _, rest = body.partition("\n\n")
        yield Entry(name, "finding", " ".join(title.split()), rest)


def _gates() -> Iterator[Entry]:
    from gates.rows import load
    from gates.wording import for_any_host

    for row in sorted(load(), key=lambda row: row.id):
        body = (
            f"When it holds: {row.holds.reason}\n\nWhen it does not: {row.fails.reason} "
            f"Next: {row.fails.next_step}\n\n"
            f"When it is unknown: {row.unknown.next_step}\n\n"
            f"Severity: {row.severity.value}. Evidence: {row.evidence}"
        )
        yield Entry(row.id, "gate", row.title, for_any_host(body))


def _words() -> Iterator[Entry]:
    for word, meaning in glossary().items():
        # on a command line a word is one argument
        yield Entry(word.replace(" ", "-"), "word", meaning)


def _import_all() -> None:
    for info in pkgutil.walk_packages(fleet.__path__, "fleet."):
        if info.name not in _NOT_IMPORTED:
            importlib.import_module(info.name)
