"""A key that apt would refuse is known before it is written: expired, revoked, or soon to end."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declaration.openpgp import Key, KeyRefused, keys
from declaration.openpgp_life import Life, day, life
from tests.places import FIXTURES

#: 2026-01-01 in seconds since 1970
NOW = 1_767_225_600.0


def read(name: str) -> Key:
    return keys((FIXTURES / "openpgp" / f"{name}.asc").read_bytes())[0]


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        # as gpg --show-keys printed them when the fixtures were made
        ("expired", "2021-12-31"),
        ("extended", "2029-05-30"),
        ("endless", None),
        ("rsa2048", None),
        # the primary key only certifies: the last of the signing subkeys decides
        ("subkey", "2022-12-31"),
        ("renewed", "2028-12-30"),
    ],
)
def test_a_key_ends_when_gpg_says_so(name: str, ends: str | None) -> None:
    found = life(read(name))
    assert (day(found.expires) if found.expires else None) == ends
    assert found.revoked is None


def test_a_revoked_key_is_over_whatever_its_date() -> None:
    assert life(read("revoked")).over(NOW) == "was revoked on 2020-01-01"


def test_a_key_is_over_from_the_second_of_its_end() -> None:
    assert Life(int(NOW), None).over(NOW) == "expired on 2026-01-01"
    assert Life(int(NOW) + 1, None).over(NOW) == ""
    assert Life(None, None).over(NOW) == ""


def packet(kind: int, body: bytes) -> bytes:
    return bytes([0xC0 | kind, 0xFF]) + len(body).to_bytes(4, "big") + body


def signature(kind: int, made: int, lasts: int, issuer: bytes) -> bytes:
    hashed = b"\x05\x02" + made.to_bytes(4, "big") + b"\x05\x09" + lasts.to_bytes(4, "big")
    unhashed = b"\x09\x10" + issuer
    lengths = len(hashed).to_bytes(2, "big"), len(unhashed).to_bytes(2, "big")
    return packet(2, bytes([4, kind, 22, 8]) + lengths[0] + hashed + lengths[1] + unhashed)


def key_with(*signatures: tuple[int, int, int], by: bytes | None = None) -> Key:
    """Return a key made at second 1000 with signatures (type, made, lasts)."""
    primary = packet(6, b"\x04" + (1000).to_bytes(4, "big") + b"\x16")
    own = bytes.fromhex(keys(primary)[0].fingerprint[-16:])
    signed = b"".join(signature(*each, by or own) for each in signatures)
    return keys(primary + packet(13, b"a name") + signed)[0]


def test_of_two_words_on_one_key_the_newer_counts_in_any_order() -> None:
    for words in ([(0x13, 1000, 60), (0x13, 2000, 90)], [(0x13, 2000, 90), (0x13, 1000, 60)]):
        assert life(key_with(*words)).expires == 1090


def test_a_word_about_the_key_itself_comes_before_one_about_a_name() -> None:
    assert life(key_with((0x1F, 1000, 60), (0x13, 2000, 90))).expires == 1060
    assert life(key_with((0x1F, 2000, 0), (0x13, 1000, 90))).expires == 1090


def test_what_another_key_says_does_not_count() -> None:
    assert life(key_with((0x10, 2000, 60), (0x20, 2000, 0), by=bytes(8))) == Life(None, None)


@given(st.binary(max_size=80))
def test_a_damaged_signature_is_refused_or_read_and_never_raises_anything_else(body: bytes) -> None:
    key = key_with()
    with suppress(KeyRefused):
        life(Key(key.fingerprint, key.packets + packet(2, body)))
