"""Damage tests of the base layer: break one thing, the plan names it, converge repairs it, silence.

State is read back with the machine's own tools, never with the code under test.
"""

from __future__ import annotations

from typing import Any

import pytest

from fleet.base.exitcodes import ExitCode
from lab.machines import Machine
from tests.ssh.damage import Damage, Run, break_name_repair, holds

pytestmark = pytest.mark.ssh

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
#: journald runs without a disk although its file, as old as before, says otherwise.
_VOLATILE = (
    f"cp -p {JOURNALD} /root/kept && sed -i s/persistent/volatile/ {JOURNALD} && "
    f"systemctl restart systemd-journald && cp -p /root/kept {JOURNALD}"
)
_WRITTEN = f"test -s {JOURNAL}/$(cat /etc/machine-id)/system.journal"

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
        # the most that root itself can get here, where a container may not raise limits
        "want=$(ulimit -Hn 1048576 2>/dev/null; ulimit -Hn); "
        "test $(su -s /bin/sh -c 'ulimit -Hn' b70) = $want",
    ),
    "unit-limits-lost": Damage(
        f"rm {UNIT_LIMITS} && systemctl daemon-reload",
        (f"File[{UNIT_LIMITS}]",),
        # whatever stands below this name is ours: the unit is made for this question alone
        "systemctl daemon-reload && test $(systemd-run --quiet --collect --wait --pipe "
        "--unit=b70-probe systemctl show --value --property=LimitNOFILE b70-probe) = 1048576",
    ),
    "user-shell": Damage(
        "usermod --shell /bin/bash b70",
        ("User[b70]",),
        "getent passwd b70 | grep -q :/usr/sbin/nologin$",
    ),
    "user-deleted": Damage(
        # the last connection of that user may be closing still (8: in use)
        "while userdel b70; [ $? = 8 ]; do sleep 0.1; done",
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
        # journald makes it again with the next entries, for root alone and without the set-gid bit
        f"rm -r {JOURNAL}; until [ -s {JOURNAL}/$(cat /etc/machine-id)/system.journal ]; do "
        "logger again; sleep 0.1; done",
        (f"Directory[{JOURNAL}]",),
        f"test $(stat -c %G:%a {JOURNAL}) = systemd-journal:2755",
    ),
    "journal-lost-while-journald-was-volatile": Damage(
        f"{_VOLATILE} && rm -r {JOURNAL}",
        (f"Directory[{JOURNAL}]", "Unit[systemd-journald]"),
        f"{_WRITTEN} && test $(stat -c %G:%a {JOURNAL}) = systemd-journal:2755",
    ),
    "journal-of-this-machine-lost": Damage(
        f"{_VOLATILE} && rm -r {JOURNAL}/$(cat /etc/machine-id)",
        ("Unit[systemd-journald]",),
        _WRITTEN,
    ),
    "clock-disabled": Damage(
        "systemctl disable systemd-timesyncd",
        ("Unit[systemd-timesyncd]",),
        "systemctl is-enabled systemd-timesyncd",
    ),
    "clock-masked-for-good-and-until-the-next-boot": Damage(
        "systemctl mask systemd-timesyncd && systemctl mask --runtime systemd-timesyncd",
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


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_to_the_base_layer_is_named_repaired_and_then_there_is_silence(
    damage: Damage, machine: Machine, plan: Run, converge: Run
) -> None:
    break_name_repair(damage, machine, plan, converge)


def test_a_plan_changes_nothing_on_the_machine(whole: Machine, plan: Run) -> None:
    whole.run(f"rm {FENCE} {SYSCTL} && usermod --shell /bin/bash b70")
    plan(whole.name)
    assert not holds(whole, f"test -e {FENCE} -o -e {SYSCTL}")
    assert holds(whole, "getent passwd b70 | grep -q :/bin/bash$")


@pytest.mark.usefixtures("whole")
def test_the_service_user_is_as_declared(testhost: Any) -> None:
    account = testhost.user("b70")
    assert account.home == "/var/lib/b70"
    assert account.shell == "/usr/sbin/nologin"
    assert {"render", "video"} <= set(account.groups)
    assert account.uid < 1000, "a system account"


@pytest.mark.usefixtures("whole")
def test_the_kernel_settings_hold_now_and_after_a_boot(testhost: Any) -> None:
    assert testhost.file("/proc/sys/vm/swappiness").content_string.strip() == "1"
    assert testhost.file("/proc/sys/kernel/hardlockup_panic").content_string.strip() == "0"
    drop_in = testhost.file(SYSCTL)
    assert (drop_in.user, drop_in.group, drop_in.mode) == ("root", "root", 0o644)
    assert drop_in.contains("^kernel.hardlockup_panic = 0$")


def test_a_foreign_drop_in_that_has_the_last_word_at_boot_is_named_and_never_edited(
    whole: Machine, plan: Run, converge: Run
) -> None:
    site = "/etc/systemd/journald.conf.d/99-site.conf"
    whole.write(site, "[Journal]\nStorage=volatile\n")
    read = whole.run("systemd-analyze cat-config systemd/journald.conf").stdout
    assert [line for line in read.splitlines() if line.startswith("Storage=")] == [
        "Storage=persistent",
        "Storage=volatile",
    ]
    found = plan(whole.name)
    assert found.exit_code is ExitCode.FAILED
    assert f"{site}:2 sets Storage to volatile" in found.hosts[0].error
    whole.run(f"rm {site}")

    foreign = "/etc/sysctl.d/99-hardlockup-panic.conf"
    whole.write(foreign, "kernel.hardlockup_panic = 1\n")
    found = plan(whole.name)
    assert found.exit_code is ExitCode.FAILED
    assert f"{foreign}:1 sets kernel.hardlockup_panic to 1" in found.hosts[0].error
    assert whole.read(foreign) == "kernel.hardlockup_panic = 1\n"

    whole.run(f"rm {foreign}")
    assert converge(whole.name).exit_code is ExitCode.CLEAN


def test_an_unattended_run_leaves_kernel_and_gpu_packages_alone(whole: Machine) -> None:
    shown = whole.run("apt-config dump Unattended-Upgrade").stdout
    for pattern in ("^linux-image-", "^intel-opencl-icd", "^libze", "^xpu-smi"):
        assert f'Package-Blacklist:: "{pattern}' in shown
    assert 'Remove-Unused-Kernel-Packages "false"' in shown
