"""A recorded host answers programs that differ from the recorded ones in their nonce alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from facts.registry import batch_facts
from fleet.host.batch import Batch
from fleet.host.keys import fact_key
from fleet.host.replay import NotRecorded, Recording, ReplaySession, replayed, watched
from fleet.host.session import Output
from fleet.host.shell import Shell

ONE, OTHER = "0123456789abcdef", "fedcba9876543210"


def batch(nonce: str) -> str:
    """Return the program that reads every normal fact."""
    return Batch([fact_key(fact, {}) for fact in batch_facts().values()], nonce).program()


def said(nonce: str) -> Output:
    return Output(0, f"\x1eB70-{nonce} os_release 0\n".encode(), b"warned")


@pytest.fixture
def recording() -> Recording:
    """Return a recording of the batch of all facts and of a program without a nonce."""
    found = Recording()
    found.keep(batch(ONE), said(ONE))
    found.keep("true\n", Output(3, b"\xff\x00", b"\xfe"))
    return found


def test_an_answer_comes_back_with_the_nonce_that_is_asked_for(recording: Recording) -> None:
    assert batch(ONE) != batch(OTHER)
    assert recording.answer(batch(OTHER)) == said(OTHER)


def test_a_program_without_a_nonce_is_answered_as_it_was(recording: Recording) -> None:
    assert recording.answer("true\n") == Output(3, b"\xff\x00", b"\xfe")


def test_what_was_never_asked_has_no_answer(recording: Recording) -> None:
    with pytest.raises(NotRecorded, match="never asked"):
        recording.answer("never asked")
    with pytest.raises(NotRecorded):
        recording.answer(batch(ONE) + "\n")


def test_a_recording_is_read_back_byte_for_byte(recording: Recording, tmp_path: Path) -> None:
    recording.save(tmp_path / "recording")
    again = Recording.load(tmp_path / "recording")
    assert again.programs() == recording.programs()
    assert [again.answer(p) for p in again.programs()] == [
        recording.answer(p) for p in recording.programs()
    ]


def test_a_session_counts_its_programs_and_can_be_watched(recording: Recording) -> None:
    seen: list[tuple[str, Output]] = []
    session = watched(replayed(recording), lambda *pair: seen.append(pair))("rig-a", {}, Shell())
    session.connect()
    session.run(batch(OTHER), deadline_s=9)
    session.run("true\n", deadline_s=9)
    session.close()
    assert session.execs == 2
    assert [output for _, output in seen] == [said(OTHER), recording.answer("true\n")]


def test_what_a_replayed_host_answers_can_be_recorded_again(recording: Recording) -> None:
    again = Recording()
    session = ReplaySession(recording)
    again.keep(batch(OTHER), session.run(batch(OTHER), deadline_s=9))
    assert again.answer(batch(ONE)) == said(ONE)
