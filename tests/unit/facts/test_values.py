"""The three kinds of a reading, and the wrapper that lets a sick tool spoil only its own fact."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.base import END, HostFact, ParseError, interpret, wrap
from facts.value import ABSENT, RAW_LIMIT, Unknown, known


class Echo(HostFact[str]):
    timeout_s = 1

    def parse(self, text: str) -> str:
        if text == "nonsense":
            raise ParseError("nonsense")
        return text


def run(script: str) -> str | Unknown:
    """Run a wrapped script under a plain sh, as stock pyinfra would, and interpret it."""
    done = subprocess.run(
        ["sh", "-c", wrap(script, Echo.timeout_s)], capture_output=True, check=False
    )
    lines = done.stdout.decode("utf-8", "surrogateescape").split("\n")
    return interpret(Echo(), lines[:-1] if lines[-1] == "" else lines)


def test_unknown_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="no truth value"):
        bool(Unknown("why"))


def test_unknown_keeps_the_raw_output_short() -> None:
    assert len(Unknown("why", "x" * 10_000).raw) == RAW_LIMIT + 1


def test_known_returns_none_for_absent_and_unknown() -> None:
    assert known(7) == 7
    assert known(ABSENT) is None
    assert known(Unknown("why")) is None


@pytest.mark.parametrize("text", ["", "hi", "two\nlines", "one\n", "trailing\n\n"])
def test_a_script_that_works_gives_its_stdout_without_the_last_line_break(text: str) -> None:
    assert run(f"printf '%s' '{text}'") == text.removesuffix("\n")


def test_a_failing_command_is_unknown_with_its_status_and_stderr() -> None:
    value = run("echo half; echo it broke >&2; exit 3")
    assert isinstance(value, Unknown)
    assert value.reason == "exit status 3: it broke"
    assert value.raw == "half"


@pytest.mark.parametrize("status", [0, 3])
def test_a_tool_that_complains_without_end_sends_little_of_it(status: int) -> None:
    noisy = wrap(f"yes complaint | head -c 3000000 >&2; echo it; exit {status}", 10)
    done = subprocess.run(["sh", "-c", noisy], capture_output=True, check=True)
    assert len(done.stdout) < 2_000
    assert done.stderr == b""
    value = interpret(Echo(), done.stdout.decode().split("\n")[:-1])
    if status == 0:
        assert value == "it"
    else:
        assert isinstance(value, Unknown)
        assert value.reason.startswith("exit status 3: complaint complaint")


def test_a_hanging_tool_is_unknown_within_its_timeout() -> None:
    value = run("echo before; sleep 60")
    assert isinstance(value, Unknown)
    assert value.reason == "no answer within 1 s"


def test_a_tool_that_ignores_sigterm_is_killed() -> None:
    value = run("trap '' TERM; while :; do sleep 0.2; done")
    assert isinstance(value, Unknown)
    assert value.reason == "no answer within 1 s"


def test_bytes_that_are_not_utf8_are_unknown_and_shown_escaped() -> None:
    value = run(r"printf 'a\377b'")
    assert isinstance(value, Unknown)
    assert value.reason == "output is not UTF-8"
    assert value.raw == r"a\xffb"


def test_a_parser_that_refuses_makes_unknown() -> None:
    value = run("printf nonsense")
    assert isinstance(value, Unknown)
    assert "nonsense" in value.reason


def test_output_without_its_end_is_cut_off() -> None:
    value = interpret(Echo(), ["half a", "line"])
    assert isinstance(value, Unknown)
    assert value.reason == "output was cut off"


@given(st.lists(st.text()))
def test_no_output_whatever_raises(lines: list[str]) -> None:
    assert isinstance(interpret(Echo(), [*lines, f"{END} 1 boom"]), Unknown)
    assert isinstance(interpret(Echo(), lines), str | Unknown)


@pytest.mark.parametrize("status", [124, 125, 137, 143])
def test_no_answer_is_no_answer_whichever_timeout_the_host_has(status: int) -> None:
    """busybox and Rust's coreutils have other exit statuses for it than GNU's."""
    found = interpret(Echo(), ["half", f"{END} {status} "])
    assert isinstance(found, Unknown)
    assert found.reason == "no answer within 1 s"
