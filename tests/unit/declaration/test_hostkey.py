"""A pin is accepted only in a form that the SSH client reads back, so no pin costs another one."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko import HostKeys
from pydantic import ValidationError

from declaration.host import Connection, HostSpec, Identity
from declaration.hostkey import TYPES
from fleet.config import load
from fleet.run.hostdata import known_hosts
from tests.unit.fleet.config.config_cases import problems, write

OURS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEV4YW1wbGVLZXlPZlR1cmluMDAwMDAwMDAwMDAwMDAw"
BLOB = OURS.split()[1]
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEFub3RoZXJLZXlPZlR1cmluMTExMTExMTExMTExMTEx"


def pinned(*lines: str) -> Identity:
    return Identity(host_keys=lines)


def wire(*fields: bytes) -> str:
    return base64.b64encode(b"".join(len(f).to_bytes(4, "big") + f for f in fields)).decode()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return one real line of each type that ssh-keygen makes."""
    folder = tmp_path_factory.mktemp("keys")
    lines = []
    for kind, bits in (
        ("ed25519", 0),
        ("rsa", 1024),
        ("ecdsa", 256),
        ("ecdsa", 384),
        ("ecdsa", 521),
    ):
        size = ["-b", str(bits)] if bits else []
        file = folder / f"{kind}{bits}"
        command = ["ssh-keygen", "-q", "-N", "", "-C", "a rig", "-t", kind, *size, "-f", str(file)]
        subprocess.run(command, check=True, timeout=60)
        lines.append(file.with_suffix(".pub").read_text().strip())
    return lines


def test_each_type_that_the_client_reads_back_can_be_pinned(
    made: list[str], tmp_path: Path
) -> None:
    assert [line.split()[0] for line in made] == [*TYPES]
    spec = HostSpec(name="a", connection=Connection(address="x"), identity=pinned(*made))
    file = tmp_path / "known_hosts"
    file.write_text(known_hosts([spec]))
    found = HostKeys(str(file)).lookup("x")
    assert found is not None
    assert sorted(found) == sorted(TYPES)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"192.0.2.9 {OURS}", "'192.0.2.9' stands before the key type"),
        (f"[192.0.2.9]:2222 {OURS}", "stands before the key type"),
        (f"|1|c2FsdA==|aGFzaA== {OURS}", "stands before the key type"),
        (f'restrict,command="x" {OURS}', "stands before the key type"),
        (f"@cert-authority *.example.net {OURS}", "markers of known_hosts are not supported"),
        ("ssh-ed25519", "ssh-ed25519 alone is no key"),
        ("ssh-ed25519 AAAA...", "is not the base64 text of a key"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI...", "is not the base64 text of a key"),
        (OURS[:-1], "is not the base64 text of a key"),
        (OURS[:-4], "the key is cut off: copy the whole line"),
        (OURS.replace("IEV4", "I\u0415V4"), "is not the base64 text of a key"),
        (f"ssh-ed25519 {wire(b'ssh-ed25519', bytes(31))}", "it was cut or changed"),
        (f"ssh-ed25519 {wire(b'ssh-ed25519', bytes(32), b'x')}", "it was cut or changed"),
        (f"ssh-rsa {BLOB}", "the key in it is of another type ('ssh-ed25519')"),
        (f"ssh-rsa {wire(b'ssh-rsa', bytes([3]), bytes([127]))}", "it was cut or changed"),
        (f"ssh-rsa {wire(b'ssh-rsa', bytes([3]))}", "it was cut or changed"),
        (
            f"ecdsa-sha2-nistp256 {wire(b'ecdsa-sha2-nistp256', b'nistp384', bytes(65))}",
            "it was cut or changed",
        ),
        ("SHA256:EmYEot6reVCLOHECJ3A8tjAP4jaEKOBHgjAwZChAS9U", "is a fingerprint"),
        ("256 SHA256:EmYEot6reVCLOHECJ3A8tjAP4jaEKO root@a (ED25519)", "'SHA256:EmYEot6reVCL"),
        ("ssh-dss AAAAB3NzaC1kc3M=", "'ssh-dss' is no key type that can be pinned"),
        ("sk-ssh-ed25519@openssh.com AAAA", "is no key type that can be pinned"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "take the line of the .pub file"),
        (f"{OURS}\n{OTHER}", "expected one OpenSSH public key line"),
        ("", "expected one OpenSSH public key line"),
    ],
)
def test_a_host_key_that_the_client_cannot_read_is_refused(line: str, said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        pinned(line)
    assert said in str(raised.value)


def integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


@st.composite
def plausible(draw: st.DrawFn) -> str:
    """Return a line of the right shape whose numbers nobody made: off the curve, not two primes."""
    kind = draw(st.sampled_from(TYPES))
    name, curve = kind.encode(), kind.rpartition("-")[2]
    if kind == "ssh-ed25519":
        return f"{kind} {wire(name, draw(st.binary(min_size=32, max_size=32)))}"
    if kind == "ssh-rsa":
        exponent = draw(st.integers(1, 2**40))
        modulus = draw(st.integers(2**500, 2**2100))
        return f"{kind} {wire(name, integer(exponent), integer(modulus))}"
    size = {"nistp256": 64, "nistp384": 96, "nistp521": 132}[curve]
    point = draw(st.binary(min_size=size, max_size=size))
    return f"{kind} {wire(name, curve.encode(), bytes([4]) + point)}"


@given(plausible())
def test_whatever_is_accepted_leaves_the_pin_behind_it_in_force(
    tmp_path_factory: pytest.TempPathFactory, line: str
) -> None:
    try:
        odd = pinned(line)
    except ValidationError:
        odd = Identity()
    hosts = [
        HostSpec(name="a", connection=Connection(address="x"), identity=odd),
        HostSpec(name="b", connection=Connection(address="y"), identity=pinned(OURS)),
    ]
    file = tmp_path_factory.getbasetemp() / "known_hosts"
    file.write_text(known_hosts(hosts))
    assert HostKeys(str(file)).lookup("y") is not None


def test_a_bad_pin_is_named_with_its_line_and_costs_no_other_host_its_own(bare: Path) -> None:
    hosts = (
        f"hosts:\n  a: {{address: x, identity: {{host_keys: [{OTHER}]}}}}\n"
        f"  b:\n    address: y\n    identity: {{host_keys: [{OURS}]}}\n"
    )
    said = problems(bare, hosts.replace(OTHER, f"x {OTHER}"))
    assert len(said) == 1
    assert said[0].startswith("hosts.yaml:2:42: a.identity.host_keys.0: 'x' stands before")
    fleet = load(write(bare, {"hosts.yaml": hosts}))
    assert f"y {OURS}\n" in known_hosts(fleet.hosts.values())
