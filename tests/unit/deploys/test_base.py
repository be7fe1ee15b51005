"""The base layer: the list of resources, what a new host gets, and silence on a converged one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyinfra.api.exceptions import OperationError

from declaration.host import Connection, HostSpec
from declaration.system import Base
from deploys.base import base
from deploys.base_paths import FENCE, JOURNAL, JOURNALD, LIMITS, NEEDRESTART, SYSCTL, UNIT_LIMITS
from facts.disks.block import Block
from facts.packages.apt_download import AptDownload
from facts.packages.apt_sources import AptSources, AptSourceState
from facts.packages.dpkg import Packages
from facts.settings.drop_ins import DropIns
from facts.system.crash_capture import Capture, CrashCapture
from facts.system.files import FileState, Stat
from facts.system.identity import Board, Identity, Sudo, Who
from facts.system.os_release import OsRelease
from facts.system.sysctl import Sysctl
from facts.system.sysctl_files import BootSettings, SysctlFiles
from facts.system.units import Units
from facts.system.users import NamedAccount, User, Users
from facts.value import ABSENT, Unknown
from operations.files.filewrite import FileWrite
from tests.places import ROOT
from tests.unit.apt_facts import package_facts
from tests.unit.base_facts import accounts, drop_ins, mounts, running, stat, system, units
from tests.unit.pyinfra_harness import Resource, run_deploy

MACHINE = "0" * 31 + "1"
MACHINE_JOURNAL = f"{JOURNAL}/{MACHINE}"
INSTALLED = ("ca-certificates", "curl", "pciutils", "procps", "systemd-timesyncd")
TIMESYNCD = "/etc/systemd/timesyncd.conf.d/50-b70fleet.conf"


def spec(**changes: Any) -> HostSpec:
    """Return a rig with the product's own values, some of the base layer's changed."""
    values = yaml.safe_load((ROOT / "group_data/all.yaml").read_text())["base"]
    return HostSpec(
        name="rig",
        connection=Connection(address="192.0.2.1", user=changes.pop("user_of_ssh", "admin")),
        base=Base.model_validate({**values, **changes}),
    )


def who() -> Who:
    """Return the identity of the imaginary host."""
    board = Board(*[ABSENT] * 7)
    return Who("rig", MACHINE, ABSENT, board, 0, "root", Sudo.ROOT)


def new_host() -> dict[type, Any]:
    """Return the facts of a fresh Debian 12: nothing of ours is there."""
    return {
        OsRelease: system(),
        Identity: who(),
        Packages: package_facts({"curl": "1"}),
        AptDownload: 0,
        AptSources: AptSourceState((), (), {}, (), {"lists": 1}, ABSENT, (), ()),
        Users: accounts(groups={"video": (44, ())}),
        NamedAccount: ABSENT,
        Units: units(systemd_journald=running(file_state="static")),
        FileState: lambda path: ABSENT,
        CrashCapture: Capture(kdump=False, pstore="", netconsole=(), panic_s=0),
        Sysctl: {"vm.swappiness": "60", "kernel.hardlockup_panic": "1", "kernel.panic": "0"},
        SysctlFiles: BootSettings((), ()),
        DropIns: drop_ins(),
        Block: mounts(),
    }


def converged(resources: list[Resource]) -> dict[type, Any]:
    """Return the facts of the same host after everything a plan wants was done."""
    written: dict[str, FileWrite] = {}
    for resource in resources:
        written.update(resource.writes)
    directories = {
        JOURNAL: stat("directory", mode="2755", group="systemd-journal"),
        MACHINE_JOURNAL: stat("directory", mode="2755", group="systemd-journal"),
        "/var/lib/b70": stat("directory", mode="0750", user="b70", group="b70"),
    }

    def answer(path: str) -> Any:
        if path in written:
            return stat(content=written[path].content)
        if path in directories:
            return directories[path]
        holds_a_file = any(str(Path(name).parent) == path for name in written)
        return stat("directory") if holds_a_file else ABSENT

    return new_host() | {
        Packages: package_facts(dict.fromkeys(INSTALLED, "1")),
        Users: accounts(
            User("b70", 998, 998, "/var/lib/b70", "/usr/sbin/nologin"),
            groups={"render": (105, ("b70",)), "video": (44, ("b70",)), "b70": (998, ())},
        ),
        Units: units(systemd_journald=running(file_state="static"), systemd_timesyncd=running()),
        FileState: answer,
        Sysctl: {"vm.swappiness": "1", "kernel.hardlockup_panic": "0", "kernel.panic": "0"},
    }


def plan(facts: dict[type, Any] | None = None, **changes: Any) -> list[Resource]:
    """Plan the base layer."""
    return run_deploy(base, facts or new_host(), spec=spec(**changes), probe_root="")


def wanted(resources: list[Resource]) -> dict[str, list[str]]:
    """Return name -> commands of the resources that would change."""
    return {resource.name: resource.commands for resource in resources if resource.commands}


def content(resources: list[Resource], path: str) -> str:
    """Return what a plan would write to a path."""
    found = [resource.writes[path] for resource in resources if path in resource.writes]
    assert len(found) == 1
    return found[0].content.decode()


def test_the_layer_is_a_list_of_named_resources() -> None:
    assert [resource.name for resource in plan()] == [
        f"File[{FENCE}]",
        "Directory[/etc/needrestart/conf.d]",
        f"File[{NEEDRESTART}]",
        "Packages[base]",
        "Group[render]",
        "Group[video]",
        "User[b70]",
        "Directory[/var/lib/b70]",
        "Group[b70:render]",
        "Group[b70:video]",
        f"File[{LIMITS}]",
        "Directory[/etc/systemd/system/b70-.service.d]",
        f"File[{UNIT_LIMITS}]",
        "Directory[/etc/systemd/journald.conf.d]",
        f"File[{JOURNALD}]",
        f"Directory[{JOURNAL}]",
        "Unit[systemd-journald]",
        f"File[{TIMESYNCD}]",
        "Unit[systemd-timesyncd]",
        f"File[{SYSCTL}]",
        "Sysctl[kernel.hardlockup_panic]",
        "Sysctl[vm.swappiness]",
    ]


def test_a_new_host_gets_everything_that_it_lacks_and_nothing_else() -> None:
    commands = wanted(plan())
    assert set(commands) == {
        resource.name for resource in plan() if resource.name not in ("Group[video]",)
    } - {f"File[{TIMESYNCD}]"}
    assert commands["Unit[systemd-journald]"] == [
        "systemctl restart systemd-journald.service",
        "journalctl --flush",
    ]
    assert commands["Group[b70:render]"] == ["usermod --append --groups render -- b70"]
    assert "systemd-timesyncd" in commands["Packages[base]"][-1]


def test_a_second_run_on_the_converged_host_is_silent_and_gives_a_reason_for_each_resource() -> (
    None
):
    again = plan(converged(plan()))
    assert wanted(again) == {}
    assert all(resource.noops for resource in again)


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (FENCE, f"File[{FENCE}]"),
        (NEEDRESTART, f"File[{NEEDRESTART}]"),
        (LIMITS, f"File[{LIMITS}]"),
        (UNIT_LIMITS, f"File[{UNIT_LIMITS}]"),
        (JOURNALD, f"File[{JOURNALD}]"),
        (SYSCTL, f"File[{SYSCTL}]"),
        ("/var/lib/b70", "Directory[/var/lib/b70]"),
        (MACHINE_JOURNAL, "Unit[systemd-journald]"),
    ],
)
def test_one_lost_path_is_the_only_resource_in_the_plan(broken: str, named: str) -> None:
    facts = converged(plan())
    before = facts[FileState]
    facts[FileState] = lambda path: ABSENT if path == broken else before(path)
    assert list(wanted(plan(facts))) == [named]


def test_a_journald_that_runs_with_an_older_configuration_is_restarted() -> None:
    facts = converged(plan())
    before = facts[FileState]

    def newer(path: str) -> Any:
        found = before(path)
        if path != JOURNALD or not isinstance(found, Stat):
            return found
        return stat(mtime=found.mtime + 60, sha256=found.sha256)

    facts[FileState] = newer
    assert wanted(plan(facts)) == {
        "Unit[systemd-journald]": [
            "systemctl restart systemd-journald.service",
            "journalctl --flush",
        ]
    }


def test_the_fence_keeps_foreign_hands_off_kernel_firmware_and_gpu_packages() -> None:
    text = content(plan(), FENCE)
    for pattern in ("^linux-image-", "^firmware-", "^intel-opencl-icd", "^libze", "^level-zero"):
        assert f'  "{pattern}' in text
    assert 'Unattended-Upgrade::Remove-Unused-Kernel-Packages "false";' in text
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in text
    assert 'APT::Ignore-Hold "false";' in text


def test_the_fence_is_checked_by_apt_before_it_is_put_in_place() -> None:
    fence = next(r.writes[FENCE] for r in plan() if FENCE in r.writes)
    assert "apt-config" in fence.arguments[-1]


def test_packages_that_the_fence_names_are_held_once_they_are_there() -> None:
    fence = {"hold": ["curl", "libigc1"]}
    assert "apt-mark hold curl" in wanted(plan(fence=fence))["Hold[base]"][0]


def test_a_hold_that_protects_nothing_is_refused_unless_the_boot_set_installs_its_package() -> None:
    fence = {"hold": ["linux-image-6.17.0-29-generic"]}
    with pytest.raises(OperationError, match="would protect nothing"):
        plan(fence=fence)
    kernel = {"package": "linux-image-6.17.0-29-generic", "version": "6.17.0-29.29"}
    data = spec(fence=fence).model_dump() | {"stack": {"name": "s", "boot": {"kernel": kernel}}}
    declared = HostSpec.model_validate(data)
    assert run_deploy(base, new_host(), spec=declared, probe_root="")


def test_the_fence_of_another_distribution_has_that_distributions_kernels() -> None:
    text = content(plan(new_host() | {OsRelease: system("ubuntu-24.04")}), FENCE)
    assert '"^linux-firmware' in text
    assert '"^linux-modules-' in text


def test_a_fence_declared_off_is_taken_away() -> None:
    facts = converged(plan())
    assert wanted(plan(facts, fence={"enabled": False})) == {
        f"File[{FENCE}]": [f"rm -f -- {FENCE}"],
        f"File[{NEEDRESTART}]": [f"rm -f -- {NEEDRESTART}"],
    }


def test_a_clock_that_somebody_else_keeps_is_left_alone_with_a_reason() -> None:
    facts = new_host() | {
        Units: units(systemd_journald=running(), chrony=running()),
    }
    resources = {resource.name: resource for resource in plan(facts)}
    assert "Unit[systemd-timesyncd]" not in resources
    assert resources["TimeSync[chrony]"].commands == []
    assert "chrony is active and enabled" in resources["TimeSync[chrony]"].noops[0]
    assert "systemd-timesyncd" not in resources["Packages[base]"].commands[-1]


@pytest.mark.parametrize(
    "other", [{"active": "inactive", "sub": "dead"}, {"file_state": "disabled"}]
)
def test_another_time_daemon_that_is_not_both_running_and_enabled_does_not_count(
    other: dict[str, str],
) -> None:
    facts = new_host() | {Units: units(systemd_journald=running(), chrony=running(**other))}
    assert "Unit[systemd-timesyncd]" in [resource.name for resource in plan(facts)]


def test_declared_time_servers_are_written_and_the_daemon_is_not_older_than_them() -> None:
    resources = plan(time_sync={"servers": ["ntp1.example", "ntp2.example"]})
    assert "NTP=ntp1.example ntp2.example\n" in content(resources, TIMESYNCD)


def test_servers_for_a_daemon_whose_file_is_not_known_are_refused() -> None:
    with pytest.raises(OperationError, match="names no servers_file"):
        plan(time_sync={"provider": "openntpd", "servers": ["ntp1.example"]})


def test_an_unknown_time_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OperationError, match="'timesyncd' is not in the distribution table; known"):
        plan(time_sync={"provider": "timesyncd"})


def test_in_a_container_the_clock_daemon_is_enabled_and_never_started() -> None:
    commands = wanted(plan(new_host() | {OsRelease: system(container=True)}))
    assert commands["Unit[systemd-timesyncd]"] == ["systemctl enable systemd-timesyncd.service"]


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (
            "/etc/systemd/journald.conf.d/99-site.conf",
            "[Journal]\nStorage=volatile\n",
            "99-site.conf:2 sets Storage to volatile",
        ),
        (
            "/etc/needrestart/conf.d/restart.conf",
            "$nrconf{restart} = 'a';\n",
            "restart.conf:1 sets restart to a",
        ),
        (
            "/etc/apt/apt.conf.d/99zz-site",
            "#clear Unattended-Upgrade::Package-Blacklist;\n",
            "99zz-site:1 sets Unattended-Upgrade::Package-Blacklist to nothing",
        ),
        (
            "/etc/apt/apt.conf",
            'APT { Ignore-Hold "true"; };\n',
            "/etc/apt/apt.conf:1 sets APT::Ignore-Hold to true",
        ),
        (
            "/etc/environment",
            "NEEDRESTART_MODE=a\n",
            "/etc/environment:1 sets restart to a",
        ),
        (
            "/etc/security/limits.d/99-site.conf",
            "b70 - memlock 64\n",
            "99-site.conf:1 sets b70 soft memlock to 64",
        ),
        (
            "/etc/systemd/system/b70-.service.d/99-site.conf",
            "[Service]\nLimitNOFILE=1024\n",
            "99-site.conf:2 sets LimitNOFILE to 1024",
        ),
        (
            "/etc/systemd/timesyncd.conf.d/cloud-init.conf",
            "[Time]\nNTP=ntp2.example\n",
            "cloud-init.conf:2 sets NTP to ntp1.example ntp2.example",
        ),
    ],
)
def test_effective_values_after_all_drop_ins_count_for_every_file_that_the_layer_writes(
    path: str, text: str, said: str
) -> None:
    facts = converged(plan()) | {DropIns: drop_ins({path: text})}
    with pytest.raises(OperationError, match=re.escape(said)):
        plan(facts, time_sync={"servers": ["ntp1.example"]})


def test_a_journald_that_began_before_a_drop_in_was_taken_away_is_restarted() -> None:
    facts = converged(plan())
    before = facts[FileState]
    folder = str(Path(JOURNALD).parent)

    def newer(path: str) -> Any:
        found = before(path)
        return stat("directory", mtime=found.mtime + 60) if path == folder else found

    facts[FileState] = newer
    assert list(wanted(plan(facts))) == ["Unit[systemd-journald]"]


def test_without_crash_capture_a_lockup_must_not_panic() -> None:
    resources = plan()
    assert "kernel.hardlockup_panic = 0\n" in content(resources, SYSCTL)
    live = wanted(resources)["Sysctl[kernel.hardlockup_panic]"]
    assert live[0].endswith(" /proc/sys/kernel/hardlockup_panic 0")


def test_with_kdump_a_lockup_may_panic() -> None:
    facts = new_host() | {CrashCapture: Capture(True, ABSENT, (), 0)}
    assert "kernel.hardlockup_panic = 1\n" in content(plan(facts), SYSCTL)


def test_a_declared_lockup_policy_wins_over_the_chosen_one() -> None:
    resources = plan(sysctl={"kernel.hardlockup_panic": 1})
    assert "kernel.hardlockup_panic = 1\n" in content(resources, SYSCTL)


def test_a_volatile_journal_needs_no_directory_on_disk() -> None:
    resources = plan(journal={"persistent": False})
    assert "Storage=volatile\n" in content(resources, JOURNALD)
    assert f"Directory[{JOURNAL}]" not in [resource.name for resource in resources]
    assert "Unit[systemd-journald]" not in wanted(resources)


def test_limits_reach_sessions_in_kib_and_units_with_a_unit_letter() -> None:
    resources = plan(limits={"nofile": 4096, "memlock": 1024})
    assert "b70 hard nofile 4096\n" in content(resources, LIMITS)
    assert "b70 hard memlock 1024\n" in content(resources, LIMITS)
    assert "LimitMEMLOCK=1024K\n" in content(resources, UNIT_LIMITS)


def test_unlimited_memlock_is_infinity_to_systemd() -> None:
    assert "LimitMEMLOCK=infinity\n" in content(plan(), UNIT_LIMITS)


def test_the_home_of_an_existing_user_keeps_that_users_primary_group() -> None:
    found = accounts(
        User("b70", 1000, 100, "/var/lib/b70", "/usr/sbin/nologin"),
        groups={"users": (100, ()), "render": (105, ())},
    )
    commands = wanted(plan(new_host() | {Users: found}))
    assert "-g users " in commands["Directory[/var/lib/b70]"][0]


def test_the_account_that_we_connect_as_keeps_its_login_shell() -> None:
    with pytest.raises(OperationError, match="would lock us out: we connect as b70"):
        plan(user_of_ssh="b70")


def test_a_distribution_without_a_table_is_refused_with_the_file_to_add() -> None:
    with pytest.raises(OperationError, match=r"add /\S+/group_data/distributions/fedora-43\.yaml"):
        plan(new_host() | {OsRelease: system("fedora-43")})


@pytest.mark.parametrize(
    "fact", [OsRelease, Units, Users, Packages, SysctlFiles, DropIns, Block, Sysctl]
)
def test_nothing_of_the_layer_is_planned_on_an_unknown_fact(fact: type) -> None:
    with pytest.raises(OperationError, match="UNKNOWN"):
        plan(new_host() | {fact: Unknown("no answer within 10 s")})


def test_an_unknown_crash_capture_means_no_panic() -> None:
    facts = new_host() | {CrashCapture: Unknown("cut off")}
    assert "kernel.hardlockup_panic = 0\n" in content(plan(facts), SYSCTL)


def test_a_host_without_a_declaration_is_refused() -> None:
    with pytest.raises(OperationError, match="carries no declaration"):
        run_deploy(base, new_host())
