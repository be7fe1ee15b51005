"""A rig with what Ubuntu 26.04 changes below every shell text: sudo-rs, Rust's coreutils, dracut.

Debian 13 underneath, whose packages are older than Ubuntu's: what they lack, Ubuntu's may have.
One machine, from new: met with a password, read, converged, broken and repaired.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from facts.disks.directory_use import DirectoryUse, TreeUse
from fleet.base.exitcodes import ExitCode
from fleet.model.plan import HostState
from lab import shapes
from lab.machines import Machine
from tests.ssh.conftest import MirrorGuard, Site
from tests.ssh.damage import Damage, Run, break_name_repair

#: Seconds: the first test may have to wait until the image is made.
pytestmark = [pytest.mark.ssh, pytest.mark.timeout(900)]

PASSWORD = "first-contact-only"
RULE = "/etc/sudoers.d/rig"
FENCE = "/etc/apt/apt.conf.d/99b70fleet-fence"
SYSCTL = "/etc/sysctl.d/90-b70fleet.conf"
HOME = "/var/lib/b70"
LIMITS = "/etc/security/limits.d/90-b70fleet.conf"
JOURNALD = "/etc/systemd/journald.conf.d/50-b70fleet.conf"


@pytest.fixture(scope="module")
def machine(rigs: Callable[..., list[Machine]]) -> Machine:
    """Return this file's own rig, dressed as Ubuntu 26.04."""
    return rigs({"rig": shapes.HEALTHY_GEN5}, dressed_as="resolute")[0]


def test_the_machine_runs_what_ubuntu_26_04_brings(machine: Machine) -> None:
    said = machine.run(
        ". /etc/os-release; echo $ID-$VERSION_ID; sudo --version 2>&1; readlink /usr/bin/stat; "
        "dpkg-query -W -f '${db:Status-Abbrev}\\n' dracut; apt-get --version"
    ).stdout
    first, sudo, stat, dracut, apt = said.splitlines()[:5]
    assert (first, stat) == ("ubuntu-26.04", "../lib/cargo/bin/coreutils/stat")
    assert sudo.startswith("sudo-rs ")
    assert dracut == "ii "
    assert apt.startswith("apt 3.")


def test_a_sudo_rs_that_asks_gets_its_password_and_the_program_its_text(
    machine: Machine, guard: MirrorGuard, tmp_path: Path
) -> None:
    """sudo-rs reads ahead of the password: what it takes must not be the program's."""
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "hosts.yaml").write_text("hosts: {}\n")
    home = Site(tmp_path / "fleet", tmp_path / "state", guard)
    machine.run(f"echo rig:{PASSWORD} | chpasswd; sed -i s/NOPASSWD:// {RULE}")
    print_ = machine.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[1]
    meet = ("bootstrap", "rig-a", "--address", machine.address, "--key", str(machine.key),
            "--login", "rig", "--host-key", print_)  # fmt: skip
    try:
        assert home.b70(*meet).status == ExitCode.REFUSED, "it asks"
        done = home.b70(*meet, "--ask-sudo-pass", stdin=f"{PASSWORD}\n")
    finally:
        machine.run(f"echo 'rig ALL=(ALL) NOPASSWD: ALL' >{RULE}")
    assert done.status == ExitCode.CLEAN, done.err
    assert "Ubuntu 26.04 LTS" in done.out
    record = yaml.safe_load((home.folder / "hosts.yaml").read_text())["hosts"]["rig-a"]
    assert (record["user"], record["identity"]["machine_id"]) == ("b70fleet", machine.machine_id)
    assert home.b70("facts", "rig-a", "os").status == ExitCode.CLEAN, "the new login works"
    assert PASSWORD not in done.out + done.err


def test_every_fact_can_be_read(site: Site, machine: Machine) -> None:
    done = site.b70("doctor", machine.name)
    assert "is unknown" not in done.out
    assert "gpu-power" in done.out, "the cards are seen"
    assert done.status == ExitCode.PENDING, done.err


def test_the_newest_change_in_a_directory_is_read_without_gnus_du(machine: Machine) -> None:
    machine.run("mkdir -p /srv/t/deep; echo x >/srv/t/deep/file; touch -d @1000 /srv/t/deep/file")
    machine.run("touch -d @500 /srv/t/deep /srv/t")
    fact = DirectoryUse()
    found = fact.process(machine.run(fact.command(path="/srv/t")).stdout.split("\n"))
    assert isinstance(found, TreeUse)
    assert [(entry.name, entry.kind, entry.changed) for entry in found.entries] == [
        ("deep", "directory", 1000)
    ]


def test_the_whole_site_converges_and_then_there_is_silence(site: Site, machine: Machine) -> None:
    (first,) = site.converge(machine.name).hosts
    assert first.state is HostState.CONVERGED, first.error
    assert {"Packages[base]", "Packages[gpu-userspace]", f"File[{SYSCTL}]", "User[b70]"} <= set(
        first.changed
    )
    assert '"^linux-oem-";' in machine.read(FENCE), "Ubuntu's table is used"
    (second,) = site.converge(machine.name).hosts
    assert (second.state, second.changed, second.execs) == (HostState.IN_SYNC, [], 2)


DAMAGES = {
    "file-with-another-content-mode-and-owner": Damage(
        f"echo x >{LIMITS}; chmod 0777 {LIMITS}; chown nobody {LIMITS}",
        (f"File[{LIMITS}]",),
        f"test \"$(stat -c '%a %U:%G' {LIMITS})\" = '644 root:root' && grep -q nofile {LIMITS}",
    ),
    "file-that-became-a-link": Damage(
        f"mv {SYSCTL} /root/moved && ln -s /root/moved {SYSCTL}",
        (f"File[{SYSCTL}]",),
        f"test -f {SYSCTL} && test ! -L {SYSCTL}",
    ),
    "account-without-its-home": Damage(
        f"rm -r {HOME}",
        (f"Directory[{HOME}]",),
        f"test \"$(stat -c '%U' {HOME})\" = b70",
    ),
    "drop-in-lost": Damage(
        f"rm {JOURNALD}",
        (f"File[{JOURNALD}]", "Unit[systemd-journald]"),
        f"grep -q persistent {JOURNALD}",
    ),
    "held-package-removed": Damage(
        "dpkg --remove --force-depends --force-hold xpu-smi",
        ("Packages[gpu-userspace]", "Verified[gpu-userspace]"),
        "test \"$(dpkg-query -W -f '${db:Status-Abbrev}' xpu-smi)\" = 'hi '",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_named_repaired_and_then_there_is_silence(
    damage: Damage, machine: Machine, plan: Run, converge: Run
) -> None:
    break_name_repair(damage, machine, plan, converge)
