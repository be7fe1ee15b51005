"""docs/gates.md is generated, and every claim leads to its evidence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gates.docs import GATES_MD, main, markdown
from gates.keys import effects
from gates.rows import load
from gates.vocabulary import vocabulary
from tests.places import ROOT

EVIDENCE = (ROOT / "docs/evidence.md").read_text()
ANCHORS = {
    re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
    for title in re.findall(r"^#+ (.+)$", EVIDENCE, re.MULTILINE)
}


def test_the_gates_document_is_not_stale() -> None:
    fresh = markdown(load(), effects(), vocabulary())
    assert GATES_MD.read_text() == fresh, "run: python -m gates.docs"


def test_check_tells_a_stale_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "gates.md"
    monkeypatch.setattr("gates.docs.GATES_MD", copy)
    assert main(["--check"]) == 1
    assert "is stale" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0


def test_every_gate_leads_to_a_section_of_the_evidence() -> None:
    for row in load():
        path, _, anchor = row.evidence.partition("#")
        assert path == "docs/evidence.md"
        assert anchor in ANCHORS, row.id


def test_every_mention_of_the_evidence_leads_somewhere() -> None:
    mentioned: set[tuple[str, str]] = set()
    for room in (
        "spec",
        "facts",
        "gates",
        "operations",
        "deploys",
        "fleet",
        "group_data",
        "inventory",
    ):
        for path in (ROOT / room).rglob("*.*"):
            if path.suffix in (".py", ".yaml", ".sh"):
                found = re.findall(r"evidence\.md#([a-z0-9-]+)", path.read_text())
                mentioned |= {(path.name, anchor) for anchor in found}
    assert mentioned
    assert {(name, anchor) for name, anchor in mentioned if anchor not in ANCHORS} == set()


def test_every_link_inside_the_evidence_works() -> None:
    assert set(re.findall(r"\]\(#([a-z0-9-]+)\)", EVIDENCE)) <= ANCHORS


def test_every_gate_has_its_own_heading() -> None:
    text = GATES_MD.read_text()
    assert all(f"\n### {row.id}\n" in text for row in load())


def test_every_key_and_action_is_used_by_some_gate() -> None:
    rows = load()
    assert set(effects().keys) == {row.key for row in rows if row.key}
    outcomes = [o for row in rows for o in (row.holds.forbid, row.fails.forbid, row.unknown.forbid)]
    assert set(effects().actions) == {action for forbid in outcomes for action in forbid}


def test_every_word_of_the_vocabulary_is_used_by_some_gate() -> None:
    rows = (ROOT / "group_data/gates").glob("[0-9]*.yaml")
    text = "\n".join(path.read_text() for path in rows)
    unused = [name for name in vocabulary() if name.removesuffix("*") not in text]
    assert unused == []
