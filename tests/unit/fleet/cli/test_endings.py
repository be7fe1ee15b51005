"""How `b70` ends: each kind of error as a sentence and an exit code, never as a traceback."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.base.errors import ConfigError, FleetError, Refused, Unreachable
from fleet.base.exitcodes import ExitCode
from fleet.cli.context import parse_sets
from fleet.main import main
from fleet.model.events import Emit
from tests.unit.fleet.cli.cli_harness import ScriptedEngine, b70


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FleetError("it broke"), ExitCode.FAILED),
        (ConfigError("it broke"), ExitCode.USAGE),
        (Refused("it broke"), ExitCode.REFUSED),
        (Unreachable("it broke"), ExitCode.UNREACHABLE),
    ],
)
def test_a_typed_error_ends_with_its_own_code(error: FleetError, code: ExitCode) -> None:
    result = b70("plan", "-q", engine=ScriptedEngine(raises=error))
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == f"error: it broke\n  more: b70 explain {error.id}\n"


def test_a_hint_stands_between_the_sentence_and_the_id() -> None:
    error = Refused("it broke", "try this\nor this")
    result = b70("plan", "-q", engine=ScriptedEngine(raises=error))
    assert result.stderr.splitlines() == [
        "error: it broke",
        "  next: try this",
        "  next: or this",
        "  more: b70 explain refused",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "--nonsense"),
        ("plan", "--parallel", "x"),
        ("plan", "--parallel", "-1"),
        ("plan", "extra"),
        ("facts",),
        ("unlock", "rig-a"),
        ("history", "nonsense"),
        ("--color", "pink", "plan"),
        ("nonsense",),
        ("inventory",),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_ends_with_64_and_points_to_help(words: tuple[str, ...]) -> None:
    result = b70(*words)
    assert result.exit_code == ExitCode.USAGE
    assert "Traceback" not in result.output


def test_a_set_without_an_equals_sign_is_a_usage_error() -> None:
    with pytest.raises(ConfigError, match="is not KEY=VALUE"):
        parse_sets(["a=1", "nonsense"])
    assert parse_sets(["a.b=1=2", "a.b="]) == {"a.b": ""}


def test_a_usage_error_names_the_verb_whose_help_to_read() -> None:
    result = b70("plan", "--nonsense")
    assert "No such option: --nonsense" in result.stderr
    assert "next: b70 plan --help" in result.stderr


def test_a_misspelt_verb_gets_a_suggestion_without_importing_all_verbs() -> None:
    result = b70("convrge")
    assert result.exit_code == ExitCode.USAGE
    assert "Did you mean 'converge'?" in result.stderr


def test_no_verb_at_all_is_a_usage_error() -> None:
    result = b70()
    assert result.exit_code == ExitCode.USAGE
    assert "next: b70 --help" in result.stderr


def test_a_bug_ends_as_one_line_and_the_traceback_is_in_the_debug_log(tmp_path: Path) -> None:
    log = tmp_path / "debug.log"
    engine = ScriptedEngine(raises=RuntimeError("boom\nsecond line"))
    result = b70("plan", "-q", "--debug-log", str(log), engine=engine)
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr == f"error: RuntimeError: boom\n  debug log: {log}\n"
    assert "Traceback" in log.read_text()


def test_a_bug_is_not_printed_twice_while_progress_is_shown(tmp_path: Path) -> None:
    engine = ScriptedEngine(raises=RuntimeError("boom"))
    result = b70("plan", "--debug-log", str(tmp_path / "log"), engine=engine)
    assert result.stderr.count("boom") == 1


def test_ctrl_c_ends_with_a_code_of_its_own_and_says_where_to_look() -> None:
    result = b70("plan", "-q", engine=ScriptedEngine(raises=KeyboardInterrupt()))
    assert result.exit_code == ExitCode.INTERRUPTED
    assert "interrupted; `b70 history`" in result.stderr


def test_ctrl_c_while_the_program_starts_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fleet.cli.app.app", interrupted)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == ExitCode.INTERRUPTED
    assert "before anything had begun" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed_pipe:
        done = subprocess.run(
            [sys.executable, "-m", "fleet.main", "explain", "4"],
            stdout=closed_pipe,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            check=False,
        )
    assert done.returncode == ExitCode.CLEAN
    assert done.stderr == b""


def test_log_lines_of_a_verb_reach_the_terminal_only_when_it_is_verbose() -> None:
    def talk(_: Emit) -> None:
        logging.getLogger("b70").info("a detail")
        logging.getLogger("b70").warning("a warning")

    engine = ScriptedEngine(meanwhile=talk)
    assert "a detail" not in b70("plan", engine=engine).stderr
    assert "warning: a warning" in b70("plan", engine=engine).stderr
    assert "info: a detail" in b70("plan", "-v", engine=engine).stderr
    assert "a warning" not in b70("plan", "-q", engine=engine).stderr
