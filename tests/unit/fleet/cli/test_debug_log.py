"""The debug log: always there, private, redacted, and never more than the newest twenty."""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from fleet.base import logfile, statedir
from fleet.base.errors import Refused
from fleet.base.run import Run
from fleet.cli import context
from fleet.model.events import Emit, Note
from tests.unit.fleet.cli.cli_cases import converged
from tests.unit.fleet.cli.cli_harness import ScriptedEngine, b70


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the log after each test."""
    yield
    logfile.stop()


def test_every_verb_leaves_an_owner_only_log_named_after_the_run(tmp_path: Path) -> None:
    b70("plan", "-q", environ={"B70_STATE": str(tmp_path)})
    [log] = (tmp_path / "logs").iterdir()
    named = re.match(r"\S+ INFO b70: run (\S+): ", log.read_text())
    assert named is not None
    assert log.name == f"{named[1]}.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO b70: run ", log.read_text())


def test_the_log_holds_events_even_when_the_terminal_is_quiet(tmp_path: Path) -> None:
    log = tmp_path / "log"
    engine = ScriptedEngine(converged={"rig-a": converged()})
    b70("converge", "-l", "rig-a", "-y", "-q", "--debug-log", str(log), engine=engine)
    assert "Packages[gpu-userspace]" in log.read_text()


def test_secrets_are_masked_in_messages_arguments_and_tracebacks(tmp_path: Path) -> None:
    log = logfile.start(tmp_path / "log", lambda text: text.replace("hunter2", "*****"))
    logger = logging.getLogger("any")
    logger.warning("password %s", "hunter2")
    try:
        raise ValueError("hunter2")
    except ValueError:
        logger.exception("failed")
    logfile.stop()
    assert "hunter2" not in log.read_text()
    assert log.read_text().count("*****") >= 2


def test_the_log_of_a_verb_uses_the_redactor_of_the_run(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def leak(emit: Emit) -> None:
        logging.getLogger("paramiko").warning("hunter2")
        emit(Note("rig-a", "hunter2"))
        raise Refused("hunter2", "hunter2")

    engine = ScriptedEngine(meanwhile=leak)
    with patch.object(context, "redactor", lambda: lambda text: text.replace("hunter2", "*****")):
        result = b70("plan", "-vv", "--debug-log", str(log), engine=engine)
    assert result.output.count("*****") == 4
    assert "hunter2" not in log.read_text() + result.output


def test_only_the_newest_twenty_logs_stay_and_other_files_are_left_alone(tmp_path: Path) -> None:
    for day in range(1, 26):
        (tmp_path / f"202401{day:02}T000000Z-0000.log").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    logfile.start(tmp_path / "20250101T000000Z-ffff.log")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == logfile.KEEP + 1
    assert names[0] == "20240107T000000Z-0000.log"
    assert names[-2:] == ["20250101T000000Z-ffff.log", "notes.txt"]


def test_a_log_that_cannot_be_written_does_not_stop_a_command(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = b70("plan", "--debug-log", str(tmp_path / "file" / "log"))
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"B70_STATE": "/state"}, "/state/rigs/ledger.db"),
        ({"XDG_STATE_HOME": "/xdg"}, "/xdg/b70fleet/rigs/ledger.db"),
        ({"XDG_STATE_HOME": "relative"}, f"{Path.home()}/.local/state/b70fleet/rigs/ledger.db"),
        ({}, f"{Path.home()}/.local/state/b70fleet/rigs/ledger.db"),
    ],
)
def test_state_lies_where_the_environment_says(environ: dict[str, str], expected: str) -> None:
    assert str(statedir.ledger_path("rigs", environ)) == expected


def test_every_command_is_a_run_of_its_own_also_within_one_process(tmp_path: Path) -> None:
    for _ in range(2):
        b70("plan", "-q", environ={"B70_STATE": str(tmp_path)})
    assert len(list((tmp_path / "logs").iterdir())) == 2


def test_run_ids_sort_by_time_and_say_who_runs() -> None:
    run = Run.begin()
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{4}", run.id)
    assert re.fullmatch(rf".+@.+ pid {os.getpid()}", run.who)
