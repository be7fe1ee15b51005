"""Specification of the tables: ratios, targets, notes, and their place in the document."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bench.budget import Cell
from bench.goals import goals
from bench.report import BEGIN, END, insert, markdown, table
from bench.results import (
    Audit,
    Outcome,
    Results,
    Row,
    Simulated,
    hosts_text,
    ratio,
    slope_ms,
    to_json,
)


def row(workload: str, hosts: int, latency_ms: int = 0, **tools: Outcome) -> Row:
    return Row(Cell(hosts, latency_ms, workload), tools)


def ran(*seconds: float, cpu_s: float = 0.5, **details: object) -> Outcome:
    return Outcome(seconds, cpu_s, details=details)


AUDIT = Audit(
    hosts=8,
    latency_ms=0,
    site="site",
    ssh_s=0.4,
    plan_s=0.8,
    process_s=1.4,
    cpu_s=0.32,
    execs=1,
    probe_cpu_s=0.1,
)


@pytest.fixture
def results() -> Results:
    return Results(
        started="2026-11-20 21:00 UTC",
        command="python -m bench",
        machine={"kernel": "6.1", "cores": "2"},
        cores=2,
        versions={"ansible-core": "2.19.14"},
        rows=[
            row("noop-100", 1, b70=ran(1.2, 1.0), ansible=ran(30.0), pyinfra=ran(5.0, 4.0)),
            row("change-50-files", 8, b70=ran(3.0, streams=8), ansible=Outcome(note="not run")),
        ],
        audits=[replace(AUDIT, hosts=1, cpu_s=0.25), AUDIT],
        simulated=[Simulated(100, 0.5, 0.4), Simulated(1000, 5.0, 4.1)],
        site_noop={"hosts": 8, "seconds": 1.5, "cpu_s": 0.4, "execs": [2], "resources": 57},
        notes=["load average when it began: 0.1"],
    )


def judged(results: Results, part: str) -> list[tuple[str, bool | None]]:
    return [(goal.told, goal.met) for goal in goals(results) if part in goal.text]


def test_a_ratio_compares_the_quickest_runs() -> None:
    assert ratio(row("noop-20", 1, b70=ran(2.0, 1.0), ansible=ran(9.0, 8.0)), "ansible") == 8.0


@pytest.mark.parametrize("missing", [{}, {"ansible": Outcome(note="not run")}])
def test_without_a_run_there_is_no_ratio(missing: dict[str, Outcome]) -> None:
    assert ratio(Row(Cell(1, 0, "noop-20"), {"b70": ran(1.0), **missing}), "ansible") is None


def test_the_slope_is_what_one_more_host_costs() -> None:
    assert slope_ms({1: 0.25, 8: 0.32, 2: 9.0}) == pytest.approx(10.0)
    assert slope_ms({1: 0.25}) is None
    assert slope_ms({}) is None


def test_a_target_is_met_or_missed_by_its_figure(results: Results) -> None:
    assert judged(results, "noop-100, 1 host: ansible") == [("x30.0", True)]
    assert judged(results, "noop-100, 1 host: pyinfra") == [("x4.0", False)]
    assert judged(results, "processor time per host below") == [("10.0 ms", False)]


def test_what_was_not_measured_is_neither_met_nor_missed(results: Results) -> None:
    assert judged(results, "noop-20, 32 hosts: ansible") == [("not measured", None)]
    results.audits.clear()
    assert judged(results, "audit:") == [("not measured", None)] * 3


def test_a_ratio_at_another_latency_does_not_count_for_a_target(results: Results) -> None:
    results.rows = [row("noop-100", 1, 20, b70=ran(1.0), ansible=ran(99.0))]
    assert judged(results, "noop-100, 1 host: ansible") == [("not measured", None)]


def test_the_worst_audit_decides(results: Results) -> None:
    results.audits.append(replace(AUDIT, execs=2, plan_s=99.0))
    assert judged(results, "1 exec per host") == [("1, 2", False)]
    assert judged(results, "within the bound")[0][1] is False


def test_the_bound_is_the_floor_and_the_hosts_own_work() -> None:
    assert AUDIT.bound_s(cores=2) == pytest.approx(1.5 * 0.4 + 8 * 0.1 / 2)


def test_streams_are_counted_per_host(results: Results) -> None:
    assert judged(results, "one stream per host") == [("1", True)]


def test_growth_compares_the_time_per_host_of_the_simulated_fleets(results: Results) -> None:
    assert judged(results, "linear to 1,000") == [("x1.02", True)]


def test_the_table_shows_seconds_ratios_single_runs_and_reasons(results: Results) -> None:
    text = markdown(results)
    assert "| 1 | 0 ms | 1.00 | 4.00 (x4.0) | 30.00* (x30.0) |" in text
    assert "not run" in text


def test_a_note_stands_beside_the_figure_that_it_spoils(results: Results) -> None:
    results.rows = [row("noop-20", 1, b70=ran(1.0), pyinfra=Outcome((2.0,), note="touched files"))]
    assert "2.00* (x2.0), touched files" in markdown(results)


def test_the_command_and_the_machine_are_named(results: Results) -> None:
    text = markdown(results)
    assert "    python -m bench\n" in text
    assert "kernel 6.1, cores 2" in text
    assert "load average when it began" in text


def test_the_noop_converge_of_the_site_tells_what_a_host_costs(results: Results) -> None:
    text = markdown(results).replace("\n", " ")
    assert "57 resources" in text
    assert "1.50 s, 50.0 ms of processor time and 2 execs per host" in text


def test_simulated_hosts_are_called_that(results: Results) -> None:
    assert "These hosts do not exist" in markdown(results)


def test_rows_that_were_not_measured_have_no_heading(results: Results) -> None:
    assert "noop-20`" not in markdown(results)


def test_only_the_part_between_the_markers_is_replaced() -> None:
    document = f"# Speed\n\nintro\n{BEGIN}\nold\n{END}\nend\n"
    once = insert(document, "new\n")
    assert once == f"# Speed\n\nintro\n{BEGIN}\n\nnew\n\n{END}\nend\n"
    assert insert(once, "new\n") == once


@pytest.mark.parametrize("document", ["", f"{BEGIN}\n", f"{END}\n"])
def test_a_document_without_markers_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match="no place"):
        insert(document, "new")


def test_every_row_of_a_table_has_the_columns_of_its_head() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"


def test_the_json_carries_every_run(results: Results) -> None:
    data = json.loads(to_json(results))
    assert data["rows"][0]["tools"]["b70"]["seconds"] == [1.2, 1.0]
    assert data["rows"][0]["cell"] == {"hosts": 1, "latency_ms": 0, "workload": "noop-100"}


def test_one_host_is_not_called_hosts() -> None:
    assert [hosts_text(count) for count in (1, 8)] == ["1 host", "8 hosts"]
