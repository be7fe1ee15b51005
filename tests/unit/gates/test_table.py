"""Every row of the gate tables: true, false and UNKNOWN."""

from __future__ import annotations

import pytest

from gates.model import Verdict
from gates.rows import load
from tests.unit.gates.gate_cases import CASES, Case
from tests.unit.gates.gate_world import judge, lose

ROWS = {row.id: row for row in load()}
EACH = pytest.mark.parametrize(("row", "case"), CASES.items(), ids=list(CASES))


def test_every_gate_has_its_three_worlds() -> None:
    assert set(CASES) == set(ROWS)


@pytest.mark.parametrize(
    "reference", [f"10c-{n}" for n in range(1, 44)] + [f"6.3-{n}" for n in range(1, 9)]
)
def test_every_row_of_the_two_tables_has_a_gate(reference: str) -> None:
    assert [row.id for row in ROWS.values() if reference in row.tables]


@EACH
def test_a_gate_that_holds_decides_what_the_table_says(row: str, case: Case) -> None:
    decision = judge(row, case.given | case.holds)
    assert decision is not None
    assert (decision.verdict, decision.choice) == (case.verdicts[0], case.choices[0])
    assert "UNKNOWN" not in decision.reason


@EACH
def test_a_gate_that_fails_decides_what_the_table_says(row: str, case: Case) -> None:
    decision = judge(row, case.given | case.fails)
    assert decision is not None
    assert (decision.verdict, decision.choice) == (case.verdicts[1], case.choices[1])
    assert "UNKNOWN" not in decision.reason
    for words in case.says:
        assert words in decision.reason
    assert set(case.forbids) <= set(decision.forbid)


@EACH
def test_a_gate_that_cannot_be_told_says_why_and_what_to_do(row: str, case: Case) -> None:
    decision = judge(row, case.given | lose(case.lost))
    assert decision is not None
    assert (decision.verdict, decision.choice) == (Verdict.UNKNOWN, case.choices[2])
    assert "nobody could read it" in decision.reason
    assert decision.next_step
    assert set(case.forbids) <= set(decision.forbid)


@EACH
def test_the_outcomes_of_a_gate_differ(row: str, case: Case) -> None:
    yes, no = judge(row, case.given | case.holds), judge(row, case.given | case.fails)
    assert yes is not None
    assert no is not None
    assert (yes.verdict, yes.choice, yes.reason) != (no.verdict, no.choice, no.reason)
