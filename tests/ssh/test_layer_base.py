"""Damage tests of the base layer: break one thing, the plan names it, converge repairs it, silence.

State is read back with the machine's own tools, never with the code under test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from fleet.exitcodes import ExitCode
from fleet.plan import ResourceStatus, RunResult
from lab.machines import Machine

pytestmark = pytest.mark.ssh

#: `plan` and `converge` of one host by name.
Run = Callable[[str], RunResult]

FENCE = "/etc/apt/apt.conf.d/99b70fleet-fence"
NEEDRESTART = "/etc/needrestart/conf.d/b70fleet.conf"
LIMITS = "/etc/security/limits.d/90-b70fleet.conf"
UNIT_LIMITS = "/etc/systemd/system/b70-.service.d/90-b70fleet.conf"
JOURNALD = "/etc/systemd/journald.conf.d/50-b70fleet.conf"
SYSCTL = "/etc/sysctl.d/90-b70fleet.conf"
JOURNAL = "/var/log/journal"

#: The machine's own word for "since when does journald run", in seconds.
_JOURNALD_SINCE = (
    'date +%s -d "$(systemctl show --property=ActiveEnterTimestamp --value systemd-journald)"'
)


@dataclass(frozen=True)
class Damage:
    """One thing broken by hand.

    Args:
        by: shell command, run as root on the machine.
        named: resources that the plan must name, and no others.
        proof: shell command that succeeds on a whole machine and fails on the broken one.
    """

    by: str
    named: tuple[str, ...]
    proof: str


DAMAGES = {
    "fence-lost": Damage(
        f"rm {FENCE}",
        (f"File[{FENCE}]",),
        "apt-config dump Unattended-Upgrade::Package-Blacklist | grep -q linux-image-",
    ),
    "fence-edited": Damage(
        f"sed -i /linux-image/d {FENCE}",
        (f"File[{FENCE}]",),
        "apt-config dump Unattended-Upgrade::Package-Blacklist | grep -q linux-image-",
    ),
    "needrestart-lost": Damage(
        f"rm {NEEDRESTART}",
        (f"File[{NEEDRESTART}]",),
        f"""perl -e 'our %nrconf; do "{NEEDRESTART}"; exit($nrconf{{restart}} ne "l")'""",
    ),
    "needrestart-folder-lost": Damage(
        "rm -r /etc/needrestart/conf.d",
        ("Directory[/etc/needrestart/conf.d]", f"File[{NEEDRESTART}]"),
        f"test -s {NEEDRESTART}",
    ),
    "package-removed": Damage(
        "dpkg --remove --force-depends curl", ("Packages[base]",), "curl --version"
    ),
    "limits-mode": Damage(
        f"chmod 0600 {LIMITS}", (f"File[{LIMITS}]",), f"test $(stat -c %a {LIMITS}) = 644"
    ),
    "limits-edited": Damage(
        f"echo 'b70 hard nofile 1024' >>{LIMITS}",
        (f"File[{LIMITS}]",),
        "test $(su -s /bin/sh -c 'ulimit -Hn' b70) = 1048576",
    ),
    "unit-limits-lost": Damage(
        f"rm {UNIT_LIMITS} && systemctl daemon-reload",
        (f"File[{UNIT_LIMITS}]",),
        # whatever stands below this name is ours: the unit is made for this question alone
        "systemctl daemon-reload && test $(systemd-run --quiet --collect --wait --pipe "
        "--unit=b70-probe sh -c 'ulimit -Hn') = 1048576",
    ),
    "user-shell": Damage(
        "usermod --shell /bin/bash b70",
        ("User[b70]",),
        "getent passwd b70 | grep -q :/usr/sbin/nologin$",
    ),
    "user-deleted": Damage(
        "userdel b70",
        ("User[b70]", "Directory[/var/lib/b70]", "Group[b70:render]", "Group[b70:video]"),
        "test $(stat -c %U:%G /var/lib/b70) = b70:b70",
    ),
    "home-owner": Damage(
        "chown root:root /var/lib/b70",
        ("Directory[/var/lib/b70]",),
        "test $(stat -c %U:%G:%a /var/lib/b70) = b70:b70:750",
    ),
    "membership-lost": Damage(
        "gpasswd --delete b70 render", ("Group[b70:render]",), "id -nG b70 | grep -qw render"
    ),
    "group-deleted": Damage(
        "groupdel render",
        ("Group[render]", "Group[b70:render]"),
        "getent group render | grep -q b70",
    ),
    "journal-config-edited": Damage(
        f"sed -i s/persistent/volatile/ {JOURNALD}",
        # the file is newer than journald: its content is wrong, and journald must read it again
        (f"File[{JOURNALD}]", "Unit[systemd-journald]"),
        f"grep -q ^Storage=persistent$ {JOURNALD} && "
        f"test $({_JOURNALD_SINCE}) -ge $(stat -c %Y {JOURNALD})",
    ),
    "journald-runs-with-an-older-configuration": Damage(
        f"touch -d @$(($({_JOURNALD_SINCE}) + 1)) {JOURNALD}",
        ("Unit[systemd-journald]",),
        f"test $({_JOURNALD_SINCE}) -ge $(stat -c %Y {JOURNALD})",
    ),
    "journal-directory-lost": Damage(
        f"rm -r {JOURNAL}",
        (f"Directory[{JOURNAL}]", "Unit[systemd-journald]"),
        f"test -s {JOURNAL}/$(cat /etc/machine-id)/system.journal && "
        f"test $(stat -c %G:%a {JOURNAL}) = systemd-journal:2755",
    ),
    "journal-of-this-machine-lost": Damage(
        f"rm -r {JOURNAL}/$(cat /etc/machine-id)",
        ("Unit[systemd-journald]",),
        f"test -s {JOURNAL}/$(cat /etc/machine-id)/system.journal",
    ),
    "clock-disabled": Damage(
        "systemctl disable systemd-timesyncd",
        ("Unit[systemd-timesyncd]",),
        "systemctl is-enabled systemd-timesyncd",
    ),
    "clock-masked": Damage(
        "systemctl mask systemd-timesyncd",
        ("Unit[systemd-timesyncd]",),
        "test $(systemctl is-enabled systemd-timesyncd) = enabled",
    ),
    "sysctl-drop-in-lost": Damage(
        f"rm {SYSCTL}", (f"File[{SYSCTL}]",), f"grep -q '^vm.swappiness = 1$' {SYSCTL}"
    ),
    "sysctl-live": Damage(
        "echo 60 >/proc/sys/vm/swappiness",
        ("Sysctl[vm.swappiness]",),
        "test $(cat /proc/sys/vm/swappiness) = 1",
    ),
    "lockup-panic-live": Damage(
        "echo 1 >/proc/sys/kernel/hardlockup_panic",
        ("Sysctl[kernel.hardlockup_panic]",),
        "test $(cat /proc/sys/kernel/hardlockup_panic) = 0",
    ),
}


def changing(result: RunResult) -> list[str]:
    """Return the resources that would change on the only host of a run."""
    (only,) = result.hosts
    return [r.name for r in only.resources if r.status is ResourceStatus.CHANGE]


def holds(machine: Machine, proof: str) -> bool:
    """Return whether a command succeeds on the machine, outside of SSH."""
    return machine.run(proof, check=False).returncode == 0


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_to_the_base_layer_is_named_repaired_and_then_there_is_silence(
    damage: Damage, machine: Machine, plan: Run, converge: Run
) -> None:
    assert converge(machine.name).exit_code is ExitCode.CLEAN
    assert holds(machine, damage.proof), "the proof must hold on a whole machine"

    machine.run(damage.by)
    assert not holds(machine, damage.proof), "the damage must be real"
    found = plan(machine.name)
    assert changing(found) == list(damage.named)
    assert found.exit_code is ExitCode.PENDING

    assert converge(machine.name).exit_code is ExitCode.CLEAN
    assert holds(machine, damage.proof)
    after = plan(machine.name)
    assert changing(after) == []
    assert after.exit_code is ExitCode.CLEAN


def test_a_plan_changes_nothing_on_the_machine(machine: Machine, plan: Run, converge: Run) -> None:
    converge(machine.name)
    machine.run(f"rm {FENCE} {SYSCTL} && usermod --shell /bin/bash b70")
    plan(machine.name)
    assert not holds(machine, f"test -e {FENCE} -o -e {SYSCTL}")
    assert holds(machine, "getent passwd b70 | grep -q :/bin/bash$")


def test_the_service_user_is_as_declared(machine: Machine, converge: Run, testhost: Any) -> None:
    converge(machine.name)
    account = testhost.user("b70")
    assert account.home == "/var/lib/b70"
    assert account.shell == "/usr/sbin/nologin"
    assert {"render", "video"} <= set(account.groups)
    assert account.uid < 1000, "a system account"


def test_the_kernel_settings_hold_now_and_after_a_boot(
    machine: Machine, converge: Run, testhost: Any
) -> None:
    converge(machine.name)
    assert testhost.file("/proc/sys/vm/swappiness").content_string.strip() == "1"
    assert testhost.file("/proc/sys/kernel/hardlockup_panic").content_string.strip() == "0"
    drop_in = testhost.file(SYSCTL)
    assert (drop_in.user, drop_in.group, drop_in.mode) == ("root", "root", 0o644)
    assert drop_in.contains("^kernel.hardlockup_panic = 0$")


def test_a_foreign_drop_in_that_has_the_last_word_at_boot_is_named_and_never_edited(
    machine: Machine, plan: Run, converge: Run
) -> None:
    foreign = "/etc/sysctl.d/99-hardlockup-panic.conf"
    converge(machine.name)
    machine.write(foreign, "kernel.hardlockup_panic = 1\n")
    found = plan(machine.name)
    assert found.exit_code is ExitCode.FAILED
    assert f"{foreign}:1 sets kernel.hardlockup_panic to 1" in found.hosts[0].error
    assert machine.read(foreign) == "kernel.hardlockup_panic = 1\n"

    machine.run(f"rm {foreign}")
    assert converge(machine.name).exit_code is ExitCode.CLEAN


def test_an_unattended_run_leaves_kernel_and_gpu_packages_alone(
    machine: Machine, converge: Run
) -> None:
    converge(machine.name)
    shown = machine.run("apt-config dump Unattended-Upgrade").stdout
    for pattern in ("^linux-image-", "^intel-opencl-icd", "^libze", "^xpu-smi"):
        assert f'Package-Blacklist:: "{pattern}' in shown
    assert 'Remove-Unused-Kernel-Packages "false"' in shown
