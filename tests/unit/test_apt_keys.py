"""Repository keys are read without gpg, and only the declared one gets through."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec.openpgp import KeyRefused, armor, dearmor, keys, pinned

FIXTURES = Path(__file__).parents[1] / "fixtures" / "openpgp"
#: as gpg printed them when the fixtures were made
RSA = "413156B9BEBCED1570CDA34A8F4587C5D2442E98"
ED25519 = "2ECD336722FDE14E1FD55E3398A12AFF871519AF"


def text(name: str) -> str:
    return (FIXTURES / f"{name}.asc").read_text()


@pytest.mark.parametrize(("name", "fingerprint"), [("rsa2048", RSA), ("ed25519", ED25519)])
def test_the_fingerprint_of_a_key_is_the_one_that_gpg_prints(name: str, fingerprint: str) -> None:
    assert [key.fingerprint for key in keys(text(name))] == [fingerprint]


def test_a_subkey_is_not_taken_for_another_key() -> None:
    assert len(keys(text("rsa2048"))) == 1


def test_armour_survives_a_round_trip() -> None:
    assert dearmor(armor(dearmor(text("rsa2048")))) == dearmor(text("rsa2048"))


def test_the_declared_key_is_taken_out_of_a_file_with_several() -> None:
    only = pinned(text("two-keys"), ED25519)
    assert [key.fingerprint for key in keys(only)] == [ED25519]


def test_a_wrong_fingerprint_is_refused_with_both_fingerprints() -> None:
    with pytest.raises(KeyRefused) as refusal:
        pinned(text("rsa2048"), ED25519)
    assert RSA in str(refusal.value)
    assert ED25519 in str(refusal.value)


def test_one_changed_character_of_the_armour_is_noticed() -> None:
    good = text("ed25519")
    bad = good.replace("mDMEawCsyx", "mDMEawCsyy", 1)
    assert bad != good
    with pytest.raises(KeyRefused, match="checksum"):
        keys(bad)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("no key at all", "no ASCII-armoured public key block"),
        (armor(b"\x94\x01\x04"), "secret key"),
        (armor(b"\x98\x01\x03"), "version 3"),
        (armor(b"\x98\x05\x04"), "cut off"),
        (armor(b"\x99\x05"), "cut off"),
        (armor(b"\x9b\x05"), "indeterminate"),
        (armor(b"\xc6\xe1\x04"), "partial"),
        (armor(b"\x04\x04"), "not an OpenPGP"),
        (armor(b"\xb4\x01\x41"), "start with a public key"),
    ],
)
def test_what_is_no_usable_key_is_refused_with_the_reason(content: str, complaint: str) -> None:
    with pytest.raises(KeyRefused, match=complaint):
        pinned(content, RSA)


def test_an_empty_block_holds_no_key() -> None:
    with pytest.raises(KeyRefused):
        pinned(armor(b""), RSA)
