"""Keys of hosts as lines of text: what is damaged costs itself and nothing else."""

from __future__ import annotations

import base64
from pathlib import Path

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.host.hostkeys import keys_of, known_in, line

GOOD = paramiko.ECDSAKey.generate(bits=256)
SALT = base64.b64encode(b"s" * 20).decode()
KINDS = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ssh-dss", "sk-ssh-ed25519@openssh.com")


def blob(*parts: bytes) -> str:
    return base64.b64encode(b"".join(len(p).to_bytes(4, "big") + p for p in parts)).decode()


@given(st.sampled_from(KINDS), st.lists(st.binary(max_size=40), max_size=4))
def test_no_damage_to_a_key_costs_another_one(kind: str, parts: list[bytes]) -> None:
    damaged = f"{kind} {blob(kind.encode(), *parts)}"
    assert keys_of([damaged, line(GOOD)])[-1] == GOOD


@pytest.mark.parametrize(
    "damaged",
    ["", "ssh-ed25519", "ssh-ed25519 AAAA...", f"ssh-ed25519 {blob(b'ssh-ed25519', b'short')}",
     "SHA256:abc", f"ssh-rsa {blob(b'ssh-rsa', bytes(70_000), bytes(70_000))}"],
)  # fmt: skip
def test_what_is_no_key_pins_nothing(damaged: str) -> None:
    assert keys_of([damaged]) == ()


@pytest.mark.parametrize(
    ("names", "name", "known"),
    [
        ("bastion", "bastion", True),
        ("other,bastion", "bastion", True),
        ("*.example.net", "jump.example.net", True),
        ("*.example.net,!jump.example.net", "jump.example.net", False),
        ("[bastion]:2222", "[bastion]:2222", True),
        ("[bastion]:2222", "bastion", False),
        (paramiko.HostKeys.hash_host("bastion", SALT), "bastion", True),
        (paramiko.HostKeys.hash_host("bastion", SALT), "bastio", False),
    ],
)
def test_names_in_known_hosts_mean_what_they_mean_to_ssh(
    tmp_path: Path, names: str, name: str, known: bool
) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"# mine\n\nrubbish\n{names} {line(GOOD)} a comment\n")
    assert (known_in((str(tmp_path / "missing"), str(file)), (name,)) == (GOOD,)) is known


def test_a_revoked_key_is_no_known_one_and_an_authority_is_no_key(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"bastion {line(GOOD)}\n@revoked * {line(GOOD)}\n")
    assert known_in((str(file),), ("bastion",)) == ()
    file.write_text(f"@cert-authority * {line(GOOD)}\n")
    assert known_in((str(file),), ("bastion",)) == ()
