"""The rows are data: what is wrong in a file is refused with its line."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent

import pytest

from gates.keys import KEYS_FILE
from gates.marked import GateFileError
from gates.rows import load
from gates.vocabulary import GATES_DIR, VOCABULARY_FILE

GOOD = """\
rows:
  - id: sample
    title: A sample
    tables: [10c-1]
    severity: tuning
    condition: {eq: [cards.missing, 0]}
    holds:
      verdict: PASS
      reason: "Nothing is missing."
    fails:
      verdict: FAIL
      reason: "{cards.missing} cards are missing."
      choose: {tensor_parallel: "1"}
      forbid: [serve]
      next_step: "Look for them."
    unknown:
      next_step: "Read again."
    evidence: docs/evidence.md#link
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (VOCABULARY_FILE, KEYS_FILE):
        shutil.copy(GATES_DIR / name, tmp_path)
    return tmp_path


def write(folder: Path, text: str, name: str = "10-sample.yaml") -> Path:
    (folder / name).write_text(dedent(text))
    return folder


def problem(folder: Path, text: str) -> str:
    with pytest.raises(GateFileError) as caught:
        load(write(folder, text))
    return str(caught.value).removeprefix(str(folder / "10-sample.yaml"))


def test_a_good_file_is_read(folder: Path) -> None:
    assert [row.id for row in load(write(folder, GOOD))] == ["sample"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("severity:", "severty:", ":5: severty: Extra inputs are not permitted"),
        ("severity: tuning", "severity: grave", ":5: severity: "),
        (
            "cards.missing, 0]}",
            "cards.mising, 0]}",
            ":6: 'cards.mising' is not in the vocabulary (did you mean",
        ),
        ("{eq:", "{equal:", ":6: 'equal' is not an operator"),
        (
            "{cards.missing} cards",
            "{cards.lost} cards",
            ":12: sample: {cards.lost} has no value here",
        ),
        (
            "{cards.missing} cards",
            "{card.label} cards",
            ":12: sample: {card.label} has no value here",
        ),
        (
            "{tensor_parallel:",
            "{tensor_paralel:",
            "sample: 'tensor_paralel' is not a key of keys.yaml",
        ),
        ('"1"}', '"two"}', ":13: sample: 'two' is not a value of tensor_parallel"),
        ("forbid: [serve]", "forbid: [sing]", ":14: sample: 'sing' is not an action of keys.yaml"),
        (
            'next_step: "Look for them."',
            "cards: ''",
            ":10: fails: Value error, a WARN or FAIL needs a next_step",
        ),
        ("verdict: PASS", "verdict: UNKNOWN", ":8: holds.verdict: "),
        ("tables: [10c-1]", "tables: []", ":4: tables: "),
        (
            "    title: A sample\n",
            "    title: A sample\n    title: Again\n",
            ":4: 'title' is given twice",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(folder: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    assert said in problem(folder, GOOD.replace(old, new))


def test_unknown_may_not_choose_a_looser_value(folder: Path) -> None:
    loose = GOOD.replace(
        '      next_step: "Read again."',
        '      next_step: "Read."\n      choose: {tensor_parallel: "4"}',
    )
    assert "UNKNOWN may not choose a looser value" in problem(folder, loose)


def test_unknown_may_choose_nothing_only_when_it_forbids_something(folder: Path) -> None:
    nothing = GOOD.replace(
        '      next_step: "Read again."',
        '      next_step: "Read."\n      choose: {tensor_parallel: nothing}',
    )
    assert "needs something that is forbidden instead" in problem(folder, nothing)


def test_a_row_decides_about_one_key(folder: Path) -> None:
    two = GOOD.replace(
        '      reason: "Nothing is', '      choose: {max_num_seqs: "1"}\n      reason: "Nothing is'
    )
    assert "a row chooses values for one key" in problem(folder, two)


def test_an_id_is_used_once(folder: Path) -> None:
    write(folder, GOOD)
    with pytest.raises(GateFileError, match="'sample' is used twice"):
        load(write(folder, GOOD, "20-again.yaml"))


def test_a_file_that_is_no_yaml_is_named_with_its_line(folder: Path) -> None:
    assert problem(folder, "rows:\n  - [\n").startswith(":3: ")


def test_a_gate_file_holds_rows_and_nothing_else(folder: Path) -> None:
    assert "one list called `rows`" in problem(folder, "gates: []\n")
