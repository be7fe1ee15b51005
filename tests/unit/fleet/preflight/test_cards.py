"""Preflight over the cards and the next boot, on the lab's fake rigs: what is told, what warns."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from declaration.host import HostSpec
from facts.pci.displays import Display
from facts.pci.gpu_fault import Fault
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_log import GpuLog, KernelLog
from facts.value import ABSENT, Unknown
from fleet.model.finding import Finding, Severity
from fleet.preflight import inhibitors, inspect
from gates.model import Verdict
from lab import fakesys, shapes, tree
from tests.given import given
from tests.unit.boot_facts import NEW, OLD, boot, kernel, running
from tests.unit.fact_frame import run
from tests.unit.gates.test_boot_state import PLAIN, device, storage

SPEC = HostSpec.model_validate(
    {
        "name": "rig",
        "connection": {"address": "192.0.2.1"},
        "hardware": {"cards": [{"slot": str(number)} for number in range(4)]},
    }
)
WITH_BOOT_SET = SPEC.model_validate(
    {
        **SPEC.model_dump(),
        "stack": {
            "name": "s",
            "boot": {
                "kernel": {"package": f"linux-image-{NEW}", "version": "1"},
                "guc": {"sha256": "0" * 64, "version": "70.49.4"},
            },
        },
    }
)


@cache
def rig(shape: str) -> dict[str, Any]:
    """Return the GPU readings of a fake rig."""
    with TemporaryDirectory() as folder:
        tree.write(fakesys.tree(shapes.by_name(shape), "boot"), Path(folder))
        return {"gpu_link": run(GpuLinks(), folder), "gpu_log": run(GpuLog(), folder)}


def findings(spec: HostSpec = SPEC, shape: str = "gen5-x16", **changes: Any) -> list[Finding]:
    return inspect(spec, given({**rig(shape), **changes}))


def bad(found: list[Finding]) -> list[str]:
    return [finding.id for finding in found if finding.severity is not Severity.INFO]


def test_healthy_cards_are_told_in_one_line_each_and_nothing_warns() -> None:
    found = findings()
    assert bad(found) == []
    firmware = next(finding for finding in found if finding.id == "gpu-firmware")
    assert firmware.text.endswith("GuC 70.54.0 loaded")
    assert firmware.text.count("0000:") == 4
    power = next(finding for finding in found if finding.id == "gpu-power")
    assert power.text.endswith("power/control on, active, D0")


@pytest.mark.parametrize(
    ("shape", "name", "text"),
    [
        ("old-guc", "gpu-firmware", "GuC 70.44.1 loaded, the driver recommends 70.54.0"),
        ("suspended", "gpu-power", "power/control auto, suspended, D3cold"),
        ("small-bar", "small-bar", "BAR2 is only 256 MiB"),
        ("survivability", "survivability", "survivability mode"),
        ("dead-card", "gpu-faults", "1 x power since boot"),
        ("survivability", "gpu-firmware", "is UNKNOWN"),
        ("suspended", "small-bar", "is UNKNOWN"),
    ],
)
def test_what_is_wrong_with_a_card_is_a_finding_with_a_remedy(
    shape: str, name: str, text: str
) -> None:
    found = [f for f in findings(shape=shape) if f.id == name and f.severity is not Severity.INFO]
    assert any(text in finding.text and finding.remedy for finding in found)
    assert inhibitors(SPEC, given(rig(shape))) == []


def test_a_card_that_the_kernel_lost_is_critical() -> None:
    cards = rig("gen5-x16")["gpu_link"]
    lost = (replace(cards[0], runtime_status="error"), *cards[1:])
    (finding,) = [f for f in findings(gpu_link=lost) if f.severity is Severity.CRITICAL]
    assert finding.id == "gpu-power"
    assert "reboot" in finding.remedy


def test_a_declared_blob_is_what_counts_not_the_drivers_wish() -> None:
    (finding,) = [f for f in findings(WITH_BOOT_SET) if f.id == "gpu-firmware"]
    assert finding.severity is Severity.WARNING
    assert "GuC 70.54.0 loaded, 70.49.4 declared" in finding.text
    declared = WITH_BOOT_SET.model_dump()
    declared["stack"]["boot"]["guc"]["version"] = "70.44.1"
    spec = HostSpec.model_validate(declared)
    (finding,) = [f for f in findings(spec, "old-guc") if f.id == "gpu-firmware"]
    assert finding.severity is Severity.INFO
    assert "(the driver recommends 70.54.0)" in finding.text


def test_a_log_that_begins_late_proves_no_silence() -> None:
    late = replace(rig("gen5-x16")["gpu_log"], from_boot=False, faults=())
    (finding,) = [f for f in findings(gpu_log=late) if f.id == "gpu-faults"]
    assert "UNKNOWN" in finding.text


def test_a_reset_loop_is_one_finding_with_its_count() -> None:
    log: KernelLog = rig("gen5-x16")["gpu_log"]
    faults = (
        Fault("0000:03:00.0", "reset", 359, "xe 0000:03:00.0: GT0: reset"),
        Fault("0000:03:00.0", "reset", 1, "xe 0000:03:00.0: GT1: reset"),
        Fault("", "timeout", 2, "Timedout job"),
    )
    texts = [f.text for f in findings(gpu_log=replace(log, faults=faults)) if f.id == "gpu-faults"]
    assert [text.partition(" since")[0] for text in texts] == [
        "0000:03:00.0: 360 x reset",
        "the driver: 2 x timeout",
    ]


def one_shot(spec: HostSpec, **readings: Any) -> Finding:
    (finding,) = [f for f in findings(spec, **readings) if f.id == "one-shot-boot"]
    return finding


def test_whether_a_kernel_can_be_tried_once_is_told_on_every_host() -> None:
    finding = one_shot(SPEC, boot=boot(), block=PLAIN)
    assert (finding.severity, finding.text.partition(":")[0]) == (Severity.INFO, "possible")
    assert one_shot(SPEC, boot=boot(entries=ABSENT), block=PLAIN).severity is Severity.INFO


@pytest.mark.parametrize(
    ("block", "word"),
    [
        (storage(device("sda", "disk", device("vg-root", "lvm", at=("/",)))), "not possible"),
        (Unknown("lsblk hangs"), "UNKNOWN"),
    ],
)
def test_a_boot_set_without_a_one_shot_boot_warns(block: Any, word: str) -> None:
    finding = one_shot(WITH_BOOT_SET, boot=boot(), block=block)
    assert finding.severity is Severity.WARNING
    assert finding.text.startswith(word)


def test_a_boot_set_on_a_host_with_one_kernel_warns_that_there_is_no_way_back() -> None:
    alone = boot([kernel(NEW)])
    assert "fallback-kernel" in bad(findings(WITH_BOOT_SET, boot=alone))
    # the one kernel that is there becomes the fallback of the first boot set
    assert "fallback-kernel" not in bad(findings(WITH_BOOT_SET, boot=boot([kernel(OLD)])))
    assert "fallback-kernel" not in bad(findings(SPEC, boot=alone))


def test_a_boot_set_that_cannot_be_compared_with_what_runs_is_said() -> None:
    booted = running(NEW)
    silent = KernelLog(from_boot=False, dropped=0, faults=(), cards=())
    assert "boot-unproven" not in bad(findings(WITH_BOOT_SET, kernel=booted))
    found = findings(WITH_BOOT_SET, kernel=booted, gpu_log=silent)
    (finding, *_) = [each for each in found if each.id == "boot-unproven"]
    assert "which GuC" in finding.text
    assert finding.severity is Severity.WARNING
    assert not finding.inhibits


def seen(*displays: Display, spec: HostSpec = SPEC) -> list[Finding]:
    found = inspect(spec, given({"displays": displays}))
    return [finding for finding in found if finding.id == "other-gpu"]


OWN_CARD = Display("0000:03:00.0", 0x8086, 0xE223, "xe", False)


@pytest.mark.parametrize(
    ("display", "text", "remedy"),
    [
        (
            Display("0000:c3:00.0", 0x8086, 0x56A0, ABSENT, False),
            "Intel 8086:56a0 at 0000:c3:00.0 (no driver) stands beside the B70, "
            "and Level Zero numbers it among them",
            "ZE_AFFINITY_MASK",
        ),
        (
            Display("0000:c3:00.0", 0x10DE, 0x2204, "nvidia", False),
            "NVIDIA 10de:2204 at 0000:c3:00.0 (driver nvidia) stands beside the B70",
            "b70 facts rig gpu_link",
        ),
    ],
)
def test_a_card_of_another_kind_beside_the_b70_is_told(
    display: Display, text: str, remedy: str
) -> None:
    (found,) = seen(OWN_CARD, display)
    assert (found.verdict, found.text) == (Verdict.WARN, text)
    assert remedy in str(found.remedy)


def test_neither_a_processors_own_gpu_nor_a_console_nor_a_host_without_b70_is_told() -> None:
    own = Display("0000:00:02.0", 0x8086, 0x7D67, "i915", True)
    console = Display("0000:68:00.0", 0x1A03, 0x2000, "ast", False)
    assert seen(OWN_CARD, own, console) == []
    without = SPEC.model_validate({**SPEC.model_dump(), "hardware": {}})
    other = Display("0000:c3:00.0", 0x10DE, 0x2204, "nvidia", False)
    assert seen(other, spec=without) == []
    assert len(seen(other)) == len(seen(OWN_CARD, other, spec=without)) == 1
