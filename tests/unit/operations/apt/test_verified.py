"""Checks of an installed set: run once after a change, and said plainly when they fail."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.onhost import VERIFIED
from facts.packages.dpkg import Packages
from facts.packages.oneapi import OneApi, OneApiState
from facts.parts import Line
from facts.system.files import FileState
from facts.value import ABSENT, Unknown
from operations.apt.verified import fingerprint, verified
from operations.files.setvars import setvars_unsourced
from tests.unit.apt_facts import package_facts
from tests.unit.base_facts import stat
from tests.unit.pyinfra_harness import reasons, run_operation, stub_host

SET = ("libze1", "xpu-smi")
CHECKS = {"clinfo --json": "26.18.38308", "xpu-smi discovery -j": "0xe223"}
RIGHT = package_facts({"libze1": "1.28.2", "xpu-smi": "1.3.6"})
PASSED = stat(content=f"{fingerprint(RIGHT, SET, CHECKS)}\n".encode())


def run(mark: Any, state: Any, checks: Any = None, **more: Any) -> tuple[list[str], list[str]]:
    return run_operation(
        verified,
        {FileState: mark, Packages: state},
        set_name="gpu",
        packages=SET,
        checks=CHECKS if checks is None else checks,
        **more,
    )


def test_a_set_that_passed_is_not_asked_again() -> None:
    commands, noops = run(PASSED, RIGHT)
    assert commands == []
    assert noops == ["passed for what is installed: clinfo --json, xpu-smi discovery -j"]


def test_checks_run_in_order_and_the_mark_comes_last() -> None:
    commands, _ = run(ABSENT, RIGHT)
    assert commands[0].endswith("b70-verify '' 60 26.18.38308 clinfo --json")
    assert commands[1].endswith("b70-verify '' 60 0xe223 xpu-smi discovery -j")
    assert commands[2:] == [f"write {VERIFIED}/gpu"]


@pytest.mark.parametrize(
    ("state", "checks"),
    [
        (package_facts({"libze1": "1.28.0", "xpu-smi": "1.3.6"}), CHECKS),
        (package_facts({"libze1": "1.28.2"}), CHECKS),
        (RIGHT, {**CHECKS, "clinfo --json": "26.22"}),
    ],
)
def test_another_version_or_another_check_needs_a_new_proof(state: Any, checks: Any) -> None:
    assert run(PASSED, state, checks)[0]


@pytest.mark.parametrize(("mark", "state"), [(Unknown("eaten"), RIGHT), (PASSED, Unknown("eaten"))])
def test_nothing_is_verified_on_unknown(mark: Any, state: Any) -> None:
    with pytest.raises(OperationError, match="eaten"):
        run(mark, state)


def check(line: str, wanted: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the shell text of a single check here."""
    with stub_host({FileState: ABSENT, Packages: RIGHT}):
        first, _ = verified._inner(set_name="gpu", packages=SET, checks={line: wanted}, **more)
    return subprocess.run(
        ["sh", "-c", first.get_raw_value()], capture_output=True, text=True, timeout=30
    )


def test_a_check_passes_when_its_output_contains_the_text() -> None:
    assert check("echo one two three", "two").returncode == 0


def test_a_check_without_the_text_fails_and_shows_what_came_instead() -> None:
    done = check("echo no platforms", "26.18")
    assert done.returncode != 0
    assert "no platforms" in done.stderr
    assert "does not contain: 26.18" in done.stderr


def test_a_tool_that_hangs_is_stopped_and_named() -> None:
    done = check("sleep 60", "x", timeout_s=1)
    assert "sleep 60: no answer within 1 s" in done.stderr


@pytest.mark.parametrize("status", [124, 125, 137, 143])
def test_a_hang_is_a_hang_whichever_timeout_the_host_has(tmp_path: Path, status: int) -> None:
    """busybox and Rust's coreutils have other exit statuses for it than GNU's."""
    (tmp_path / "timeout").write_text(f"#!/bin/sh\nexit {status}\n")
    (tmp_path / "timeout").chmod(0o755)
    assert "no answer within" in check("clinfo", "x", tools=str(tmp_path)).stderr


def test_a_tool_that_fails_is_named_with_its_exit_status() -> None:
    assert "exit status 127" in check("no-such-tool-here -j", "x").stderr


def test_no_shell_reads_a_check() -> None:
    assert check("echo '$HOME;' '`id`' x", "$HOME; `id` x").returncode == 0


def test_a_lab_hosts_stand_in_comes_before_the_real_tool(tmp_path: Path) -> None:
    tool = tmp_path / "clinfo"
    tool.write_text("#!/bin/sh\necho stand-in\n")
    tool.chmod(0o755)
    assert check("clinfo --json", "stand-in", tools=str(tmp_path)).returncode == 0


def test_a_start_file_that_sources_setvars_stops_the_run_with_file_and_line() -> None:
    state = OneApi(("2025.3",), (Line("/etc/profile.d/oneapi.sh", 3, ". setvars.sh"),), ())
    with pytest.raises(OperationError, match=r"/etc/profile.d/oneapi.sh line 3"):
        run_operation(setvars_unsourced, {OneApiState: state})


def test_a_host_that_sources_nothing_is_in_sync() -> None:
    assert run_operation(setvars_unsourced, {OneApiState: OneApi((), (), ())})[0] == []


def test_setvars_is_not_judged_on_unknown() -> None:
    with pytest.raises(OperationError, match="hung"):
        run_operation(setvars_unsourced, {OneApiState: Unknown("hung")})


@pytest.mark.parametrize(
    ("mark", "seen"), [(ABSENT, None), (stat(content=b"x"), "for other packages or checks")]
)
def test_a_check_is_due_because_its_proof_is_missing_or_of_something_else(
    mark: Any, seen: str | None
) -> None:
    facts = {FileState: mark, Packages: RIGHT}
    told = reasons(verified, facts, set_name="gpu", packages=SET, checks=CHECKS)
    assert [(item.what, item.expected, item.seen) for item in told.differences] == [
        ("proof", "for what is installed", seen)
    ]
