"""The way in, over real SSH: what is offered, which machine answers, and what a refusal says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest
from pyinfra.connectors.sshuserclient import client as ssh_client

from fleet.base.errors import FleetError
from fleet.base.exitcodes import ExitCode
from fleet.host.hostkeys import fingerprint, line
from fleet.host.shell import Shell
from fleet.host.ssh import KEPT_BYTES, SshSession
from tests.sshd import Sshd

PASSPHRASE = "open sesame"
#: Passes bytes between its standard streams and an address.
RELAY = """\
import os, socket, sys, threading
wire = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while chunk := os.read(0, 4096):
        wire.sendall(chunk)
threading.Thread(target=up, daemon=True).start()
while chunk := wire.recv(4096):
    os.write(1, chunk)
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home with no agent: nothing of the person who runs the tests counts."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir(mode=0o700)
    ssh_client.get_ssh_config.cache.clear()
    return tmp_path


def new_key(path: Path, *words: str, passphrase: str = "") -> paramiko.PKey:
    """Make a key with ssh-keygen; returns its public half."""
    kind = words or ("-t", "ed25519")
    command = ["ssh-keygen", "-q", *kind, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return public(path)


def public(path: Path) -> paramiko.PKey:
    kind, text = Path(f"{path}.pub").read_text().split()[:2]
    entry = paramiko.hostkeys.HostKeyEntry.from_line(f"x {kind} {text}")
    assert entry is not None
    return entry.key


@pytest.fixture
def key(home: Path) -> Path:
    """Return a private key that the server lets in."""
    new_key(home / "id")
    return home / "id"


@pytest.fixture
def sshd(key: Path) -> Iterator[Sshd]:
    server = Sshd([paramiko.Ed25519Key.from_private_key_file(str(key))], [public(key)])
    server.keys = [host_key()]
    with server.running():
        yield server


def host_key(bits: int = 256) -> paramiko.PKey:
    return paramiko.ECDSAKey.generate(bits=bits)


def data(server: Sshd, **more: object) -> dict[str, object]:
    """Return what a host behind this server carries; None takes a value away."""
    given: dict[str, object] = {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": server.port,
        "ssh_user": "rig",
        "host_keys": [line(key) for key in server.keys],
        **more,
    }
    return {name: value for name, value in given.items() if value is not None}


def said(given: dict[str, object], program: str = "echo in") -> str:
    """Return what a program prints there."""
    session = SshSession("rig-a", given, Shell())
    try:
        session.connect(5)
        return session.run(program, deadline_s=20).stdout.decode().strip()
    finally:
        session.close()


def refused(given: dict[str, object]) -> FleetError:
    """Return why there is no way in."""
    with pytest.raises(FleetError) as caught:
        said(given)
    return caught.value


@pytest.fixture
def agent(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Start an SSH agent; returns what gives it a key."""
    path = home / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # it prints where it listens, once it does
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    ask = home / "ask"
    ask.write_text(f"#!/bin/sh\necho '{PASSPHRASE}'\n")
    ask.chmod(0o700)
    environ = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}

    def add(key: Path) -> None:
        subprocess.run(["ssh-add", "-q", str(key)], env=environ, check=True, timeout=60)

    yield add
    process.terminate()
    process.wait(10)
    process.stdout.close()


# --- keys


def test_the_key_of_the_inventory_is_the_only_one_that_is_offered(sshd: Sshd, key: Path) -> None:
    assert said(data(sshd, ssh_key=str(key))) == "in"
    assert sshd.tried == ["rig ssh-ed25519"]


@pytest.mark.parametrize(
    "words", [("-t", "ed25519"), ("-t", "rsa", "-b", "2048", "-m", "PEM"), ("-t", "ecdsa")]
)
def test_of_a_key_with_a_passphrase_the_agents_copy_is_used(
    sshd: Sshd, home: Path, agent: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    sshd.authorized.append(new_key(home / "locked", *words, passphrase=PASSPHRASE))
    locked = data(sshd, ssh_key=str(home / "locked"))
    error = refused(locked)
    assert (error.id, error.exit_code) == ("key-locked", ExitCode.REFUSED)
    assert error.message == (
        f"rig-a: the key {home}/locked has a passphrase, and the SSH agent does not hold it"
    )
    assert error.hint == f"ssh-add {home}/locked"
    agent(home / "locked")
    assert said(locked) == "in"


@pytest.mark.parametrize("left_over", [False, True])
def test_without_an_agent_the_next_step_starts_one(
    sshd: Sshd, home: Path, monkeypatch: pytest.MonkeyPatch, left_over: bool
) -> None:
    if left_over:  # the variable outlives the agent
        monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "gone"))
    new_key(home / "locked", passphrase=PASSPHRASE)
    error = refused(data(sshd, ssh_key=str(home / "locked")))
    assert "there is no SSH agent" in error.message
    assert error.hint == f'eval "$(ssh-agent)"; ssh-add {home}/locked'
    assert sshd.tried == []


@pytest.mark.parametrize(
    ("content", "why", "remedy"),
    [
        (None, "is not there", "correct key:"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me", "is a public key", "without .pub"),
        ("PuTTY-User-Key-File-3: ssh-ed25519", "is a key of PuTTY", "puttygen"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n", "is damaged", "ssh-keygen -y -f"),
        ("hello\n", "is no private key", "file "),
    ],
)
def test_a_file_that_is_no_private_key_is_refused_before_a_connection(
    sshd: Sshd, home: Path, content: str | None, why: str, remedy: str
) -> None:
    if content is not None:
        (home / "other").write_text(content)
    error = refused(data(sshd, ssh_key=str(home / "other")))
    assert (error.id, error.exit_code) == ("key-unusable", ExitCode.REFUSED)
    assert error.message == f"rig-a: the key {home}/other {why}" or why in error.message
    assert remedy in error.hint
    assert sshd.tried == []


def test_a_refused_login_names_account_address_and_key(sshd: Sshd, home: Path) -> None:
    new_key(home / "other")
    sshd.banner = "Authorised use only\n"
    error = refused(data(sshd, ssh_key=str(home / "other")))
    assert (error.id, error.exit_code) == ("login-refused", ExitCode.UNREACHABLE)
    assert error.message == (
        f"rig-a: login refused for rig at 127.0.0.1 port {sshd.port}, with the key {home}/other; "
        "it says: Authorised use only"
    )
    assert error.hint.startswith(f"ssh -p {sshd.port} -i {home}/other rig@127.0.0.1 -v true")
    assert "b70 bootstrap rig-a --login USER" in error.hint


def test_a_server_that_hangs_up_over_many_keys_leads_to_the_one_key(
    sshd: Sshd, home: Path, agent: Callable[[Path], None]
) -> None:
    sshd.attempts = 2
    for number in range(4):
        new_key(home / f"k{number}")
        agent(home / f"k{number}")
    error = refused(data(sshd))
    assert "hung up before all keys were offered: the agent's key k0" in error.message
    assert "and 1 more" in error.message
    assert error.hint.startswith("declare the one key: FILE")


def test_nothing_to_offer_is_said_before_the_host_is_blamed(sshd: Sshd, home: Path) -> None:
    new_key(home / ".ssh" / "id_ed25519", passphrase=PASSPHRASE)
    error = refused(data(sshd))
    assert "there is no key to offer for rig at 127.0.0.1" in error.message
    assert ".ssh/id_ed25519 has a passphrase" in error.message
    assert error.hint == f"ssh-add {home}/.ssh/id_ed25519; or declare key: FILE"


def test_a_password_that_was_typed_is_the_only_thing_that_is_offered(
    sshd: Sshd, home: Path, agent: Callable[[Path], None]
) -> None:
    new_key(home / "k0")
    agent(home / "k0")
    sshd.password = "typed"
    assert said(data(sshd, ssh_password="typed")) == "in"
    error = refused(data(sshd, ssh_password="mistyped"))
    assert "with a password" in error.message
    assert "mistyped" not in error.message + error.hint
    assert sshd.tried == ["rig password"] * 2


def test_a_second_proof_is_named_and_not_waited_for(sshd: Sshd, key: Path) -> None:
    sshd.second = True
    error = refused(data(sshd, ssh_key=str(key)))
    assert "asks for a second proof" in error.message


# --- ssh_config


def write_config(home: Path, text: str) -> None:
    (home / ".ssh" / "config").write_text(text)


def test_port_user_and_key_of_ssh_config_count_where_none_is_declared(
    sshd: Sshd, home: Path, key: Path
) -> None:
    write_config(
        home,
        f"Include more\nHost rig-*\n  HostName 127.0.0.1\n  User admin\n  IdentityFile {key}\n",
    )
    (home / ".ssh" / "more").write_text(f"Host rig-inner\n  Port {sshd.port}\n")
    from_config = {"ssh_port": None, "ssh_user": None, "ssh_hostname": "rig-inner"}
    assert said(data(sshd, **from_config)) == "in"
    assert sshd.tried == ["admin ssh-ed25519"]
    # what the inventory declares goes before it
    write_config(home, f"Host *\n  Port 9\n  User nobody\n  IdentityFile {key}\n")
    ssh_client.get_ssh_config.cache.clear()
    assert said(data(sshd)) == "in"
    assert sshd.tried[1:] == ["rig ssh-ed25519"]


def test_match_and_identities_only_are_understood(
    sshd: Sshd, home: Path, key: Path, agent: Callable[[Path], None]
) -> None:
    new_key(home / "k0")
    agent(home / "k0")
    write_config(home, f"Match host 127.0.0.1\n  IdentitiesOnly yes\n  IdentityFile {home}/k0\n")
    error = refused(data(sshd))
    assert sshd.tried == ["rig ssh-ed25519"]
    assert f"with the key {home}/k0" in error.message


def test_another_agent_of_ssh_config_is_asked_and_none_is_none(
    sshd: Sshd, home: Path, key: Path, agent: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    agent(key)
    monkeypatch.delenv("SSH_AUTH_SOCK")
    write_config(home, "Host *\n  IdentityAgent ~/agent\n")
    assert said(data(sshd)) == "in"
    write_config(home, "Host *\n  IdentityAgent none\n")
    ssh_client.get_ssh_config.cache.clear()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "agent"))
    assert "no key to offer" in refused(data(sshd)).message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Host *\n  Port many\n", "a port in it is no number"),
        ("nonsense\n", "not understood"),
        (
            "Host 127.*\n  ProxyJump a\nHost a\n  ProxyJump b\nHost b\n  ProxyJump a\n",
            "in a circle",
        ),
    ],
)
def test_an_ssh_config_that_cannot_be_used_is_named(
    sshd: Sshd, home: Path, text: str, why: str
) -> None:
    write_config(home, text)
    error = refused(data(sshd))
    assert (error.id, error.exit_code) == ("ssh-config", ExitCode.REFUSED)
    assert why in error.message


# --- host keys


def test_another_host_key_is_refused_with_both_fingerprints(sshd: Sshd, key: Path) -> None:
    pinned = host_key()
    error = refused(data(sshd, ssh_key=str(key), host_keys=[line(pinned)]))
    assert error.id == "host-key-changed"
    assert fingerprint(sshd.keys[0]) in error.message
    assert fingerprint(pinned) in error.message
    assert sshd.tried == [], "nobody logs in to a machine that is another"


def test_a_host_without_a_pin_is_refused_with_the_key_that_it_shows(sshd: Sshd, key: Path) -> None:
    error = refused(data(sshd, ssh_key=str(key), host_keys=[]))
    assert error.id == "host-key-not-pinned"
    assert fingerprint(sshd.keys[0]) in error.message


@pytest.mark.parametrize("bits", [384, 521])
def test_of_several_keys_a_server_is_asked_for_the_pinned_one(
    sshd: Sshd, key: Path, bits: int
) -> None:
    pinned = host_key(bits)
    sshd.keys += [paramiko.RSAKey.generate(2048), pinned]
    assert said(data(sshd, ssh_key=str(key), host_keys=[line(pinned)])) == "in"


def test_a_pinned_rsa_key_is_found_beside_others(sshd: Sshd, key: Path) -> None:
    pinned = paramiko.RSAKey.generate(2048)
    sshd.keys.append(pinned)
    assert said(data(sshd, ssh_key=str(key), host_keys=["rubbish", line(pinned)])) == "in"


# --- jump hosts


@pytest.fixture
def bastion(key: Path) -> Iterator[Sshd]:
    with Sshd([host_key()], [public(key)], forwards=True).running() as server:
        yield server


def through(home: Path, sshd: Sshd, *bastions: Sshd) -> dict[str, object]:
    """Return a host that is reached through jump hosts named hop0, hop1 and so on."""
    hops = [f"hop{number}" for number in range(len(bastions))]
    text = "".join(
        f"Host {hop}\n  HostName 127.0.0.1\n  Port {server.port}\n  User jumper\n"
        for hop, server in zip(hops, bastions, strict=True)
    )
    text += f"Host 127.0.0.1\n  ProxyJump {','.join(hops)}\nHost *\n  IdentityFile {home}/id\n"
    write_config(home, text)
    return data(sshd)


def pins(home: Path, *pinned: tuple[str, paramiko.PKey]) -> str:
    """Write what hostdata writes: the pins of the fleet and of its jump hosts."""
    (home / "pins").write_text("".join(f"{name} {line(key)}\n" for name, key in pinned))
    return str(home / "pins")


def test_a_jump_host_that_nobody_pinned_is_refused_by_its_name_and_key(
    sshd: Sshd, bastion: Sshd, home: Path
) -> None:
    error = refused(through(home, sshd, bastion))
    assert (error.id, error.exit_code) == ("jump-host-not-pinned", ExitCode.REFUSED)
    assert f"its jump host hop0 ([127.0.0.1]:{bastion.port}) is not pinned" in error.message
    assert fingerprint(bastion.keys[0]) in error.message
    assert f'jump_host_keys: {{hop0: ["{line(bastion.keys[0])}"]}}' in error.hint
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ecdsa_key.pub" in error.hint
    assert "--rekey" not in error.hint
    assert bastion.tried == []


def test_a_declared_key_lets_through_a_jump_host(sshd: Sshd, bastion: Sshd, home: Path) -> None:
    given = through(home, sshd, bastion)
    given["ssh_known_hosts_file"] = pins(home, ("hop0", bastion.keys[0]))
    assert said(given) == "in"
    assert (bastion.tried, sshd.tried) == (["jumper ssh-ed25519"], ["rig ssh-ed25519"])


def test_a_jump_host_with_another_key_is_blamed_and_never_the_host(
    sshd: Sshd, bastion: Sshd, home: Path
) -> None:
    given = through(home, sshd, bastion)
    given["ssh_known_hosts_file"] = pins(home, ("hop0", host_key()))
    error = refused(given)
    assert (error.id, error.exit_code) == ("jump-host-key-changed", ExitCode.REFUSED)
    assert "its jump host hop0" in error.message
    assert "--rekey" not in error.hint
    assert bastion.tried == []


@pytest.mark.parametrize("hashed", [False, True])
def test_what_a_persons_own_ssh_knows_counts_for_a_jump_host(
    sshd: Sshd, bastion: Sshd, home: Path, hashed: bool
) -> None:
    given = through(home, sshd, bastion)
    name = f"[127.0.0.1]:{bastion.port}"
    known = home / ".ssh" / "known_hosts"
    known.write_text(f"{name} {line(bastion.keys[0])}\n")
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
        assert name not in known.read_text()
    known.write_text(f"broken line\n{known.read_text()}")
    assert said(given) == "in"
    known.write_text(f"{name} {line(host_key())}\n")
    error = refused(given)
    assert error.id == "jump-host-key-changed"
    assert f"ssh-keygen -R '[hop0]:{bastion.port}' -f {known}" in error.hint
    known.write_text(f"@revoked {name} {line(bastion.keys[0])}\n")
    assert refused(given).id == "jump-host-not-pinned"


def test_two_jump_hosts_are_passed_in_their_order(
    sshd: Sshd, bastion: Sshd, home: Path, key: Path
) -> None:
    with Sshd([host_key()], [public(key)], forwards=True).running() as second:
        given = through(home, sshd, bastion, second)
        given["ssh_known_hosts_file"] = pins(
            home, ("hop0", bastion.keys[0]), ("hop1", second.keys[0])
        )
        assert said(given) == "in"
        assert (len(bastion.tried), len(second.tried)) == (1, 1)


def test_a_jump_host_that_lets_nobody_in_or_through_is_named(
    sshd: Sshd, bastion: Sshd, home: Path
) -> None:
    given = through(home, sshd, bastion)
    given["ssh_known_hosts_file"] = pins(home, ("hop0", bastion.keys[0]))
    bastion.forwards = False
    error = refused(given)
    assert "the jump host hop0 does not pass connections on" in error.message
    assert "allowtcpforwarding" in error.hint
    bastion.forwards = True
    error = refused({**given, "ssh_port": 1})
    assert "the jump host hop0 cannot reach 127.0.0.1 port 1" in error.message
    bastion.authorized.clear()
    error = refused(given)
    assert "login refused for jumper at hop0 = 127.0.0.1" in error.message


def test_a_proxy_jump_of_none_is_none(sshd: Sshd, home: Path, key: Path) -> None:
    write_config(home, f"Host *\n  ProxyJump none\n  IdentityFile {key}\n")
    assert said(data(sshd)) == "in"


def test_a_proxy_command_is_spoken_through(sshd: Sshd, home: Path, key: Path) -> None:
    (home / "relay.py").write_text(RELAY)
    write_config(
        home,
        f"Host *\n  ProxyCommand python3 {home}/relay.py %h %p\n  Port {sshd.port}\n"
        f"  IdentityFile {key}\n",
    )
    assert said(data(sshd, ssh_port=None)) == "in"
    write_config(home, "Host *\n  ProxyCommand false\n")
    ssh_client.get_ssh_config.cache.clear()
    soon = {"timeout": 0.5}
    error = refused(data(sshd, ssh_key=str(key), ssh_paramiko_connect_kwargs=soon))
    assert "the ProxyCommand of ssh_config leads to no SSH: false" in error.message


# --- programs


def test_a_server_that_opens_no_session_is_named(sshd: Sshd, key: Path) -> None:
    sshd.sessions = False
    assert "opens no session" in refused(data(sshd, ssh_key=str(key))).message


def test_a_login_shell_that_runs_nothing_is_named(sshd: Sshd, key: Path, home: Path) -> None:
    nologin = home / "nologin"
    nologin.write_text("#!/bin/sh\necho 'This account is currently not available.'\nexit 1\n")
    nologin.chmod(0o755)
    sshd.shell = (str(nologin),)
    error = refused(data(sshd, ssh_key=str(key)))
    assert error.message == "rig-a: the login shell of rig runs nothing"


def test_what_a_login_shell_floods_is_dropped_here(sshd: Sshd, key: Path, home: Path) -> None:
    flood = home / "flood"
    flood.write_text(f'#!/bin/sh\nsh "$@"\nhead -c {2 * KEPT_BYTES} /dev/zero\n')
    flood.chmod(0o755)
    sshd.shell = (str(flood),)
    session = SshSession("rig-a", data(sshd, ssh_key=str(key)), Shell())
    session.connect()
    output = session.run("echo in", deadline_s=30)
    session.close()
    assert output.stdout.startswith(b"in\n")
    assert len(output.stdout) < KEPT_BYTES + 100
    assert b"bytes dropped]" in output.stdout[-60:]
