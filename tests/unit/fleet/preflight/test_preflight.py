"""Preflight: what inhibits a converge, what only warns, and that UNKNOWN is said, not swallowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from declaration.host import HostSpec
from declaration.system import Base
from facts.boot.kernel import ModprobeXe, RunningKernel
from facts.boot.loader import BootFile, BootState
from facts.disks.block import Disks, Mount, Room
from facts.packages.dpkg import LockHolder
from facts.packages.mirrors import Mirror
from facts.packages.updaters import Updater, UpdaterState
from facts.system.clock import ClockState
from facts.system.identity import Board, Sudo, Who
from facts.value import ABSENT, Unknown
from fleet.model.finding import Finding, Severity
from fleet.preflight import explanations, inhibitors, inspect
from gates.model import Verdict
from tests.given import given
from tests.unit.apt_facts import package_facts
from tests.unit.base_facts import system
from tests.unit.boot_facts import NEW, OLD, boot, entry, kernel

GIB = 1024**3

WHO = Who(
    hostname="rig-a",
    machine_id="0" * 32,
    dmi_serial="S1",
    board=Board(*["x"] * 7),
    uid=0,
    user="root",
    sudo=Sudo.ROOT,
)
ROOM = Room(size=100 * GIB, free=50 * GIB, inodes=6_553_600, inodes_free=6_000_000)
KERNEL = RunningKernel(
    release="6.17.0-23-generic",
    cmdline="quiet",
    tokens=("quiet",),
    boot_id="b",
    xe=ABSENT,
    modprobe=ModprobeXe({}, (), (), ()),
    knows_b70=True,
    secure_boot=False,
    taint=0,
    lockdown="none",
)
PACKAGES = package_facts({"dpkg": "1"})
CLOCK = ClockState(epoch_ns=1_000 * 10**9, uptime_s=5.0, sync=ABSENT, timezone="Etc/UTC")


def mount(target: str, device: str) -> Mount:
    names = Mount.__dataclass_fields__
    values: dict[str, Any] = dict.fromkeys(names, "")
    return Mount(**{**values, "target": target, "device": device})


STORAGE = Disks(
    devices=(),
    mounts=(mount("/", "8:1"), mount("/boot", "8:2")),
    room={"/": ROOM, "/boot": ROOM},
    fstab=(),
    root_read_only=False,
)
HEALTHY: Mapping[str, object] = {
    "identity": WHO,
    "block": STORAGE,
    "packages": PACKAGES,
    "clock": CLOCK,
    "kernel": KERNEL,
    "updaters": UpdaterState({}, (), "l"),
}
SPEC = HostSpec.model_validate(
    {
        "name": "rig-a",
        "connection": {"address": "192.0.2.1", "user": "rig"},
        "hardware": {"cards": [{"slot": "1"}]},
    }
)


def findings(now: float | None = None, **readings: object) -> list[Finding]:
    return inspect(SPEC, given({**HEALTHY, **readings}), now)


def ids(found: list[Finding]) -> list[str]:
    return [finding.id for finding in found]


def test_a_healthy_host_has_no_findings() -> None:
    assert findings(now=1_000.5) == []


@pytest.mark.parametrize(
    ("name", "readings"),
    [
        ("sudo", {"identity": replace(WHO, uid=1000, sudo=Sudo.REFUSED)}),
        ("sudo", {"identity": replace(WHO, uid=1000, sudo=Sudo.MISSING)}),
        ("root-read-only", {"block": replace(STORAGE, root_read_only=True)}),
        (
            "disk-full",
            {"block": replace(STORAGE, room={"/": replace(ROOM, free=GIB), "/boot": ROOM})},
        ),
        (
            "disk-full",
            {"block": replace(STORAGE, room={"/": ROOM, "/boot": replace(ROOM, free=1)})},
        ),
    ],
)
def test_these_forbid_every_converge(name: str, readings: dict[str, object]) -> None:
    found = inhibitors(SPEC, given({**HEALTHY, **readings}))
    assert ids(found) == [name]
    assert found[0].remedy


def test_the_remedy_for_sudo_names_the_account_that_logged_in() -> None:
    who = replace(WHO, uid=1000, user="admin", sudo=Sudo.REFUSED)
    (found,) = findings(identity=who)
    assert "echo 'admin ALL=(ALL) NOPASSWD: ALL'" in (found.remedy or "")
    denied = ("rig-a: sudo wants a terminal (requiretty)", "Defaults:admin !requiretty")
    (found,) = inspect(SPEC, given({**HEALTHY, "identity": who}), None, denied)
    assert found.text == "sudo is refused for admin: sudo wants a terminal (requiretty)"
    assert found.remedy == "Defaults:admin !requiretty"


@pytest.mark.parametrize(
    ("name", "readings", "text"),
    [
        ("dpkg-interrupted", {"packages": replace(PACKAGES, half_configured=("xe-x",))}, "xe-x"),
        ("dpkg-interrupted", {"packages": replace(PACKAGES, interrupted=True)}, "journal"),
        (
            "dpkg-locked",
            {"packages": replace(PACKAGES, locks=(LockHolder("/lock", 42, "apt upgrade"),))},
            "pid 42: apt upgrade",
        ),
        ("secure-boot", {"kernel": replace(KERNEL, secure_boot=True)}, "Secure Boot"),
        ("b70-alias", {"kernel": replace(KERNEL, knows_b70=False)}, "8086:e223"),
        ("b70-alias", {"kernel": replace(KERNEL, knows_b70=Unknown("no index"))}, "no index"),
        ("nomodeset", {"kernel": replace(KERNEL, tokens=("quiet", "nomodeset"))}, "nomodeset"),
        (
            "mirror-unreachable",
            {"mirrors": (Mirror("http://x", "noble", "timed out"),)},
            "timed out",
        ),
        (
            "foreign-updater",
            {
                "updaters": UpdaterState(
                    {"snapd": Updater("snapd", True, "all", (), ("snapd.service",))}, (), "l"
                )
            },
            "snapd.service",
        ),
        ("unreadable-fact", {"memory": Unknown("hangs")}, "memory is unknown: hangs"),
    ],
)
def test_these_warn_and_name_what_was_seen(
    name: str, readings: dict[str, object], text: str
) -> None:
    found = findings(**readings)
    assert ids(found) == [name]
    assert text in found[0].text
    assert not found[0].inhibits


MIB = 1024**2
WITH_BOOT_SET = SPEC.model_validate(
    {
        **SPEC.model_dump(),
        "stack": {
            "name": "declared",
            "boot": {"kernel": {"package": f"linux-image-{NEW}", "version": "1"}},
        },
    }
)
SMALL_BOOT = replace(STORAGE, room={"/": ROOM, "/boot": replace(ROOM, free=240 * MIB)})


def kernels(initrd_mib: int, *releases: str) -> BootState:
    there = [
        replace(
            kernel(release),
            image=BootFile(f"/boot/vmlinuz-{release}", 15 * MIB, 1),
            initrd=BootFile(f"/boot/initrd.img-{release}", initrd_mib * MIB, 1),
        )
        for release in releases
    ]
    return boot(there, entries=tuple(entry(each.release) for each in there))


def disk_full(spec: HostSpec, **readings: object) -> list[Finding]:
    found = inspect(spec, given({**HEALTHY, **readings}))
    return [finding for finding in found if finding.id == "disk-full"]


def test_a_fixed_bound_where_the_fact_is_known_no_boot_set_needs_no_room_for_a_kernel() -> None:
    assert disk_full(SPEC, block=SMALL_BOOT, boot=kernels(60, OLD)) == []
    (found,) = disk_full(WITH_BOOT_SET, block=SMALL_BOOT, boot=kernels(60, OLD))
    assert "/boot has 240 MiB free, 241 MiB are needed" in found.text
    assert f"linux-image-{NEW} with its initial RAM disk" in found.text
    assert "the folder of the fallback" in found.text


def test_a_large_initial_ram_disk_makes_the_demand_large() -> None:
    room = replace(STORAGE, room={"/": ROOM, "/boot": replace(ROOM, free=312 * MIB)})
    (found,) = disk_full(WITH_BOOT_SET, block=room, boot=kernels(455, OLD, NEW))
    assert found.inhibits


def test_a_boot_folder_on_the_root_file_system_adds_to_its_demand() -> None:
    together = replace(STORAGE, mounts=(mount("/", "8:1"),))
    both = 2 * GIB + 200 * MIB
    tight = replace(together, room={"/": replace(ROOM, free=both)})
    assert disk_full(SPEC, block=tight, boot=kernels(60, OLD)) == []
    (found,) = disk_full(WITH_BOOT_SET, block=tight, boot=kernels(60, OLD))
    assert found.text.startswith("/ has 2248 MiB free, 2289 MiB are needed")
    apart = replace(STORAGE, room={"/": replace(ROOM, free=both), "/boot": ROOM})
    assert disk_full(WITH_BOOT_SET, block=apart, boot=kernels(60, OLD)) == []


def test_the_remedy_for_boot_names_the_kernels_that_can_go() -> None:
    older, oldest = "6.17.0-23-generic", "6.17.0-9-generic"
    there = kernels(60, NEW, OLD, older, oldest)
    packages = package_facts({f"linux-image-{release}": "1" for release in there.kernels})
    readings = {"block": replace(STORAGE, room={"/": ROOM, "/boot": replace(ROOM, free=0)})}
    readings |= {"packages": packages, "kernel": replace(KERNEL, release=OLD)}
    (found,) = disk_full(WITH_BOOT_SET, **readings, boot=there)
    assert found.remedy is not None
    named = found.remedy.partition("   #")[0]
    assert named == f"apt-get purge linux-image-{oldest} linux-image-{older}"
    assert "gives back 150 of 166 MiB" in found.remedy
    (found,) = disk_full(WITH_BOOT_SET, **readings, boot=kernels(60, NEW, OLD))
    assert found.remedy is not None
    assert "none of the kernels there can go" in found.remedy


def test_clocks_are_compared_only_to_tell() -> None:
    assert ids(findings(now=1_000 - 7_200)) == ["clock-skew"]
    assert ids(findings(now=1_003)) == []
    assert inhibitors(SPEC, given(HEALTHY)) == []


def test_an_updater_that_is_fenced_or_idle_is_no_finding() -> None:
    fenced = Updater("a", True, "all", ("blacklist",), ())
    idle = Updater("b", False, "all", (), ())
    assert findings(updaters=UpdaterState({"a": fenced, "b": idle}, (), "l")) == []


UNATTENDED = Updater(
    "unattended-upgrades", True, "all", (), ("apt-daily-upgrade.timer is enabled",)
)
#: What a person wrote who thought of other cards.
NVIDIA: tuple[str, ...] = ("nvidia-.*", "libnvidia-.*", "cuda-.*")
INSTALLED = {"linux-image-generic": "1", "libze1": "1", "openssl": "1", "nvidia-x": "1"}


def unattended(
    blacklist: tuple[str, ...],
    held: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
    spec: HostSpec | None = None,
    **readings: object,
) -> list[Finding]:
    """Return what is said of unattended-upgrades on a host of Ubuntu."""
    guarded = SPEC.model_copy(
        update={"base": Base.model_validate({"fence": {"blacklist": ["^libze"]}})}
    )
    state = UpdaterState({"unattended-upgrades": UNATTENDED}, blacklist, "l", strict_whitelist=only)
    seen = {
        "updaters": state,
        "os": system("ubuntu-24.04"),
        "packages": package_facts(INSTALLED, holds=held),
    }
    return inspect(spec or guarded, given({**HEALTHY, **seen, **readings}))


def test_a_guard_is_judged_by_what_it_covers_and_not_by_being_there() -> None:
    (found,) = unattended(NVIDIA)
    assert found.id == "foreign-updater"
    assert "not on its blacklist: libze1, linux-image-generic" in found.text
    assert "openssl" not in found.text
    (found,) = unattended(("linux-",))
    assert "not on its blacklist: libze1" in found.text


@pytest.mark.parametrize(
    ("blacklist", "held", "only"),
    [
        (("linux-", "libze"), (), ()),
        (("^lib", "linux-image-generic$"), (), ()),
        ((), ("libze1", "linux-image-generic"), ()),
        (("linux",), ("libze1",), ()),
        ((), (), ("openssl",)),
    ],
    ids=["prefixes", "expressions", "holds", "both", "a strict whitelist"],
)
def test_a_guard_that_covers_every_installed_package_is_no_finding(
    blacklist: tuple[str, ...], held: tuple[str, ...], only: tuple[str, ...]
) -> None:
    assert unattended(blacklist, held, only) == []


@pytest.mark.parametrize(
    "readings",
    [
        {"os": Unknown("no file")},
        {"packages": Unknown("timeout")},
        {"updaters": UpdaterState({"unattended-upgrades": UNATTENDED}, Unknown("none"), "l")},
    ],
)
def test_a_guard_that_cannot_be_read_is_not_taken_for_a_good_one(
    readings: dict[str, object],
) -> None:
    found = unattended(("linux-", "lib"), **readings)
    assert any(each.id == "foreign-updater" and "is UNKNOWN" in each.text for each in found), found


def test_an_updater_of_which_nobody_knows_whether_it_acts_is_unknown() -> None:
    cron = Updater("cron", Unknown("needs root"), "all", (), ())
    (found,) = findings(updaters=UpdaterState({"cron": cron}, (), "l"))
    assert found.text == "whether cron changes all packages by itself is UNKNOWN (needs root)"


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("snapd", "on the host: snap refresh --hold"),
        ("fwupd", "on the host: systemctl mask --now fwupd-refresh.timer"),
        ("cloud-init", "on the host: touch /etc/cloud/cloud-init.disabled"),
        ("cron", "on the host: take these lines out, or disable the timers that start them"),
        ("needrestart", "b70 converge --limit rig-a   # the base layer fences it"),
    ],
)
def test_the_next_step_is_one_that_ends_this_updater(name: str, step: str) -> None:
    (found,) = findings(updaters=UpdaterState({name: Updater(name, True, "all", (), ())}, (), "l"))
    assert found.remedy == step


def test_a_restart_mode_that_is_computed_is_ended_by_ours() -> None:
    unsure = Updater("needrestart", Unknown("x.conf:1 computes it"), "services", (), ())
    (found,) = findings(updaters=UpdaterState({"needrestart": unsure}, (), "l"))
    assert found.remedy == "b70 converge --limit rig-a   # the base layer fences it"


def test_without_a_declared_fence_the_next_step_is_to_declare_one() -> None:
    off = SPEC.model_copy(update={"base": Base.model_validate({"fence": {"enabled": False}})})
    (found,) = unattended((), spec=off)
    assert found.remedy is not None
    assert "base.fence.enabled" in found.remedy


@pytest.mark.parametrize(
    ("release", "named"),
    [
        ("ubuntu-24.04", " (linux-generic-hwe-24.04)"),
        ("ubuntu-26.04", ""),
        ("debian-12", ""),
        ("plan9-4", ""),
    ],
)
def test_a_kernel_that_knows_the_card_is_named_where_the_release_has_one(
    release: str, named: str
) -> None:
    kernel = replace(KERNEL, knows_b70=False)
    (found,) = [
        each for each in findings(kernel=kernel, os=system(release)) if each.id == "b70-alias"
    ]
    assert found.remedy == f"install a kernel whose `modinfo xe` lists d0000E223{named}"


def test_a_kernel_of_which_nobody_knows_is_not_called_one_without_the_driver() -> None:
    (found,) = findings(kernel=replace(KERNEL, knows_b70=Unknown("no index")))
    assert (found.severity, found.verdict) == (Severity.WARNING, Verdict.UNKNOWN)
    assert found.remedy == "b70 facts rig-a kernel"


def test_the_worst_comes_first() -> None:
    found = findings(
        packages=replace(PACKAGES, interrupted=True), block=replace(STORAGE, root_read_only=True)
    )
    assert ids(found) == ["root-read-only", "dpkg-interrupted"]


def test_every_finding_has_a_long_text() -> None:
    assert all(len(text) > 40 for text in explanations().values())
