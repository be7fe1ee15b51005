"""Specification of the process that the tests fork `b70` from: a call is as a cold start is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import warm

PATIENCE_S = 60


def cold(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fleet.main", *words],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["explain", "4"],
        ["plan", "--nonsense"],
        ["-i", "tests", "inventory", "list"],
        ["history"],
    ],
    ids=" ".join,
)
def test_a_call_says_and_ends_as_a_cold_start_does(words: list[str], tmp_path: Path) -> None:
    env = {**os.environ, "B70_STATE": str(tmp_path), "NO_COLOR": "1", "COLUMNS": "90"}
    called = warm.b70(words, env=env, timeout_s=PATIENCE_S)
    started = cold(*words, env=env)
    assert (called.returncode, called.stdout, called.stderr) == (
        started.returncode,
        started.stdout,
        started.stderr,
    )
    assert called.stdout or called.stderr


def test_a_call_has_an_environment_and_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    for name in ("first-rigs", "other-rigs"):
        env = {**os.environ, "B70_INVENTORY": name}
        said.append(warm.b70(["history"], env=env, timeout_s=PATIENCE_S).stderr)
    assert ["first-rigs" in text for text in said] == [True, False]
    assert ["other-rigs" in text for text in said] == [False, True]
    monkeypatch.chdir(tmp_path)
    begun = warm.b70(["init", "rigs"], env=dict(os.environ), timeout_s=PATIENCE_S)
    assert begun.returncode == 0, begun.stderr
    assert (tmp_path / "rigs").is_dir()


def test_a_call_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """A pipe without a reader is waited for."""
    os.mkfifo(tmp_path / "log")
    begin = time.monotonic()
    endless = ["explain", "4", "--debug-log", str(tmp_path / "log")]
    with pytest.raises(subprocess.TimeoutExpired):
        warm.b70(endless, env=dict(os.environ), timeout_s=3)
    assert time.monotonic() - begin < PATIENCE_S
    again = warm.b70(["explain", "4"], env=dict(os.environ), timeout_s=PATIENCE_S)
    assert again.returncode == 0
