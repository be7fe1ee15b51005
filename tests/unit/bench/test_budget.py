"""Specification of what a bench measures when time is short."""

from __future__ import annotations

import pytest

from bench.budget import (
    CELL_S,
    OTHERS_UNTIL,
    QUICK,
    QUICK_UNTIL,
    SAMPLES,
    Budget,
    Cell,
    cells,
    expected_s,
)

SMALL = Cell(1, 0, "noop-20")
LARGE = Cell(8, 0, "noop-100")


def test_single_hosts_and_targets_come_before_dearer_cells() -> None:
    found = cells([32, 8, 1], [20, 0], ["noop-100", "noop-20"])
    assert found[:2] == [SMALL, Cell(1, 20, "noop-20")]
    assert found[4:6] == [Cell(32, 0, "noop-20"), Cell(8, 0, "noop-100")]
    assert {cell.hosts for cell in found[:4]} == {1}
    assert [cell.work for cell in found[6:]] == sorted(cell.work for cell in found[6:])


def test_a_number_given_twice_is_measured_once() -> None:
    assert cells([1, 1], [0, 0], ["noop-20"]) == [SMALL]


def test_nothing_is_expected_of_a_tool_that_was_never_measured() -> None:
    assert expected_s({}, LARGE) == 0.0


def test_time_is_expected_to_grow_with_hosts_and_with_resources() -> None:
    assert expected_s({SMALL: 2.0}, LARGE) == pytest.approx(2.0 * 8 * 5)


def test_time_is_not_expected_to_shrink() -> None:
    assert expected_s({LARGE: 9.0}, SMALL) == 9.0


def test_the_nearest_measurement_decides() -> None:
    near = Cell(8, 0, "noop-20")
    assert expected_s({SMALL: 2.0, near: 3.0}, LARGE) == pytest.approx(15.0)


def test_another_latency_counts_only_while_there_is_no_measurement_at_this_one() -> None:
    far = Cell(1, 20, "noop-20")
    assert expected_s({SMALL: 2.0}, far) == 2.0
    assert expected_s({SMALL: 2.0, far: 5.0}, Cell(2, 20, "noop-20")) == 10.0


def test_a_run_that_would_take_too_long_is_refused_with_the_expected_time() -> None:
    budget = Budget(total_s=1000, longest_s=60)
    budget.learn("ansible", SMALL, 8.0)
    assert budget.refusal("ansible", LARGE, 0.0) == "not run: about 320 s"


def test_a_run_that_no_longer_fits_is_refused() -> None:
    budget = Budget(total_s=100)
    budget.learn("ansible", SMALL, 8.0)
    assert budget.refusal("ansible", SMALL, 10.0) == ""
    assert "no time left" in budget.refusal("ansible", SMALL, 90.0)


@pytest.mark.parametrize("tool", sorted(QUICK))
def test_the_floor_and_the_product_are_measured_longer_than_the_others(tool: str) -> None:
    budget = Budget(total_s=100)
    late = 100 * (QUICK_UNTIL + OTHERS_UNTIL) / 2
    assert budget.refusal(tool, SMALL, late) == ""
    assert "no time left" in budget.refusal("ansible", SMALL, late)
    assert "no time left" in budget.refusal(tool, SMALL, 100.0)


def test_quick_tools_run_three_times_and_slow_ones_once() -> None:
    budget = Budget(total_s=1000)
    assert budget.again([])
    assert budget.again([1.0] * (SAMPLES - 1))
    assert not budget.again([1.0] * SAMPLES)
    assert not budget.again([CELL_S * 0.6])


def test_the_quickest_run_is_what_is_learned() -> None:
    budget = Budget(total_s=1000)
    for seconds in (5.0, 3.0, 4.0):
        budget.learn("pyinfra", SMALL, seconds)
    assert budget.known["pyinfra"] == {SMALL: 3.0}
