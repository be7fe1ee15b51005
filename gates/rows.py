"""Reads the rows of all gates from group_data/gates/*.yaml and refuses what would not work.

Every error says file, line and what is wrong. Decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from gates.keys import KEYS_FILE, Effects, effects
from gates.marked import GateFileError, Marked, Place
from gates.marked import load as load_yaml
from gates.row import NOTHING, Outcome, Row
from gates.syntax import SyntaxProblem, parse
from gates.vocabulary import GATES_DIR, VOCABULARY_FILE, Vocabulary, vocabulary
from gates.wording import placeholders

_EXPRESSIONS: Final = ("needs", "condition", "blame")


@cache
def load(directory: Path = GATES_DIR) -> tuple[Row, ...]:
    """Return all rows, by file name and then in the order of the file.

    Raises:
        GateFileError: the first thing that is wrong, with file and line.
    """
    words, targets = vocabulary(directory), effects(directory)
    rows: dict[str, Row] = {}
    for path in sorted(directory.glob("*.yaml")):
        if path.name in (VOCABULARY_FILE, KEYS_FILE):
            continue
        for row in _file(load_yaml(path), words, targets):
            if row.id in rows:
                raise GateFileError(f"{path}:1: the id {row.id!r} is used twice")
            rows[row.id] = row
    return tuple(rows.values())


def _file(document: Marked, words: Vocabulary, targets: Effects) -> Iterator[Row]:
    data = document.data
    if not isinstance(data, dict) or list(data) != ["rows"] or not isinstance(data["rows"], list):
        raise document.error((), "a gate file is one list called `rows`")
    for number, entry in enumerate(data["rows"]):
        place: Place = ("rows", number)
        if not isinstance(entry, dict):
            raise document.error(place, "a row is a mapping")
        yield _row(document, place, dict(entry), words, targets)


def _row(
    document: Marked, place: Place, entry: dict[str, object], words: Vocabulary, targets: Effects
) -> Row:
    for part in _EXPRESSIONS:
        if part in entry:
            try:
                entry[part] = parse(entry[part], words, inside_card=part == "blame")
            except SyntaxProblem as problem:
                raise document.error((*place, part, *problem.place), str(problem)) from problem
    try:
        row = Row.model_validate(entry)
    except ValidationError as error:
        # a misspelt key comes with "field required" for the key that was meant: the typo says more
        found = error.errors()
        first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
        where = first["loc"]
        message = f"{'.'.join(map(str, where))}: {first['msg']}"
        raise document.error((*place, *where), message) from error
    for problem_place, message in _problems(row, words, targets):
        raise document.error((*place, *problem_place), f"{row.id}: {message}")
    return row


def _problems(row: Row, words: Vocabulary, targets: Effects) -> Iterator[tuple[Place, str]]:
    for part, outcome in (("holds", row.holds), ("fails", row.fails)):
        yield from _wording_problems(part, outcome, words)
    for part, named in (
        ("holds", row.holds.card_step),
        ("fails", row.fails.card_step),
        ("unknown", row.unknown.card_step),
    ):
        if named and (named not in words or not named.startswith("card.")):
            yield (part, "card_step"), f"{named!r} is not a name that each card has"
    for name in placeholders(row.unknown.next_step):
        if name not in words or name.startswith("card."):
            yield ("unknown", "next_step"), f"{{{name}}} has no value here"
    for part, forbid in (
        ("holds", row.holds.forbid),
        ("fails", row.fails.forbid),
        ("unknown", row.unknown.forbid),
    ):
        for action in forbid:
            if action not in targets.actions:
                yield (part, "forbid"), f"{action!r} is not an action of {KEYS_FILE}"
    chosen = {"holds": row.holds.choose, "fails": row.fails.choose, "unknown": row.unknown.choose}
    for part, choice in chosen.items():
        for key, value in choice.items():
            if key != row.key:
                yield (part, "choose"), "a row chooses values for one key"
            elif key not in targets.keys:
                yield (part, "choose"), f"{key!r} is not a key of {KEYS_FILE}"
            else:
                yield from _value_problems(part, key, value, row, words, targets)


def _wording_problems(
    part: str, outcome: Outcome, words: Vocabulary
) -> Iterator[tuple[Place, str]]:
    for name in (*placeholders(outcome.reason), *placeholders(outcome.next_step)):
        if name not in words or name.startswith("card."):
            yield (part, "reason"), f"{{{name}}} has no value here"
    for name in placeholders(outcome.cards):
        if name not in words:
            yield (part, "cards"), words.missing(name)


def _value_problems(
    part: str, key: str, value: str, row: Row, words: Vocabulary, targets: Effects
) -> Iterator[tuple[Place, str]]:
    place: Place = (part, "choose", key)
    if part == "unknown" and value == NOTHING:
        if not row.unknown.forbid:
            yield place, "choosing nothing on UNKNOWN needs something that is forbidden instead"
        return
    if targets.keys[key].how == "value":
        if any(name not in words for name in placeholders(value)):
            yield place, f"{value!r} mentions a name that is not in the vocabulary"
        return
    try:
        rank = targets.keys[key].rank(value)
    except ValueError:
        yield place, f"{value!r} is not a value of {key}"
        return
    others = [choice[key] for choice in (row.holds.choose, row.fails.choose) if key in choice]
    if part == "unknown" and any(rank > targets.keys[key].rank(other) for other in others):
        yield place, "UNKNOWN may not choose a looser value than the other answers"
