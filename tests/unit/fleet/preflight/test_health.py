"""Preflight over signs that a host is not well: each is told, and its absence is silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facts.disks.block import Room
from facts.pci.gpu_link import GpuLinks
from facts.system.clock import Sync
from facts.system.units import UnitState
from facts.value import ABSENT, Unknown
from fleet.model.finding import Finding, Severity
from fleet.preflight import inspect
from tests.given import given
from tests.unit.base_facts import system
from tests.unit.boot_facts import boot
from tests.unit.fact_frame import run
from tests.unit.fleet.preflight.test_preflight import CLOCK, HEALTHY, KERNEL, ROOM, SPEC, STORAGE
from tests.unit.gpu_tree import Spec, build

ADRIFT = replace(CLOCK, uptime_s=600.0, sync=Sync(False, "chrony"))


def told(name: str, **readings: Any) -> list[Finding]:
    found = inspect(SPEC, given({**HEALTHY, **readings}))
    return [finding for finding in found if finding.id == name]


@pytest.mark.parametrize("path", ["/", "/boot"])
def test_a_file_system_without_room_for_another_file_forbids_every_converge(path: str) -> None:
    full = Room(size=ROOM.size, free=ROOM.free, inodes=6_553_600, inodes_free=999)
    (found,) = told("no-inodes", block=replace(STORAGE, room={**STORAGE.room, path: full}))
    assert found.inhibits
    assert found.text == f"{path} has room for 999 more files (inodes), of 6553600"
    assert str(found.remedy).startswith(f"find {path} -xdev")


@pytest.mark.parametrize(("inodes", "free"), [(0, 0), (6_553_600, 1000)])
def test_a_file_system_without_such_a_limit_or_with_room_is_silent(inodes: int, free: int) -> None:
    room = Room(size=ROOM.size, free=ROOM.free, inodes=inodes, inodes_free=free)
    assert told("no-inodes", block=replace(STORAGE, room={"/": room, "/boot": room})) == []


def test_a_clock_that_nobody_keeps_is_told_with_who_says_so() -> None:
    (found,) = told("clock-unsynced", clock=ADRIFT)
    assert found.text == "the clock is not synchronised, says chrony"


@pytest.mark.parametrize(
    "readings",
    [
        {"clock": replace(ADRIFT, sync=Sync(True, "chrony"))},
        {"clock": replace(ADRIFT, sync=Unknown("no time service was found"))},
        {"clock": replace(ADRIFT, uptime_s=599.0)},
        {"clock": ADRIFT, "os": system(container=True)},
    ],
    ids=["kept", "unknown", "just booted", "container"],
)
def test_a_clock_that_is_kept_or_not_the_host_s_own_is_no_finding(readings: Any) -> None:
    assert told("clock-unsynced", **readings) == []


def test_failed_units_are_named() -> None:
    (found,) = told("failed-units", units=UnitState({}, ("a.service", "b.mount")))
    assert found.severity is Severity.INFO
    assert "a.service, b.mount" in found.text
    assert told("failed-units", units=UnitState({}, ())) == []


@pytest.mark.parametrize(
    ("taint", "words"),
    [
        (1 << 4, ["machine check"]),
        (1 << 5 | 1 << 7, ["page of memory", "oops"]),
        (1 << 14, ["soft lockup"]),
        (1 << 0 | 1 << 12 | 1 << 13, []),
        (0, []),
        (Unknown("cannot be read"), []),
    ],
)
def test_a_kernel_that_marked_itself_after_a_fault_is_told(taint: Any, words: list[str]) -> None:
    found = told("kernel-taint", kernel=replace(KERNEL, taint=taint))
    assert len(found) == len(words)
    assert all(word in finding.text for word, finding in zip(words, found, strict=True))


def test_a_card_that_is_split_into_virtual_functions_is_told(tmp_path: Path) -> None:
    build(tmp_path, Spec(extra={"sriov_numvfs": "2"}), Spec())
    (found,) = told("virtual-functions", gpu_link=run(GpuLinks(), tmp_path))
    assert found.text == "0000:03:00.0 is split into 2 virtual functions"
    assert "/sys/bus/pci/devices/0000:03:00.0/sriov_numvfs" in str(found.remedy)


def test_a_reboot_that_packages_ask_for_is_told_with_their_names() -> None:
    (found,) = told("reboot-due", boot=boot(reboot_required=("linux-base", "libc6", "linux-base")))
    assert found.text == "a reboot is due, asked for by linux-base, libc6"
    (found,) = told("reboot-due", boot=boot(reboot_required=()))
    assert "a package that gave no name" in found.text
    assert told("reboot-due", boot=boot(reboot_required=ABSENT)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"secure_boot": True, "lockdown": "integrity"}, ["Secure Boot is on"]),
        ({"lockdown": "integrity"}, ["the kernel is locked down (integrity)"]),
        ({"lockdown": "confidentiality"}, ["the kernel is locked down (confidentiality)"]),
        ({"lockdown": "none"}, []),
        ({"lockdown": Unknown("cannot be read")}, []),
    ],
)
def test_a_kernel_that_takes_no_unsigned_module_is_told_whatever_locked_it(
    changes: dict[str, Any], words: list[str]
) -> None:
    found = told("secure-boot", kernel=replace(KERNEL, **changes))
    assert len(found) == len(words)
    assert all(word in finding.text for word, finding in zip(words, found, strict=True))
