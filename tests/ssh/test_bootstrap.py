"""First contact with a host that has only sshd and sh."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from fleet.base.exitcodes import ExitCode
from lab.machines import Machine
from tests.ssh.conftest import Done, MirrorGuard, Site
from tests.ssh.controllers import exists, restart_sshd, wait_for

pytestmark = pytest.mark.ssh

PASSWORD = "first-contact-only"

HOSTS = """\
# our rigs
hosts:
  # the one at home
  other:   # keep this comment
    address: 192.0.2.7
    user: root
"""


@pytest.fixture
def fresh(machine: Machine) -> Machine:
    """Return the machine as a person gets it: a root password, no Python, no rule of ours."""
    machine.run("userdel -rf b70fleet; rm -f /etc/sudoers.d/b70fleet", check=False)
    machine.run(f"echo root:{PASSWORD} | chpasswd; echo rig:{PASSWORD} | chpasswd")
    machine.write(
        "/etc/ssh/sshd_config.d/test.conf", "PermitRootLogin yes\nPasswordAuthentication yes\n"
    )
    machine.run("rm -f /usr/bin/python3*")
    restart_sshd(machine)
    return machine


@pytest.fixture
def home(tmp_path: Path, guard: MirrorGuard) -> Site:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "hosts.yaml").write_text(HOSTS)
    return Site(tmp_path / "fleet", tmp_path / "state", guard)


def fingerprint(machine: Machine) -> str:
    done = machine.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
    return done.stdout.split()[1]


def meet(home: Site, machine: Machine, *more: str, stdin: str = "") -> Done:
    key = str(machine.key)
    return home.b70(
        "bootstrap", "rig-a", "--address", machine.address, "--key", key, *more, stdin=stdin
    )


def test_a_password_and_a_fingerprint_are_enough(home: Site, fresh: Machine) -> None:
    done = meet(home, fresh, "--ask-pass", "--host-key", fingerprint(fresh), stdin=f"{PASSWORD}\n")
    assert done.status == ExitCode.CLEAN, done.err
    assert "Debian" in done.out
    assert "cards     none" in done.out
    text = (home.folder / "hosts.yaml").read_text()
    assert text.startswith(HOSTS), "what a person wrote is untouched"
    record = yaml.safe_load(text)["hosts"]["rig-a"]
    assert record["identity"]["machine_id"] == fresh.machine_id
    assert record["identity"]["host_keys"] == [fresh.host_key]
    assert record["user"] == "b70fleet"
    assert fresh.run("visudo -c").returncode == 0
    assert fresh.run("stat -c %a /etc/sudoers.d/b70fleet").stdout.strip() == "440"
    assert PASSWORD not in done.out + done.err + text
    assert home.b70("facts", "rig-a", "os").status == ExitCode.CLEAN, "the new login works"
    (run,) = json.loads(home.b70("history", "--json").out)["runs"]
    assert (run["command"], run["hosts"]) == ("bootstrap", {"rig-a": "done"})


def test_a_declared_host_is_pinned_and_shows_its_cards_and_links(
    home: Site, fresh: Machine
) -> None:
    hosts = home.folder / "hosts.yaml"
    hosts.write_text(
        f"{HOSTS}  rig-a:\n    kind: lab\n    address: {fresh.address}\n    user: b70fleet\n"
        f"    key: {fresh.key}\n    probe_root: /var/lib/b70lab-probe\n"
    )
    done = home.b70("bootstrap", "rig-a", "--login", "rig", "--host-key", fingerprint(fresh))
    assert done.status == ExitCode.CLEAN, done.err
    assert done.out.count("Gen5 x16 (ok)") == 4
    record = yaml.safe_load(hosts.read_text())["hosts"]["rig-a"]
    assert record["identity"]["dmi_serial"]
    assert record["identity"]["host_keys"] == [fresh.host_key]


def test_a_second_bootstrap_needs_a_word_and_adds_nothing(home: Site, fresh: Machine) -> None:
    first = meet(home, fresh, "--login", "rig", "--host-key", fingerprint(fresh))
    assert first.status == ExitCode.CLEAN, first.err
    text = (home.folder / "hosts.yaml").read_text()
    refused = home.b70("bootstrap", "rig-a")
    assert refused.status == ExitCode.REFUSED
    assert "--rekey" in refused.err
    keys = fresh.read("/home/b70fleet/.ssh/authorized_keys")
    again = home.b70(
        "bootstrap", "rig-a", "--rekey", "--login", "rig", "--key", str(fresh.key),
        "--host-key", fingerprint(fresh),
    )  # fmt: skip
    assert again.status == ExitCode.CLEAN, again.err
    assert fresh.read("/home/b70fleet/.ssh/authorized_keys") == keys
    assert (home.folder / "hosts.yaml").read_text() == text


def test_another_fingerprint_is_refused_before_anything_is_sent(home: Site, fresh: Machine) -> None:
    done = meet(home, fresh, "--login", "rig", "--host-key", f"SHA256:{'A' * 43}")
    assert done.status == ExitCode.REFUSED
    assert fingerprint(fresh) in done.err
    assert "A" * 43 in done.err
    assert (home.folder / "hosts.yaml").read_text() == HOSTS
    assert fresh.run("id b70fleet", check=False).returncode != 0


def test_without_a_fingerprint_somebody_must_confirm(home: Site, fresh: Machine) -> None:
    silent = home.b70(
        "--no-input", "bootstrap", "rig-a", "--address", fresh.address,
        "--login", "rig", "--key", str(fresh.key),
    )  # fmt: skip
    assert silent.status == ExitCode.REFUSED
    assert fingerprint(fresh) in silent.err
    said_no = meet(home, fresh, "--login", "rig", stdin="n\n")
    assert said_no.status == ExitCode.REFUSED
    said_yes = meet(home, fresh, "--login", "rig", stdin="y\n")
    assert said_yes.status == ExitCode.CLEAN, said_yes.err


def test_a_sudo_password_is_answered_where_sudo_asks(home: Site, fresh: Machine) -> None:
    rule = fresh.run("grep -rlE '^rig ' /etc/sudoers.d /etc/sudoers").stdout.split()[0]
    fresh.run(f"sed -i 's/NOPASSWD://' {rule}")
    try:
        without = meet(home, fresh, "--login", "rig", "--host-key", fingerprint(fresh))
        done = meet(
            home, fresh, "--login", "rig", "--ask-sudo-pass", "--host-key", fingerprint(fresh),
            stdin=f"{PASSWORD}\n",
        )  # fmt: skip
    finally:
        fresh.run(f"sed -i 's/ALL *$/NOPASSWD:ALL/' {rule}")
    assert without.status == ExitCode.REFUSED
    assert "--ask-sudo-pass" in without.err
    assert done.status == ExitCode.CLEAN, done.err
    assert PASSWORD not in done.out + done.err


def _is_asked(machine: Machine, times: int) -> bool:
    """Return whether the drop-in was shown to visudo so often."""
    return machine.run("grep -c '' /run/asked", check=False).stdout == f"{times}\n"


def test_a_bootstrap_that_is_killed_or_interrupted_half_way_is_finished_by_the_same_command(
    home: Site, fresh: Machine
) -> None:
    visudo = fresh.run("command -v visudo").stdout.strip()
    waits = "#!/bin/sh\necho >>/run/asked\nwhile [ ! -e /run/go ]; do sleep 0.1; done\nexec "
    fresh.write(f"{visudo}.new", f'{waits} {visudo}.old "$@"\n')
    fresh.run(f"mv {visudo} {visudo}.old; mv {visudo}.new {visudo}; chmod 755 {visudo}")
    words = [
        "bootstrap", "rig-a", "--address", fresh.address, "--key", str(fresh.key),
        "--login", "rig", "--host-key", fingerprint(fresh),
    ]  # fmt: skip
    try:
        for asked, how in enumerate((signal.SIGKILL, signal.SIGINT), start=1):
            process = subprocess.Popen(
                home.command(*words), env=home.env(), stderr=subprocess.PIPE, text=True
            )
            wait_for(partial(_is_asked, fresh, asked), "the account is being made")
            process.send_signal(how)
            _, err = process.communicate(timeout=60)
        assert process.returncode == ExitCode.INTERRUPTED
        assert "interrupted while the account was made" in err
        assert f"b70 -i {home.folder} bootstrap rig-a " in err
        assert not exists(fresh, "/etc/sudoers.d/b70fleet")
        told = [run["state"] for run in json.loads(home.b70("history", "--json").out)["runs"]]
        assert told == ["finished", "interrupted"]
        fresh.run("touch /run/go")
        assert home.b70(*words).status == ExitCode.CLEAN
    finally:
        fresh.run(f"touch /run/go; mv {visudo}.old {visudo}")
    assert fresh.run("grep -c . /home/b70fleet/.ssh/authorized_keys").stdout == "1\n"
    assert fresh.run("ls -A /etc/sudoers.d").stdout.count("b70fleet") == 1


@pytest.fixture
def strict(fresh: Machine) -> Iterator[Machine]:
    """Return the machine; what a test told its sshd and sudo is gone afterwards."""
    sudoers = fresh.read("/etc/sudoers")
    yield fresh
    fresh.write("/etc/sudoers", sudoers)
    fresh.run("chmod 0440 /etc/sudoers; rm -rf /etc/ssh/sshd_config.d/strict.conf /etc/ssh/keys")
    fresh.write("/etc/default/ssh", "SSHD_OPTS=\n")
    restart_sshd(fresh)


@pytest.mark.parametrize("where", ["drop-in", "option of the daemon"])
def test_an_account_that_sshd_keeps_out_is_not_made(
    home: Site, strict: Machine, where: str
) -> None:
    if where == "drop-in":
        strict.write("/etc/ssh/sshd_config.d/strict.conf", "AllowUsers root rig\n")
    else:
        strict.write("/etc/default/ssh", "SSHD_OPTS=-oAllowUsers=r*\n")
    restart_sshd(strict)
    done = meet(home, strict, "--login", "rig", "--host-key", fingerprint(strict))
    assert done.status == ExitCode.REFUSED, done.err
    assert "AllowUsers r" in done.err
    assert strict.run("id b70fleet", check=False).returncode != 0
    assert not exists(strict, "/etc/sudoers.d/b70fleet")
    again = meet(home, strict, "--login", "rig", "--host-key", fingerprint(strict), "--user", "rig")
    assert again.status == ExitCode.CLEAN, "the next step that was shown works"


def test_a_key_goes_where_sshd_reads_it_and_no_account_is_locked_without_pam(
    home: Site, strict: Machine
) -> None:
    strict.write(
        "/etc/ssh/sshd_config.d/strict.conf",
        "UsePAM no\nMatch User b70fleet\n  AuthorizedKeysFile /etc/ssh/keys/%u\n",
    )
    restart_sshd(strict)
    done = meet(home, strict, "--login", "rig", "--host-key", fingerprint(strict))
    assert done.status == ExitCode.CLEAN, done.err
    assert strict.run("stat -c %a:%U /etc/ssh/keys/b70fleet").stdout == "644:root\n"


def test_a_login_that_is_not_enough_is_taken_back_from_the_host(
    home: Site, strict: Machine
) -> None:
    before = strict.run("cat /etc/passwd /etc/group; ls /home /etc/sudoers.d").stdout
    strict.run("sed -i 's/^@includedir/#includes no more/' /etc/sudoers")
    done = meet(
        home, strict, "--ask-pass", "--host-key", fingerprint(strict), stdin=f"{PASSWORD}\n"
    )
    assert done.status == ExitCode.REFUSED
    assert "sudo asks b70fleet for a password" in done.err
    assert "taken back" in done.err
    assert strict.run("cat /etc/passwd /etc/group; ls /home /etc/sudoers.d").stdout == before
    assert (home.folder / "hosts.yaml").read_text() == HOSTS
    assert "refused" in home.b70("history", "--host", "rig-a").out
