"""Fingerprints out of OpenPGP packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.base import ParseError
from facts.openpgp import dearmor, fingerprints
from tests.unit.fact_frame import FIXTURES, fixture

FOLDER = FIXTURES / "apt_sources"
EXPECTED = tuple(fixture("apt_sources/fingerprints.txt").split())  # as gpg printed them


def test_every_primary_key_of_a_binary_keyring_is_found() -> None:
    assert fingerprints((FOLDER / "two-keys.gpg").read_bytes()) == EXPECTED


def test_an_armored_key_has_the_same_fingerprint() -> None:
    assert fingerprints((FOLDER / "ed25519.asc").read_bytes()) == EXPECTED[1:]


def test_two_armored_blocks_in_one_file_are_both_read() -> None:
    text = fixture("apt_sources/ed25519.asc")
    assert fingerprints(dearmor(text + "\nsome words\n" + text)) == EXPECTED[1:] * 2


def test_a_keyring_that_is_cut_off_is_an_error_not_fewer_keys() -> None:
    data = (FOLDER / "two-keys.gpg").read_bytes()
    with pytest.raises(ParseError, match="cut off"):
        fingerprints(data[:-1])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no public key"),
        (b"hello", "not a sequence"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "no complete"),
        (b"\xc6\x01\x03", "version 3"),
        (b"\xc6\xe1\x04", "partial"),
        (b"\x9b\x04", "no length"),
    ],
)
def test_what_is_no_keyring_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        fingerprints(data)


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_but_value_or_index_errors(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        fingerprints(b"\x00" + data)
