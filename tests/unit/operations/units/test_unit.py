"""The unit operation: which systemctl verbs follow from which state."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from facts.system.files import FileState
from facts.system.units import Units
from facts.value import ABSENT, Unknown
from operations.units.unit import unit
from tests.unit.base_facts import STARTED, files, running, stat, units
from tests.unit.pyinfra_harness import reasons, run_operation

NAME = "clock.service"
ALL = {"running": True, "enabled": True, "masked": False}


def run(found: Any, answers: Any = None, **wanted: Any) -> tuple[list[str], list[str]]:
    """Run the operation for one unit in a given state."""
    state = found if isinstance(found, Unknown) else units(**({"clock": found} if found else {}))
    return run_operation(
        unit, {Units: state, FileState: answers or files()}, service=NAME, **wanted
    )


def test_a_unit_as_declared_gets_no_command_and_says_why() -> None:
    commands, noops = run(running(), **ALL)
    assert commands == []
    assert noops == ["file state enabled; active (running)"]


@pytest.mark.parametrize(
    ("found", "wanted", "commands"),
    [
        (running(active="inactive", sub="dead"), {"running": True}, ["start"]),
        (running(active="failed", sub="failed"), {"running": True}, ["start"]),
        (running(active="activating", sub="start-pre"), {"running": True}, []),
        (running(active="reloading", sub="reload"), {"running": True}, []),
        (running(), {"running": False}, ["stop"]),
        (running(active="inactive", sub="dead"), {"running": False}, []),
        (running(file_state="disabled"), {"enabled": True}, ["enable"]),
        (running(file_state="enabled-runtime"), {"enabled": True}, ["enable"]),
        (running(file_state="static"), {"enabled": True}, []),
        (running(file_state="alias"), {"enabled": True}, []),
        (running(file_state="generated"), {"enabled": True}, []),
        (running(file_state="indirect"), {"enabled": True}, []),
        (running(file_state=ABSENT), {"enabled": True}, []),
        (running(), {"enabled": False}, ["disable"]),
        (running(file_state="disabled"), {"enabled": False}, []),
        (running(load="masked", file_state="masked"), {"masked": True, "running": None}, ["stop"]),
        (running(), {"masked": True}, ["mask", "stop"]),
        (running(active="inactive", sub="dead", file_state="masked"), {"masked": True}, []),
        (
            running(load="masked", active="inactive", sub="dead", file_state="masked"),
            ALL,
            ["unmask", "enable", "start"],
        ),
        (running(load="masked", file_state="masked"), {"masked": False}, ["unmask"]),
        (running(need_daemon_reload=True), ALL, ["daemon-reload"]),
        (
            running(need_daemon_reload=True, active="inactive", sub="dead"),
            ALL,
            ["daemon-reload", "start"],
        ),
        (running(), {}, []),
    ],
)
def test_each_state_of_a_unit_gets_exactly_the_verbs_it_lacks(
    found: Any, wanted: dict[str, Any], commands: list[str]
) -> None:
    expected = [
        "systemctl daemon-reload" if verb == "daemon-reload" else f"systemctl {verb} {NAME}"
        for verb in commands
    ]
    got, noops = run(found, **wanted)
    assert got == expected
    assert bool(noops) is not bool(got), "either a command or a reason"


ETC, RUN, LIB = (f"{folder}/systemd/system" for folder in ("/etc", "/run", "/usr/lib"))


@pytest.mark.parametrize(
    ("found", "wanted", "commands"),
    [
        (
            {"load": "masked", "file_state": "masked-runtime"},
            ALL,
            ["unmask --runtime", "enable", "start"],
        ),
        ({"file_state": "masked-runtime"}, {"masked": False}, ["unmask --runtime"]),
        (
            {"file_state": "masked", "masks": (ETC, RUN)},
            {"masked": False},
            ["unmask", "unmask --runtime"],
        ),
        ({"file_state": "masked-runtime", "masks": (RUN,)}, {"masked": True}, ["mask"]),
        ({"file_state": "masked", "masks": (LIB,)}, {"masked": True}, []),
        ({"file_state": "enabled-runtime"}, {"enabled": False}, ["disable --runtime"]),
        ({"file_state": "linked-runtime"}, {"enabled": False}, ["disable --runtime"]),
        ({"file_state": "linked"}, {"enabled": False}, ["disable"]),
    ],
)
def test_what_was_done_in_run_is_undone_there(
    found: dict[str, Any], wanted: dict[str, Any], commands: list[str]
) -> None:
    state = running(**{"active": "inactive", "sub": "dead", **found})
    got, _ = run(state, **wanted)
    assert got == [f"systemctl {verb} {NAME}" for verb in commands]


def test_a_unit_that_is_declared_by_a_further_name_is_changed_by_its_own() -> None:
    stopped = running(active="inactive", sub="dead", file_state="disabled")
    state = replace(units(clock=stopped), names={"time.service": NAME})
    facts = {Units: state, FileState: files()}
    commands, _ = run_operation(unit, facts, service="time.service", running=True, enabled=True)
    assert commands == [f"systemctl enable {NAME}", f"systemctl start {NAME}"]


def test_a_mask_of_the_package_is_refused_with_its_file() -> None:
    masked = running(load="masked", active="inactive", file_state="masked", masks=(LIB,))
    with pytest.raises(OperationError, match=f"{LIB}/clock.service is empty"):
        run(masked, **ALL)


@pytest.mark.parametrize("masks", [("",), ("--runtime",), ("", "--runtime")])
def test_systemctl_itself_ends_every_mask_by_the_verbs_of_the_plan(
    tmp_path: Path, masks: tuple[str, ...]
) -> None:
    def systemctl(*words: str) -> str:
        command = ["systemctl", f"--root={tmp_path}", *filter(None, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    for folder in (ETC, RUN, LIB):
        (tmp_path / folder.lstrip("/")).mkdir(parents=True)
    (tmp_path / LIB.lstrip("/") / NAME).write_text("[Install]\nWantedBy=multi-user.target\n")
    for where in masks:
        systemctl("mask", where, NAME)
    folders = tuple(folder for folder in (ETC, RUN) if (tmp_path / folder[1:] / NAME).is_symlink())
    found = running(load="masked", file_state=systemctl("is-enabled", NAME), masks=folders)
    for command in run(found, masked=False, enabled=True)[0]:
        systemctl(*command.split()[1:])
    assert systemctl("is-enabled", NAME) == "enabled"


def test_a_unit_whose_package_comes_earlier_in_the_run_gets_its_verbs_in_the_plan() -> None:
    commands, _ = run(None, **ALL)
    assert commands == [f"systemctl enable {NAME}", f"systemctl start {NAME}"]


def test_a_unit_that_is_not_there_need_not_be_stopped() -> None:
    assert run(None, running=False, enabled=False) == ([], ["there is no such unit"])


def test_a_running_unit_older_than_its_configuration_is_restarted() -> None:
    answers = files(**{"/etc/clock.conf": stat(mtime=STARTED + 1)})
    commands, _ = run(running(), answers, running=True, restart_if_older_than=["/etc/clock.conf"])
    assert commands == [f"systemctl restart {NAME}"]


def test_a_unit_restarted_in_the_second_of_the_write_is_not_restarted_again() -> None:
    answers = files(**{"/etc/clock.conf": stat(mtime=STARTED)})
    commands, noops = run(
        running(), answers, running=True, restart_if_older_than=["/etc/clock.conf"]
    )
    assert commands == []
    assert noops == ["active (running)"]


def test_a_stopped_unit_is_started_and_not_restarted_for_a_new_configuration() -> None:
    answers = files(**{"/etc/clock.conf": stat(mtime=STARTED + 1)})
    stopped = running(active="inactive", sub="dead")
    commands, _ = run(stopped, answers, running=True, restart_if_older_than=["/etc/clock.conf"])
    assert commands == [f"systemctl start {NAME}"]


def test_a_unit_that_should_stop_is_not_restarted_for_a_new_configuration() -> None:
    answers = files(**{"/etc/clock.conf": stat(mtime=STARTED + 1)})
    commands, _ = run(running(), answers, running=False, restart_if_older_than=["/etc/clock.conf"])
    assert commands == [f"systemctl stop {NAME}"]


def test_a_running_unit_that_lost_what_it_made_is_restarted() -> None:
    commands, _ = run(running(), running=True, restart_if_missing=["/var/log/journal/abc"])
    assert commands == [f"systemctl restart {NAME}"]


def test_a_masked_unit_that_should_run_is_refused_unless_unmasking_is_declared() -> None:
    masked = running(load="masked", active="inactive", sub="dead", file_state="masked")
    with pytest.raises(OperationError, match=r"clock\.service is masked; declare masked=False"):
        run(masked, running=True)


def test_nothing_is_done_to_a_unit_in_an_unknown_state() -> None:
    with pytest.raises(OperationError, match=r"clock\.service is UNKNOWN: no answer within 10 s"):
        run(Unknown("no answer within 10 s"), **ALL)


def test_what_completes_a_restart_follows_a_restart_and_nothing_else() -> None:
    wanted: dict[str, Any] = {"running": True, "after_restart": ["journalctl", "--flush"]}
    commands, _ = run(running(), **wanted, restart_if_missing=["/var/log/journal/abc"])
    assert commands == [f"systemctl restart {NAME}", "journalctl --flush"]
    commands, _ = run(running(active="inactive", sub="dead"), **wanted)
    assert commands == [f"systemctl start {NAME}"]
    assert run(running(), **wanted)[0] == []


def test_a_unit_is_not_restarted_on_an_unknown_configuration_file() -> None:
    with pytest.raises(OperationError, match=r"/etc/clock\.conf is UNKNOWN: denied"):
        run(
            running(),
            lambda path: Unknown("denied"),
            running=True,
            restart_if_older_than=["/etc/clock.conf"],
        )


def test_a_repaired_unit_is_silent_in_the_second_run() -> None:
    broken = running(active="inactive", sub="dead", file_state="disabled", need_daemon_reload=True)
    assert run(broken, **ALL)[0] == [
        "systemctl daemon-reload",
        f"systemctl enable {NAME}",
        f"systemctl start {NAME}",
    ]
    assert run(running(active_since=STARTED + 5), **ALL)[0] == []


def test_the_same_facts_are_read_whatever_the_unit_is_like() -> None:
    reads = []
    for found in (running(), running(active="inactive", sub="dead"), None):
        seen: list[str] = []

        def answer(path: str, seen: list[str] = seen) -> Any:
            seen.append(path)
            return ABSENT

        run(found, answer, running=True, restart_if_older_than=["/a"], restart_if_missing=["/b"])
        reads.append(seen)
    assert reads == [["/a", "/b"]] * 3


def test_a_restart_names_its_reason_and_every_other_verb_what_it_changes() -> None:
    newer = files(**{"/etc/clock.conf": stat(mtime=STARTED + 1)})
    facts = {Units: units(clock=running()), FileState: newer}
    told = reasons(unit, facts, service=NAME, restart_if_older_than=["/etc/clock.conf"])
    assert told.restarted == {NAME: "/etc/clock.conf is newer than the running unit"}
    facts = {Units: units(clock=running(active="failed", file_state="disabled"))}
    told = reasons(unit, facts, service=NAME, running=True, enabled=True)
    assert [(d.what, d.expected, d.seen) for d in told.differences] == [
        ("enabled", "enabled", "disabled"),
        ("running", "active", "failed"),
    ]
    told = reasons(unit, {Units: units()}, service=NAME, running=True)
    assert [(d.what, d.expected, d.seen) for d in told.differences] == [("running", "active", None)]


def test_a_unit_is_restarted_by_the_plan_that_writes_its_file() -> None:
    facts = {Units: units(clock=running()), FileState: files()}
    wanted = {"service": NAME, "running": True, "restart_if_older_than": ["/etc/clock.conf"]}
    told = reasons(unit, facts, written=["/etc/clock.conf"], **wanted)
    assert told.restarted == {NAME: "/etc/clock.conf is written first"}
    assert reasons(unit, facts, written=["/etc/other.conf"], **wanted).restarted == {}
