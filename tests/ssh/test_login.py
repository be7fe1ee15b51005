"""Logins that are not as they should be, on a real sshd with a real sudo: each works as it is, or
is named for what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from fleet.base.exitcodes import ExitCode
from lab.machines import Machine
from tests.ssh.conftest import Site
from tests.ssh.controllers import restart_sshd

pytestmark = pytest.mark.ssh

PASSWORD = "once-and-only-once"
LOG = "/run/sudo.log"


@pytest.fixture(autouse=True)
def _as_it_was(site: Site, machine: Machine) -> Iterator[None]:
    """Give the machine its rule, its login and its inventory back."""
    hosts = site.folder / "hosts.yaml"
    text = hosts.read_text()
    rule = rule_of(machine)
    machine.run(f"cp -p {rule} /root/rule")
    yield
    hosts.write_text(text)
    site.environ.clear()
    machine.run(f"cp -p /root/rule {rule}; rm -f {LOG} /etc/ssh/sshd_config.d/00-test.conf")
    machine.run(
        "chage -d $(date +%F) -M -1 -E -1 rig; usermod -s /bin/bash rig; rm -f /home/rig/.bashrc"
    )


@dataclass(frozen=True)
class Told:
    """How a call ended, and all that it said, in one line."""

    status: int
    told: str


def b70(site: Site, *words: str) -> Told:
    done = site.b70(*words)
    return Told(done.status, " ".join((done.out + done.err).split()))


def next_step(told: str) -> str:
    """Return the command that a refusal gives for the host itself."""
    return (
        told.partition("next: on the host, as root: ")[2]
        .partition("   #")[0]
        .partition(" more: ")[0]
    )


def rule_of(machine: Machine) -> str:
    return machine.run("grep -rlE '^rig ' /etc/sudoers.d /etc/sudoers").stdout.split()[0]


def facts(site: Site, machine: Machine) -> Told:
    return b70(site, "unlock", machine.name, "--lock", "none", "--reason", "a program as root")


def declare(site: Site, machine: Machine, **values: object) -> None:
    path = site.folder / "hosts.yaml"
    fleet = yaml.safe_load(path.read_text())
    fleet["hosts"][machine.name].update(values)
    path.write_text(yaml.safe_dump(fleet, sort_keys=False))


def asks(machine: Machine, *more: str) -> None:
    """Let sudo ask for a password, with more lines in its rules."""
    rule = rule_of(machine)
    machine.run(f"echo rig:{PASSWORD} | chpasswd; sed -i 's/NOPASSWD://' {rule}")
    for line in (f"Defaults logfile={LOG}", *more):
        machine.run(f"echo '{line}' >>{rule}")


def test_a_wrong_sudo_password_costs_one_attempt_and_a_right_one_none(
    site: Site, machine: Machine
) -> None:
    asks(machine)
    declare(site, machine, sudo_password="env:SP")
    site.environ["SP"] = "mistaken-4711"
    planned = b70(site, "plan", "--limit", machine.name)
    assert planned.status == ExitCode.REFUSED
    assert "the password from env:SP is wrong: sudo refused it for rig" in planned.told
    log = machine.read(LOG)
    assert log.count("incorrect password attempt") == 1, log
    assert "1 incorrect password attempt" in log.replace("\n    ", " ")
    doctor = b70(site, "doctor", machine.name)
    assert doctor.status == ExitCode.REFUSED
    assert "the password from env:SP is wrong" in " ".join(doctor.told.split())
    assert "ahead" not in doctor.told, "the time that sudo takes to refuse is no wrong clock"
    assert machine.read(LOG).count("incorrect password attempt") == 2
    site.environ["SP"] = PASSWORD
    machine.run(f"rm {LOG}")
    assert b70(site, "facts", machine.name, "identity").status == ExitCode.CLEAN
    assert "incorrect" not in machine.read(LOG)
    assert PASSWORD not in planned.told + doctor.told + machine.read(LOG)


def test_a_password_works_also_where_sudo_forgets_it_at_once(site: Site, machine: Machine) -> None:
    asks(machine, "Defaults timestamp_timeout=0")
    declare(site, machine, sudo_password="env:SP")
    site.environ["SP"] = PASSWORD
    done = b70(site, "facts", machine.name, "identity")
    assert done.status == ExitCode.CLEAN, done.told
    assert "uid" in done.told


@pytest.mark.parametrize(
    ("line", "means", "remedy"),
    [
        ("Defaults requiretty", "sudo wants a terminal (requiretty)", "Defaults:rig !requiretty"),
        ("Defaults noexec", "starts another one (noexec)", "Defaults:rig !noexec"),
        ("Defaults authenticate, targetpw", "sudo asks rig for a password", "NOPASSWD"),
    ],
)
def test_what_sudo_forbids_is_named_and_its_remedy_ends_it(
    site: Site, machine: Machine, line: str, means: str, remedy: str
) -> None:
    rule = rule_of(machine)
    machine.run(f"echo '{line}' >>{rule}")
    if "authenticate" in line:
        machine.run(f"sed -i 's/NOPASSWD://' {rule}")
    done = b70(site, "plan", "--limit", machine.name)
    assert done.status == ExitCode.REFUSED
    assert means in done.told
    command = next_step(done.told)
    assert remedy in command
    try:
        machine.run(command)
        assert b70(site, "plan", "--limit", machine.name).status == ExitCode.PENDING
    finally:
        machine.run("rm -f /etc/sudoers.d/zz-b70fleet")


def test_a_login_whose_password_expired_is_named_and_its_remedy_ends_it(
    site: Site, machine: Machine
) -> None:
    machine.run(f"echo rig:{PASSWORD} | chpasswd; chage -d 0 rig")
    done = b70(site, "plan", "--limit", machine.name)
    assert done.status == ExitCode.UNREACHABLE
    assert "the password of rig has expired" in done.told
    machine.run(next_step(done.told).partition("again: ")[2])
    assert b70(site, "plan", "--limit", machine.name).status == ExitCode.PENDING


def test_a_login_without_a_shell_is_named(site: Site, machine: Machine) -> None:
    machine.run("usermod -s /usr/sbin/nologin rig")
    done = b70(site, "plan", "--limit", machine.name)
    assert done.status == ExitCode.UNREACHABLE
    assert "the login shell of rig runs nothing" in done.told


def test_a_greeting_on_both_streams_and_one_session_at_a_time_are_no_hindrance(
    site: Site, machine: Machine
) -> None:
    machine.write("/home/rig/.bashrc", "echo 'Welcome to sudo land'; echo 'mind the GPUs' >&2\n")
    machine.write("/etc/ssh/sshd_config.d/00-test.conf", "MaxSessions 1\n")
    restart_sshd(machine)
    done = b70(site, "facts", machine.name, "os", "identity")
    assert done.status == ExitCode.CLEAN, done.told
    assert "Welcome" not in done.told
    unlocked = facts(site, machine)
    assert "Welcome" not in unlocked.told


def test_a_host_behind_a_jump_host_is_reached_once_both_are_pinned(
    site: Site, machine: Machine, tmp_path: Path
) -> None:
    machine.write("/etc/ssh/sshd_config.d/00-test.conf", "AllowTcpForwarding yes\n")
    restart_sshd(machine)
    config = tmp_path / "ssh_config"
    config.write_text(
        f"Host bastion\n  HostName {machine.address}\n  HostKeyAlias the-bastion\n  User rig\n"
        f"  IdentityFile {machine.key}\n  UserKnownHostsFile {tmp_path}/known_hosts\n"
        f"Host {machine.address}\n  ProxyJump bastion\n"
    )
    declare(site, machine, ssh_config=str(config))
    refused = b70(site, "--no-input", "facts", machine.name, "os")
    assert refused.status == ExitCode.REFUSED
    assert f"its jump host bastion ({machine.address}) is not pinned" in refused.told
    assert f'jump_host_keys: {{bastion: ["{machine.host_key}"]}}' in refused.told
    assert "--rekey" not in refused.told
    declare(site, machine, jump_host_keys={"bastion": [machine.host_key]})
    done = b70(site, "facts", machine.name, "os")
    assert done.status == ExitCode.CLEAN, done.told
