"""Many facts in one program: each says what it says alone, and a sick one spoils only itself."""

from __future__ import annotations

import secrets
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.base import HostFact, interpret
from facts.system.files import FileState
from facts.system.os_release import OsRelease
from fleet.host.batch import NO_HEAD, Answer, Batch
from fleet.host.keys import FactKey, Key, RawKey, fact_key, from_text, to_text


class Say(HostFact[str]):
    """Prints what its argument says, by any means."""

    timeout_s: ClassVar[int] = 1

    def command(self, text: str, probe_root: str = "") -> str:  # type: ignore[override]
        from facts.base import wrap

        return wrap(text, self.timeout_s)

    def parse(self, text: str) -> str:
        return text


#: What this process's batches start is told apart by it, also from that of tests beside.
NONCE = secrets.token_hex(8)


def ask(keys: list[Key], head: str = "") -> Answer:
    batch = Batch(keys, NONCE, head)
    done = subprocess.run(
        ["sh", "-s"], input=batch.program().encode(), capture_output=True, check=False
    )
    return batch.parse(done.stdout)


def say(text: str) -> FactKey:
    return fact_key(Say, {"text": text})


def value(answer: Answer, key: FactKey) -> object:
    return interpret(key.fact(), answer.facts[key].stdout)


def test_each_fact_keeps_its_own_output_and_error() -> None:
    keys = [say("echo one"), say("echo two >&2; exit 4"), say("printf 'a\\n\\nb'")]
    # what one script sets or starts is nothing to the next
    keys += [say("set -e; cd /; x=1; f() { :; }; sleep 0.1 & wait; echo $#"), say("echo $x$PWD")]
    answer = ask(list(keys))
    assert value(answer, keys[0]) == "one"
    assert getattr(value(answer, keys[1]), "reason", "") == "exit status 4: two"
    assert value(answer, keys[2]) == "a\n\nb"
    assert value(answer, keys[3]) == "0"
    assert value(answer, keys[4]) == str(Path.cwd())


@pytest.mark.parametrize(
    "sick",
    [
        "sleep 30",
        r"printf '\377\376'",
        "exit 1",
        "sh -c 'kill -9 $PPID'",
        "printf '\\036B70-other 0 0\\n'",
        "cat /dev/urandom | head -c 3000",
        "exec 1>&-; echo lost",
        "cat",  # stdin is not the rest of the program
    ],
)
def test_a_sick_fact_spoils_only_itself(sick: str) -> None:
    before, after = say("echo before"), say("echo after")
    answer = ask([before, say(sick), after])
    assert (value(answer, before), value(answer, after)) == ("before", "after")


@pytest.mark.parametrize(
    "hanging",
    [
        "sleep 30",
        "sh -c 'sleep 30; :' | cat",
        "trap '' TERM; sleep 30; sleep 30",
        "(setsid sleep 30 &); sleep 30",
        "sh -c 'sleep 30 & wait'",
    ],
)
def test_what_takes_too_long_is_ended_with_all_that_it_started(hanging: str) -> None:
    keys = [say(hanging), say("echo after")]
    answer = ask(list(keys))
    assert getattr(value(answer, keys[0]), "reason", "") == "no answer within 1 s"
    assert value(answer, keys[1]) == "after"
    assert started_by(NONCE) == []


def test_what_a_fact_leaves_running_holds_nobody_up_for_longer_than_its_time() -> None:
    keys = [say("(setsid sleep 30 >/dev/null &); echo said"), say("echo after")]
    answer = ask(list(keys))
    assert [value(answer, key) for key in keys] == ["said", "after"]
    assert started_by(NONCE) == []


def test_facts_cost_no_process_beside_their_own() -> None:
    batch = Batch([say(f"echo {number}") for number in range(20)], "nonce")
    done = subprocess.run(
        ["/bin/sh", "-s"],
        input=batch.program().encode(),
        capture_output=True,
        check=False,
        env={"PATH": "/nonexistent"},
    )
    answer = batch.parse(done.stdout)
    assert [raw.stdout[0] for raw in answer.facts.values()] == [str(n) for n in range(20)]


def started_by(nonce: str) -> list[str]:
    """Return the processes that a batch's facts have started and that still run."""
    mark, found = f"B70_FACT={nonce}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_text())
    return found


def test_paths_are_read_by_one_command_and_say_what_single_reads_say(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    paths = [str(tmp_path / "a"), str(tmp_path), str(tmp_path / "missing")]
    keys: list[Key] = [fact_key(FileState, {"path": path}) for path in paths]
    program = Batch(keys, "n").program()
    assert program.count("sha256sum") == 1
    together = ask(keys)
    for key in keys:
        assert isinstance(key, FactKey)
        assert value(together, key) == value(ask([key]), key)


def test_a_stock_fact_keeps_status_stdout_and_stderr_apart() -> None:
    key = RawKey("echo out; echo 'err line' >&2; exit 3")
    raw = ask([key]).facts[key]
    assert (raw.ok, raw.stdout, raw.stderr) == (False, ["out"], ["err line"])


def test_a_head_that_refuses_stops_the_program() -> None:
    answer = ask([say("echo never")], head="echo because; exit 96")
    assert (answer.head_status, answer.head, answer.facts) == (96, ["because"], {})


def test_a_head_that_agrees_is_told_apart_from_one_that_never_ran() -> None:
    assert ask([], head="echo fence 7").head == ["fence 7"]
    assert Batch([], "n", "true").parse(b"").head_status == NO_HEAD


@given(cut=st.integers(min_value=0, max_value=400))
def test_a_cut_output_never_gives_a_wrong_value(cut: int) -> None:
    keys: list[Key] = [say("echo one"), say("echo two")]
    batch = Batch(keys, "nonce")
    whole = b"one\n\n#b70-end 0 \n\n\x1eB70-nonce 0 0\ntwo\n\n#b70-end 0 \n\n\x1eB70-nonce 1 0\n"
    answer = batch.parse(whole[:cut])
    for key, raw in answer.facts.items():
        assert raw.stdout[0] == ("one" if key == keys[0] else "two")


def test_the_deadline_grows_with_the_facts_and_is_bounded() -> None:
    assert Batch([say("a")], "n").deadline_s < Batch([say("a"), say("b")], "n").deadline_s
    assert Batch([say(str(i)) for i in range(10_000)], "n").deadline_s <= 300


def test_keys_survive_being_remembered() -> None:
    keys: list[Key] = [fact_key(FileState, {"path": "/etc/x"}), RawKey("uname -r")]
    assert [from_text(to_text(key)) for key in keys] == keys


@pytest.mark.parametrize(
    "text", ["", "[]", '["facts.gone:Nope", {}]', '["os:system", {}]', '["facts.base:wrap", {}]']
)
def test_a_remembered_key_that_means_nothing_now_is_dropped(text: str) -> None:
    assert from_text(text) is None


def test_execution_arguments_and_an_empty_probe_root_do_not_change_a_key() -> None:
    assert fact_key(OsRelease, {"_sudo": True, "probe_root": ""}) == fact_key(OsRelease, {})
    assert fact_key(OsRelease, {"probe_root": "/lab"}) != fact_key(OsRelease, {})
