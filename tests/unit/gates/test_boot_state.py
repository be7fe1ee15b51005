"""When a reboot is due, what cannot be proven, and whether GRUB can try a kernel once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from declaration.host import HostSpec
from facts.boot.kernel import XeModule
from facts.disks.block import Device, Disks
from facts.disks.mountinfo import Mount
from facts.pci.gpu_log import CardLog, KernelLog
from facts.readings import Readings
from facts.value import ABSENT, Unknown
from gates.boot_state import pending_reboot, running_set, unproven_boot
from gates.one_shot import one_shot
from tests.given import given
from tests.unit.boot_facts import NEW, OLD, boot, running

BDF = "0000:03:00.0"
SPEC = HostSpec.model_validate(
    {
        "name": "rig",
        "connection": {"address": "192.0.2.1"},
        "hardware": {"cards": [{"slot": "1", "bdf": BDF}]},
        "stack": {
            "name": "s",
            "boot": {
                "kernel": {"package": f"linux-image-{NEW}", "version": "1"},
                "cmdline": {
                    "present": ["xe.disable_display=1", "console=ttyS0"],
                    "absent": ["nomodeset"],
                },
                "xe_options": {"probe_display": "0"},
                "guc": {"sha256": "0" * 64, "version": "70.49.4"},
                "huc": {"sha256": "1" * 64, "version": "8.2.10"},
            },
        },
    }
)
BOOT = SPEC.stack.boot if SPEC.stack else None
NAME = BOOT.set_id if BOOT else ""
TOKENS = ("quiet", "console=ttyS0", "console=tty0", "xe.disable_display=1")


def log(version: Any, bdf: str = BDF, huc: Any = "8.2.10") -> KernelLog:
    card = CardLog(bdf, version, ABSENT, huc, ())
    return KernelLog(from_boot=True, dropped=0, faults=(), cards=(card,))


def readings(**changes: Any) -> Readings:
    xe = XeModule("Live", "", "S", {"probe_display": "N"})
    found = {"kernel": running(NEW, TOKENS, xe=xe), "gpu_log": log("70.49.4")}
    return given(found | changes)


def kernel(*tokens: str, release: str = NEW, **parameters: str) -> Any:
    xe = XeModule("Live", "", "S", {"probe_display": "N", **parameters})
    return running(release, tokens or TOKENS, xe=xe)


def test_a_host_that_runs_its_boot_set_needs_no_reboot() -> None:
    assert pending_reboot(SPEC, readings()) == []
    assert unproven_boot(SPEC, readings()) == []


def test_a_host_without_a_boot_set_never_needs_one() -> None:
    bare = SPEC.model_copy(update={"stack": None})
    assert pending_reboot(bare, Readings()) == []
    assert unproven_boot(bare, Readings()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kernel": kernel(release=OLD)}, f"kernel {OLD} runs, {NEW} is declared"),
        ({"kernel": kernel("console=ttyS0")}, "booted without xe.disable_display=1"),
        (
            {"kernel": kernel(*TOKENS, "xe.disable-display=0")},
            "booted with xe.disable-display=0 after xe.disable_display=1",
        ),
        ({"kernel": kernel(*TOKENS, "nomodeset")}, "booted with nomodeset"),
        ({"kernel": kernel(probe_display="Y")}, "xe runs with probe_display=Y, 0 is declared"),
        ({"gpu_log": log("70.44.1")}, f"{BDF} runs GuC 70.44.1, 70.49.4 is declared"),
        (
            {"gpu_log": log("70.49.4", huc="8.2.9")},
            f"{BDF} runs HuC 8.2.9, 8.2.10 is declared",
        ),
        (
            {"kernel": kernel(*TOKENS, "b70fleet.set=b70-other")},
            f"boot set b70-other runs, {NAME} is declared",
        ),
    ],
)
def test_each_difference_is_a_reason_to_reboot(changes: dict[str, Any], said: str) -> None:
    (reason,) = pending_reboot(SPEC, readings(**changes))
    assert said in reason


@pytest.mark.parametrize("word", ["", f"b70fleet.set={NAME}"])
def test_an_entry_of_the_distribution_may_boot_what_is_declared(word: str) -> None:
    tokens = (*TOKENS, *([word] if word else []))
    assert pending_reboot(SPEC, readings(kernel=kernel(*tokens))) == []


def test_the_set_that_runs_is_told_by_its_word() -> None:
    assert running_set(kernel(*TOKENS)) == ""
    assert running_set(kernel(*TOKENS, f"b70fleet.set={NAME}")) == NAME
    assert running_set(replace(kernel(), tokens=Unknown("cut"))) == ""


def test_firmware_that_is_not_declared_is_nobodys_business() -> None:
    bare = BOOT.model_copy(update={"guc": None, "huc": None}) if BOOT else None
    assert SPEC.stack
    spec = SPEC.model_copy(update={"stack": SPEC.stack.model_copy(update={"boot": bare})})
    for found in (log("1.0.0", huc="1.0.0"), Unknown("no journal")):
        assert pending_reboot(spec, readings(gpu_log=found)) == []
        assert unproven_boot(spec, readings(gpu_log=found)) == []


def test_a_parameter_that_may_be_repeated_needs_no_last_word() -> None:
    tokens = ("console=ttyS0", "xe.disable_display=1", "console=tty0")
    assert pending_reboot(SPEC, readings(kernel=kernel(*tokens))) == []


def test_the_firmware_of_another_gpu_is_not_the_cards() -> None:
    assert pending_reboot(SPEC, readings(gpu_log=log("70.5.1", "0000:00:02.0"))) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kernel": Unknown("timeout")}, "which kernel runs is UNKNOWN: timeout"),
        ({"kernel": replace(kernel(), tokens=Unknown("cut"))}, "command line is UNKNOWN: cut"),
        ({"kernel": replace(kernel(), xe=ABSENT)}, "options of xe are UNKNOWN"),
        ({"kernel": replace(kernel(), xe=XeModule("Live", "", "S", {}))}, "does not show"),
        ({"gpu_log": Unknown("no journal")}, "which firmware was loaded is UNKNOWN: no journal"),
        ({"gpu_log": log(Unknown("silent"))}, f"which GuC {BDF} loaded is UNKNOWN: silent"),
        (
            {"gpu_log": log("70.49.4", huc=Unknown("silent"))},
            f"which HuC {BDF} loaded is UNKNOWN: silent",
        ),
    ],
)
def test_unknown_is_no_reason_to_reboot_and_no_proof_either(
    changes: dict[str, Any], said: str
) -> None:
    assert pending_reboot(SPEC, readings(**changes)) == []
    assert any(said in text for text in unproven_boot(SPEC, readings(**changes)))


def device(name: str, kind: str, *children: Device, at: tuple[str, ...] = ()) -> Device:
    names = ("fstype", "label", "uuid", "partuuid", "pttype", "model", "serial", "transport")
    values: dict[str, Any] = dict.fromkeys(names, ABSENT)
    return Device(
        name=name,
        type=kind,
        size=1,
        mountpoints=at,
        read_only=False,
        children=children,
        **values,
    )


def storage(*devices: Device, source: str = "/dev/sda2", fstype: str = "ext4") -> Disks:
    root = Mount("/", source, fstype, "8:2", "/", ("rw",), ("rw",))
    return Disks(devices, (root,), {}, (), False)


PLAIN = storage(device("sda", "disk", device("sda2", "part", at=("/",))))


def test_a_plain_partition_lets_grub_write_its_environment() -> None:
    found = one_shot(boot(), PLAIN)
    assert found.possible is True
    assert "/dev/sda2, a plain partition" in found.why


@pytest.mark.parametrize(
    ("kind", "name"), [("lvm", "vg-root"), ("raid1", "md0"), ("crypt", "luks-1")]
)
def test_what_lies_between_disk_and_file_system_keeps_grub_from_writing(
    kind: str, name: str
) -> None:
    disk = device("sda", "disk", device("sda2", "part", device(name, kind, at=("/",))))
    found = one_shot(boot(), storage(disk, source=f"/dev/mapper/{name}"))
    assert found.possible is False
    assert kind in found.why


@pytest.mark.parametrize("fstype", ["btrfs", "zfs", "overlay"])
def test_some_file_systems_keep_grub_from_writing(fstype: str) -> None:
    disk = device("sda", "disk", device("sda2", "part", at=("/",)))
    assert one_shot(boot(), storage(disk, fstype=fstype)).possible is False


def test_without_grub_or_its_environment_nothing_is_armed() -> None:
    assert one_shot(boot(entries=ABSENT), PLAIN).possible is False
    assert "grub-editenv create" in one_shot(boot(environment=ABSENT), PLAIN).why


@pytest.mark.parametrize(
    ("state", "disks"),
    [
        (Unknown("x"), PLAIN),
        (boot(), Unknown("x")),
        (boot(environment=Unknown("x")), PLAIN),
        (boot(), replace(PLAIN, devices=Unknown("x"))),
        (boot(), storage(device("sdb", "disk"))),
    ],
)
def test_what_cannot_be_seen_is_neither_possible_nor_impossible(state: Any, disks: Any) -> None:
    assert isinstance(one_shot(state, disks).possible, Unknown)
