"""`b70 plan` as a person and as a program meets it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from fleet.base.exitcodes import ExitCode
from fleet.model.plan import HostResult, HostState
from tests.recorded import recorded
from tests.unit.fleet.cli.cli_cases import DIFF, pending, unreachable
from tests.unit.fleet.cli.cli_harness import ScriptedEngine, b70, imaginary_fleet
from tests.unit.fleet.cli.golden import check_golden

MIXED = {"rig-a": pending(), "rig-b": unreachable()}
#: The same from real rigs: what golden files show.
REAL = {"rig-a": recorded("pending"), "rig-b": recorded("unreachable", "rig-b")}


def test_a_plan_shows_diffs_commands_gates_and_cost_and_troubled_hosts_last() -> None:
    result = b70("plan", engine=ScriptedEngine(planned=REAL))
    check_golden("plan.txt", result.stdout)


def test_a_verbose_plan_also_shows_what_is_in_sync_and_the_gates_that_pass() -> None:
    result = b70("plan", "-v", "--limit", "rig-a", engine=ScriptedEngine(planned=REAL))
    check_golden("plan-verbose.txt", result.stdout)


def test_no_diff_keeps_the_commands_and_leaves_the_diffs_out() -> None:
    result = b70("plan", "--no-diff", "-v", engine=ScriptedEngine(planned=MIXED))
    assert "apt-get install -y libze1=1.21" in result.stdout
    assert "+URIs" not in result.stdout


@pytest.mark.parametrize("state", list(HostState))
def test_a_plan_exits_with_the_code_of_its_only_host(state: HostState) -> None:
    engine = ScriptedEngine(planned={"rig-a": HostResult(host="rig-a", state=state)})
    assert b70("plan", "-l", "rig-a", engine=engine).exit_code == state.exit_code


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ((HostState.FAILED, HostState.UNREACHABLE), ExitCode.FAILED),
        ((HostState.PENDING, HostState.UNREACHABLE), ExitCode.UNREACHABLE),
        ((HostState.REFUSED, HostState.PENDING), ExitCode.REFUSED),
        ((HostState.PENDING, HostState.IN_SYNC), ExitCode.PENDING),
        ((HostState.UNCERTAIN, HostState.REFUSED), ExitCode.UNREACHABLE),
        ((HostState.NOT_IDEMPOTENT, HostState.UNCERTAIN), ExitCode.FAILED),
    ],
)
def test_a_plan_of_mixed_hosts_exits_with_the_worst(
    states: tuple[HostState, HostState], code: ExitCode
) -> None:
    names = ("rig-a", "rig-b")
    engine = ScriptedEngine(
        planned={
            name: HostResult(host=name, state=state)
            for name, state in zip(names, states, strict=True)
        }
    )
    assert b70("plan", "-l", "rig-*", engine=engine).exit_code == code


def test_a_plan_without_a_limit_reads_the_whole_fleet() -> None:
    engine = ScriptedEngine()
    b70("plan", engine=engine)
    assert engine.asked == [("plan", ["rig-a", "rig-b", "lab1"])]


def test_limits_take_commas_groups_globs_and_negations() -> None:
    engine = ScriptedEngine()
    b70("plan", "-l", "@production,lab*", "--limit", "!rig-b", engine=engine)
    b70("plan", "--limit", "!lab1", engine=engine)
    assert [hosts for _, hosts in engine.asked] == [["rig-a", "lab1"], ["rig-a", "rig-b"]]


def test_a_limit_that_matches_nothing_is_refused_before_any_host_is_asked() -> None:
    engine = ScriptedEngine()
    result = b70("plan", "--limit", "rig-z", engine=engine)
    assert result.exit_code == ExitCode.REFUSED
    assert engine.asked == []
    assert "rig-z matched no host" in result.stderr
    assert "more: b70 explain no-hosts" in result.stderr


def test_json_is_one_document_on_stdout_whatever_else_is_said() -> None:
    result = b70("plan", "--json", "-v", engine=ScriptedEngine(planned=MIXED))
    body = json.loads(result.stdout)
    assert body["exit_code"] == result.exit_code == ExitCode.UNREACHABLE
    assert body["hosts"][0]["resources"][0]["changes"][0]["diff"] == DIFF
    assert "rig-a | connect" in result.stderr


def test_the_json_schema_of_a_plan_is_stable() -> None:
    result = b70("plan", "--json", engine=ScriptedEngine(planned=REAL))
    check_golden("plan.json", result.stdout)


def test_a_saved_plan_is_owner_only_and_can_be_converged(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    engine = ScriptedEngine(planned=MIXED)
    assert b70("plan", "-o", str(file), engine=engine).exit_code == ExitCode.UNREACHABLE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b70("converge", str(file), "-y", engine=engine).exit_code == ExitCode.UNREACHABLE
    assert engine.asked[-1] == ("converge", ["rig-a", "lab1"])
    assert engine.saved["rig-a"] == pending()


def test_a_plan_that_cannot_be_saved_says_so(tmp_path: Path) -> None:
    result = b70("plan", "-o", str(tmp_path / "none" / "plan.json"))
    assert result.exit_code == ExitCode.USAGE
    assert "cannot write the plan" in result.stderr


def test_names_that_look_like_markup_are_printed_as_they_are() -> None:
    host = pending()
    host.resources[0].name = "File[/etc/[bold]x[/bold]]"
    result = b70("plan", engine=ScriptedEngine(planned={"rig-a": host}))
    assert "File[/etc/[bold]x[/bold]]" in result.stdout


def test_long_commands_are_never_wrapped_or_cut() -> None:
    host = pending()
    host.resources[1].changes[0].text = command = "apt-get install " + " ".join(["p=1"] * 200)
    result = b70("plan", "-v", engine=ScriptedEngine(planned={"rig-a": host}))
    assert f"      $ {command}\n" in result.stdout


def test_without_v_a_plan_says_why_and_shows_no_command() -> None:
    result = b70("plan", engine=ScriptedEngine(planned=MIXED))
    assert "      package libze1: 1.20 -> 1.21\n      + package xpu-smi: 1.3.1\n" in result.stdout
    assert "apt-get" not in result.stdout


def test_hosts_come_in_inventory_order_and_not_in_alphabetical_order() -> None:
    result = b70("plan", fleet=imaginary_fleet("rig-z", "rig-m", "rig-a"))
    heads = [line.split()[0] for line in result.stdout.splitlines() if line.startswith("rig-")]
    assert heads == ["rig-z", "rig-m", "rig-a"]
