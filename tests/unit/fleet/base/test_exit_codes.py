"""Exit codes: one table, one order of precedence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.base.exitcodes import MEANING, PRECEDENCE, ExitCode, worst
from fleet.model.plan import HostState


def test_failed_comes_before_unreachable_before_budget_before_refused_before_pending() -> None:
    assert [int(code) for code in PRECEDENCE] == [1, 4, 5, 3, 2, 0]


@given(st.lists(st.sampled_from(PRECEDENCE)))
def test_the_worst_host_decides_whatever_the_order(codes: list[ExitCode]) -> None:
    assert worst(codes) == worst(reversed(codes))
    assert all(PRECEDENCE.index(worst(codes)) <= PRECEDENCE.index(code) for code in codes)


def test_every_code_and_every_host_state_has_a_meaning() -> None:
    assert set(MEANING) == set(ExitCode)
    assert {state.exit_code for state in HostState} <= set(ExitCode)
