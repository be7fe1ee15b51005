"""`b70 converge`: who is asked what, what is applied, and how failures are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet.base.exitcodes import ExitCode
from fleet.model.plan import HostState, RunResult
from tests.recorded import recorded
from tests.unit.fleet.cli.cli_cases import converged, culprit, pending, unreachable
from tests.unit.fleet.cli.cli_harness import ScriptedEngine, b70, in_sync, run_result
from tests.unit.fleet.cli.golden import check_golden


def engine() -> ScriptedEngine:
    """Return a fleet of a host with changes, a dead host and a host that is never in sync."""
    return ScriptedEngine(
        planned={"rig-a": pending(), "rig-b": unreachable(), "lab1": pending("lab1")},
        converged={"rig-a": converged(), "lab1": culprit()},
    )


def test_changing_the_whole_fleet_must_be_said() -> None:
    scripted = engine()
    result = b70("converge", engine=scripted)
    assert result.exit_code == ExitCode.REFUSED
    assert scripted.asked == []
    assert "--all" in result.stderr


def test_yes_applies_without_a_plan_of_its_own_before() -> None:
    scripted = engine()
    b70("converge", "--limit", "rig-a", "-y", engine=scripted)
    assert scripted.asked == [("converge", ["rig-a"])]
    assert scripted.saved == {}


def test_an_approved_plan_is_exactly_what_is_applied() -> None:
    scripted = engine()
    result = b70("converge", "--limit", "rig-a", engine=scripted, answer="y\n")
    assert result.exit_code == ExitCode.CLEAN
    assert [verb for verb, _ in scripted.asked] == ["plan", "converge"]
    assert scripted.saved == {"rig-a": pending()}


def test_the_question_names_hosts_changes_reboots_and_gpus_out() -> None:
    host = pending()
    host.cost.reboots, host.cost.gpus_out = 1, 4
    result = b70(
        "converge", "-l", "rig-a", engine=ScriptedEngine(planned={"rig-a": host}), answer="n\n"
    )
    assert (
        "Change 1 host (rig-a): 2 changes, 1 reboot, restarts systemd-journald.service, "
        "about 3 min, 19.1 MiB to download, 4 GPUs out? [y/N] "
    ) in result.stderr


@pytest.mark.parametrize("answer", ["n\n", "\n", "yess\n"])
def test_anything_but_yes_changes_nothing(answer: str) -> None:
    scripted = engine()
    result = b70("converge", "--limit", "rig-a", engine=scripted, answer=answer)
    assert result.exit_code == ExitCode.REFUSED
    assert [verb for verb, _ in scripted.asked] == ["plan"]
    assert "nothing was changed" in result.stderr


def test_without_a_terminal_nobody_is_asked_and_nothing_is_changed() -> None:
    scripted = engine()
    result = b70("converge", "--limit", "rig-a", engine=scripted)
    assert result.exit_code == ExitCode.REFUSED
    assert [verb for verb, _ in scripted.asked] == ["plan"]
    assert "-y" in result.stderr


def test_no_input_refuses_even_where_somebody_could_answer() -> None:
    scripted = engine()
    result = b70("converge", "--limit", "rig-a", "--no-input", engine=scripted, answer="y\n")
    assert result.exit_code == ExitCode.REFUSED
    assert [verb for verb, _ in scripted.asked] == ["plan"]


def test_a_fleet_in_sync_is_certified_without_a_question() -> None:
    scripted = ScriptedEngine()
    result = b70("converge", "--all", engine=scripted)
    assert result.exit_code == ExitCode.CLEAN
    assert [verb for verb, _ in scripted.asked] == ["plan", "converge"]


def test_hosts_whose_plan_failed_are_left_alone_and_still_reported() -> None:
    scripted = engine()
    result = b70("converge", "--limit", "rig-*", engine=scripted, answer="y\n")
    assert scripted.asked[-1] == ("converge", ["rig-a"])
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "rig-b    unreachable" in result.stdout


def test_when_no_host_can_be_worked_on_nothing_is_asked_or_applied() -> None:
    scripted = ScriptedEngine(planned={"rig-b": unreachable()})
    result = b70("converge", "--limit", "rig-b", engine=scripted)
    assert result.exit_code == ExitCode.UNREACHABLE
    assert [verb for verb, _ in scripted.asked] == ["plan"]


def test_the_summary_lists_changes_hosts_and_totals() -> None:
    real = {"rig-a": recorded("converged"), "lab1": recorded("not-idempotent", "lab1")}
    result = b70("converge", "--all", "-y", engine=ScriptedEngine(converged=real))
    check_golden("converge.txt", result.stdout)


def test_failed_hosts_come_last_with_the_command_that_retries_them() -> None:
    real = {"rig-a": recorded("unreachable"), "lab1": recorded("not-idempotent", "lab1")}
    scripted = ScriptedEngine(converged=real)
    result = b70("converge", "--all", "-y", "-q", engine=scripted)
    check_golden("converge-problems.txt", result.stderr)
    assert result.exit_code == ExitCode.FAILED


def test_the_retry_command_repeats_the_inventory_that_was_given() -> None:
    scripted = ScriptedEngine(converged={"rig-b": unreachable()})
    result = b70("converge", "-l", "rig-b", "-y", "-i", "my rigs", engine=scripted)
    assert result.stderr.endswith("\n  b70 -i 'my rigs' converge --limit rig-b\n")


def test_check_and_dry_only_plan() -> None:
    for flag in ("--check", "--dry"):
        scripted = engine()
        result = b70("converge", "--limit", "rig-a", flag, engine=scripted)
        assert result.exit_code == ExitCode.PENDING
        assert scripted.asked == [("plan", ["rig-a"])]


def test_json_of_a_run_says_what_its_exit_status_says() -> None:
    result = b70("converge", "--all", "-y", "--json", engine=engine())
    body = json.loads(result.stdout)
    assert body["exit_code"] == result.exit_code == ExitCode.FAILED
    assert RunResult.model_validate({k: v for k, v in body.items() if k != "exit_code"})


def saved_plan(path: Path, **changes: object) -> str:
    """Write a saved plan of rig-a and lab1."""
    plan = run_result("plan", pending(), in_sync("lab1"))
    path.write_text(plan.model_copy(update=changes).model_dump_json())
    return str(path)


def test_a_saved_plan_stands_for_a_limit_and_is_handed_to_the_engine(tmp_path: Path) -> None:
    scripted = engine()
    b70("converge", saved_plan(tmp_path / "p"), "-y", engine=scripted)
    assert scripted.asked == [("converge", ["rig-a", "lab1"])]
    assert list(scripted.saved) == ["rig-a", "lab1"]


def test_a_host_in_place_of_a_plan_is_told_from_a_file(tmp_path: Path) -> None:
    result = b70("converge", "rig-a", engine=engine())
    assert result.exit_code == ExitCode.USAGE
    assert "rig-a is a host, no saved plan" in result.stderr
    assert "next: b70 converge --limit rig-a\n" in result.stderr


def test_a_limit_narrows_a_saved_plan_and_never_widens_it(tmp_path: Path) -> None:
    scripted = engine()
    b70("converge", saved_plan(tmp_path / "p"), "--limit", "rig-*", "-y", engine=scripted)
    assert scripted.asked == [("converge", ["rig-a"])]
    result = b70("converge", saved_plan(tmp_path / "p"), "-l", "rig-b", "-y", engine=scripted)
    assert result.exit_code == ExitCode.REFUSED


@pytest.mark.parametrize(
    "changes",
    [{"fleet": "others"}, {"schema_version": 0}, {"command": "converge"}],
    ids=["another-fleet", "another-version", "not-a-plan"],
)
def test_a_plan_that_was_made_for_something_else_is_refused(
    changes: dict[str, object], tmp_path: Path
) -> None:
    scripted = engine()
    result = b70("converge", saved_plan(tmp_path / "p", **changes), "-y", engine=scripted)
    assert result.exit_code == ExitCode.REFUSED
    assert scripted.asked == []
    assert "next: b70 plan -o" in result.stderr


def test_a_damaged_plan_is_refused_with_the_place_of_the_damage(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.write_text('{"run": 3}')
    result = b70("converge", str(file), "-y")
    assert result.exit_code == ExitCode.REFUSED
    assert "is no saved plan: run:" in result.stderr


def test_a_plan_with_a_host_that_the_fleet_lost_is_refused(tmp_path: Path) -> None:
    plan = run_result("plan", pending("rig-gone"))
    file = tmp_path / "p"
    file.write_text(plan.model_dump_json())
    result = b70("converge", str(file), "-y")
    assert result.exit_code == ExitCode.REFUSED
    assert "no longer has rig-gone" in result.stderr


def test_a_host_that_waits_for_something_says_what_for_and_is_not_tried_again() -> None:
    waits = in_sync("rig-a").model_copy(
        update={
            "state": HostState.PENDING,
            "error": "rig-a: a reboot is pending: another kernel runs",
            "hint": "b70 converge --limit rig-a --allow-reboot",
            "error_id": "reboot-pending",
        }
    )
    result = b70(
        "converge", "-l", "rig-a", "-y", "-q", engine=ScriptedEngine(converged={"rig-a": waits})
    )
    assert "error: a reboot is pending: another kernel runs" in result.stderr
    assert "next: b70 converge --limit rig-a --allow-reboot" in result.stderr
    assert "Retry" not in result.stderr


def test_a_lock_that_stands_is_removed_before_the_retry() -> None:
    left = converged().model_copy(
        update={"state": HostState.UNCERTAIN, "error": "rig-a: aborted", "lock": "run-1"}
    )
    scripted = ScriptedEngine(converged={"rig-a": left})
    told = b70("converge", "-l", "rig-a", "-y", engine=scripted).stderr
    assert told.index("b70 unlock rig-a --lock run-1") < told.index("b70 converge --limit rig-a")
    assert "When that is done, retry:" in told
