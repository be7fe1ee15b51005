"""A recorded host answers programs that differ from the recorded ones in their nonce alone."""

from __future__ import annotations

from bench import replay
from facts.registry import batch_facts
from fleet.host.batchprogram import Batch
from fleet.host.factkey import fact_key

ONE, OTHER = "0123456789abcdef", "fedcba9876543210"


def batch(nonce: str) -> str:
    """Return the program that reads every normal fact."""
    return Batch([fact_key(fact, {}) for fact in batch_facts().values()], nonce).program()


def test_the_batch_of_all_facts_is_known_again_with_another_nonce() -> None:
    assert batch(ONE) != batch(OTHER)
    assert replay.without_nonce(batch(ONE)) == replay.without_nonce(batch(OTHER))


def test_an_answer_comes_back_with_the_nonce_that_is_asked_for() -> None:
    said = f"\x1eB70-{ONE} os_release 0\n".encode()
    kept = replay.standard(batch(ONE), said)
    assert ONE.encode() not in kept
    assert replay.answered(batch(OTHER), kept) == said.replace(ONE.encode(), OTHER.encode())


def test_a_program_without_a_nonce_stays_as_it_is() -> None:
    assert replay.without_nonce("true\n") == "true\n"
