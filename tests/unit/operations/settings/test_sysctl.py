"""Live kernel settings: set one at a time, read back, and never in a circle."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from facts.disks.block import Block
from facts.system.sysctl import Sysctl, SysctlValues
from facts.system.sysctl_files import BootSettings, Setting, SysctlFiles
from facts.value import ABSENT, Unknown
from operations.settings.sysctl import _SET, sysctl
from tests.unit.base_facts import mounts
from tests.unit.pyinfra_harness import reasons, run_operation


def run(live: Any, storage: Any = None, **arguments: Any) -> tuple[list[str], list[str]]:
    """Run the operation for vm.swappiness = 1."""
    facts = {
        Sysctl: {"vm.swappiness": live},
        Block: mounts() if storage is None else storage,
        SysctlFiles: boot(),
    }
    return run_operation(sysctl, facts, key="vm.swappiness", value="1", **arguments)


def boot(*settings: tuple[str, str]) -> BootSettings:
    """Return a boot that sets vm.swappiness: (file, value) in order."""
    path = "/proc/sys/vm/swappiness"
    return BootSettings(tuple(Setting(path, value, file, 3) for file, value in settings), ())


def run_with_boot(found: Any) -> tuple[list[str], list[str]]:
    """Run the operation on a live value as declared, with given drop-ins."""
    facts = {Sysctl: {"vm.swappiness": "1"}, Block: mounts(), SysctlFiles: found}
    return run_operation(
        sysctl, facts, key="vm.swappiness", value="1", drop_in="/etc/sysctl.d/90-b70fleet.conf"
    )


def test_a_later_drop_in_with_another_value_is_named_with_its_line() -> None:
    found = boot(("/etc/sysctl.d/90-b70fleet.conf", "1"), ("/etc/sysctl.d/99-old.conf", "60"))
    with pytest.raises(OperationError, match=r"/etc/sysctl\.d/99-old\.conf:3 sets vm\.swappiness"):
        run_with_boot(found)


@pytest.mark.parametrize(
    "found",
    [
        boot(),
        boot(("/etc/sysctl.d/10-early.conf", "60")),
        boot(("/etc/sysctl.d/90-b70fleet.conf", "60")),
        boot(("/etc/sysctl.d/10-early.conf", "60"), ("/etc/sysctl.d/90-b70fleet.conf", "1")),
        boot(("/etc/sysctl.d/90-b70fleet.conf", "1"), ("/etc/sysctl.d/99-same.conf", "1")),
    ],
)
def test_earlier_or_agreeing_drop_ins_are_left_alone(found: BootSettings) -> None:
    assert run_with_boot(found) == ([], ["is 1 (declared)"])


def test_unknown_drop_ins_are_not_acted_on() -> None:
    with pytest.raises(OperationError, match=r"the next boot sets vm\.swappiness to is UNKNOWN"):
        run_with_boot(Unknown("cut off"))


def test_a_drop_in_that_cannot_be_read_may_have_the_last_word() -> None:
    denied = BootSettings((), ("/etc/sysctl.d/99-site.conf",))
    with pytest.raises(OperationError, match=r"99-site\.conf cannot be read, and it may override"):
        run_with_boot(denied)


def test_a_differing_value_is_set_and_read_back_in_one_command() -> None:
    commands, _ = run("60")
    assert len(commands) == 1
    assert commands[0].startswith("sh -c 'printf ")
    assert commands[0].endswith("b70-sysctl /proc/sys/vm/swappiness 1")


def test_a_value_that_is_set_names_the_key_with_both_values() -> None:
    facts = {Sysctl: {"vm.swappiness": "60"}, Block: mounts(), SysctlFiles: boot()}
    (told,) = reasons(sysctl, facts, key="vm.swappiness", value="1").differences
    assert (told.what, told.expected, told.seen) == ("vm.swappiness", "1", "60")


def test_an_equal_value_is_silent_and_tells_why_it_is_wanted() -> None:
    assert run("1", why="declared") == ([], ["is 1 (declared)"])


def test_white_space_in_a_value_makes_no_difference() -> None:
    facts = {
        Sysctl: {},
        SysctlValues: lambda keys: {keys: "4096 131072 6291456"},
        Block: mounts(),
        SysctlFiles: boot(),
    }
    commands, noops = run_operation(
        sysctl, facts, key="net.ipv4.tcp_rmem", value="4096\t131072   6291456"
    )
    assert commands == []
    assert noops == ["is 4096 131072 6291456 (declared)"]


def test_a_value_below_a_read_only_proc_sys_is_told_and_not_tried_again_and_again() -> None:
    commands, noops = run("60", mounts("/proc/sys"))
    assert commands == []
    assert "/proc/sys/vm/swappiness is read-only here" in noops[0]
    assert "is 60, not 1" in noops[0]


def test_a_declared_key_that_the_kernel_lacks_is_an_error_because_it_may_be_a_typo() -> None:
    with pytest.raises(OperationError, match=r"no setting vm\.swappiness \(is the key misspelt"):
        run(ABSENT)


def test_a_key_that_a_policy_chose_may_be_missing() -> None:
    assert run(ABSENT, optional=True) == ([], ["this kernel has no vm.swappiness"])


def test_an_unknown_live_value_is_not_acted_on() -> None:
    with pytest.raises(OperationError, match=r"live value of vm\.swappiness is UNKNOWN: denied"):
        run(Unknown("denied"))


def test_an_unknown_fact_is_not_acted_on() -> None:
    with pytest.raises(OperationError, match="UNKNOWN: no answer"):
        run_operation(
            sysctl,
            {Sysctl: Unknown("no answer"), Block: mounts(), SysctlFiles: boot()},
            key="vm.swappiness",
            value="1",
        )


def test_unknown_mounts_are_not_acted_on() -> None:
    with pytest.raises(OperationError, match=r"can be written is UNKNOWN: cut off"):
        run("60", Unknown("cut off"))


def test_a_key_that_would_leave_proc_sys_is_refused() -> None:
    with pytest.raises(OperationError, match="is not a sysctl key"):
        run_operation(sysctl, {Sysctl: {}, Block: mounts()}, key="../../etc/passwd", value="1")


def test_setting_a_value_writes_it_and_reads_it_back(tmp_path: Path) -> None:
    setting = tmp_path / "setting"
    subprocess.run(["sh", "-c", _SET, "b70-sysctl", str(setting), "1 2"], check=True)
    assert setting.read_text() == "1 2\n"


def test_setting_a_value_fails_when_the_kernel_did_not_take_it() -> None:
    run = subprocess.run(
        ["sh", "-c", _SET, "b70-sysctl", "/dev/null", "1"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "/dev/null reads back as" in run.stderr
