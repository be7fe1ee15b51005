"""Keys and keyrings are read without gpg, and only the declared key gets through."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declaration.openpgp import KeyRefused, armor, dearmor, keys, pinned
from tests.places import FIXTURES
from tests.unit.fact_frame import fixture

#: as gpg printed them when the fixtures were made
RSA = "413156B9BEBCED1570CDA34A8F4587C5D2442E98"
ED25519 = "2ECD336722FDE14E1FD55E3398A12AFF871519AF"
BINARY = FIXTURES / "apt_sources/two-keys.gpg"
IN_BINARY = fixture("apt_sources/fingerprints.txt").split()


def text(name: str) -> str:
    return (FIXTURES / "openpgp" / f"{name}.asc").read_text()


def fingerprints(data: bytes) -> list[str]:
    return [key.fingerprint for key in keys(data)]


@pytest.mark.parametrize(("name", "fingerprint"), [("rsa2048", RSA), ("ed25519", ED25519)])
def test_the_fingerprint_of_a_key_is_the_one_that_gpg_prints(name: str, fingerprint: str) -> None:
    assert fingerprints(text(name).encode()) == [fingerprint]


def test_every_primary_key_of_a_binary_keyring_is_found() -> None:
    assert fingerprints(BINARY.read_bytes()) == IN_BINARY


def test_two_armoured_blocks_in_one_file_are_both_read() -> None:
    both = text("rsa2048") + "\nsome words\n" + text("ed25519")
    assert fingerprints(both.encode()) == [RSA, ED25519]


def test_a_subkey_is_not_taken_for_another_key() -> None:
    assert len(keys(text("rsa2048").encode())) == 1


def test_a_key_of_version_6_has_the_longer_fingerprint() -> None:
    assert [len(digits) for digits in fingerprints(b"\x98\x01\x06")] == [64]


def test_armour_survives_a_round_trip() -> None:
    assert dearmor(armor(dearmor(text("rsa2048")))) == dearmor(text("rsa2048"))


def test_the_declared_key_is_taken_out_of_a_file_with_several() -> None:
    only = pinned(text("two-keys"), ED25519)
    assert fingerprints(only.encode()) == [ED25519]


def test_a_wrong_fingerprint_is_refused_with_both_fingerprints() -> None:
    with pytest.raises(KeyRefused) as refusal:
        pinned(text("rsa2048"), ED25519)
    assert RSA in str(refusal.value)
    assert ED25519 in str(refusal.value)


def test_one_changed_character_of_the_armour_is_noticed() -> None:
    good = text("ed25519")
    bad = good.replace("mDMEawCsyx", "mDMEawCsyy", 1)
    assert bad != good
    with pytest.raises(KeyRefused, match=ED25519):
        pinned(bad, ED25519)


def test_a_checksum_that_is_wrong_or_missing_refuses_no_key() -> None:
    good = text("ed25519")
    (checksum,) = [line for line in good.splitlines() if line.startswith("=")]
    for instead in ("=AAAA", ""):
        assert fingerprints(pinned(good.replace(checksum, instead), ED25519).encode()) == [ED25519]


def test_a_keyring_that_is_cut_off_is_an_error_not_fewer_keys() -> None:
    with pytest.raises(KeyRefused, match="cut off"):
        keys(BINARY.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("packets", "complaint"),
    [
        (b"", "no public key"),
        (b"\x94\x01\x04", "secret key"),
        (b"\x98\x01\x03", "version 3"),
        (b"\x98\x05\x04", "cut off"),
        (b"\x99\x05", "cut off"),
        (b"\x9b\x05", "indeterminate"),
        (b"\xc6\xe1\x04", "partial"),
        (b"hello", "not an OpenPGP"),
        (b"\xb4\x01\x41", "start with a public key"),
    ],
)
def test_what_is_no_usable_key_is_refused_with_the_reason(packets: bytes, complaint: str) -> None:
    with pytest.raises(KeyRefused, match=complaint):
        keys(packets)
    with pytest.raises(KeyRefused, match=complaint):
        pinned(armor(packets), RSA)


@pytest.mark.parametrize("content", ["no key at all", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"])
def test_a_text_without_a_whole_block_is_refused(content: str) -> None:
    with pytest.raises(KeyRefused, match="no ASCII-armoured public key block"):
        pinned(content, RSA)


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_crashes_nothing(data: bytes) -> None:
    with suppress(KeyRefused):
        keys(b"\x98" + data)
