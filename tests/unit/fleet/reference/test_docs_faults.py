"""docs/faults.md names every case, and every test it names exists."""

from __future__ import annotations

import ast
import re

import pytest

from tests.places import ROOT

TEXT = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_named_test_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert name in functions


def test_every_case_is_there_with_a_test_or_a_reason() -> None:
    rows = [line.split("|") for line in TEXT.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row[1]) for row in rows] == [*range(1, 50), *range(52, 55), *range(61, 65)]
    for row in rows:
        assert row[3].strip() in ("refuse", "contain", "recover", "revert")
        assert "::" in row[4] or "planned:" in row[4]
