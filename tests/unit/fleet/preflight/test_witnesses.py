"""xpu-smi beside sysfs: where they differ a person sees both values, and sysfs decides."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from declaration.host import HostSpec
from facts.pci.gpu_card import Card
from facts.pci.gpu_link import GpuLinks
from facts.pci.xpu_smi_parse import XpuDevice, XpuSmiReport
from facts.value import ABSENT, Reading, Unknown
from fleet.model.finding import Finding
from fleet.preflight import inspect
from gates.model import Verdict
from tests.given import given
from tests.unit.fact_frame import run
from tests.unit.gpu_tree import Spec, build

SPEC = HostSpec.model_validate({"name": "rig", "connection": {"address": "192.0.2.1"}})
FIRST = "0000:03:00.0"


@cache
def cards() -> tuple[Card, ...]:
    with TemporaryDirectory() as folder:
        found = run(GpuLinks(), build(Path(folder), Spec()))
        assert isinstance(found, tuple)
        return found


DEVICE = XpuDevice(
    index=0,
    bdf=FIRST,
    pci_device_id=0xE223,
    function="physical",
    state="normal",
    max_gen=5,
    max_width=16,
    ecc=False,
    ecc_pending=False,
    downgraded=ABSENT,
    firmware=(),
)


def told(
    *devices: XpuDevice, version: str = "2.2.0", level_zero: Reading[str] = "1.32.0"
) -> list[Finding]:
    report = XpuSmiReport(version=version, level_zero=level_zero, devices=devices)
    found = inspect(SPEC, given({"gpu_link": cards(), "xpu_smi": report}))
    return [finding for finding in found if finding.id == "two-witnesses"]


def test_two_that_agree_need_no_word() -> None:
    assert told(DEVICE) == []


@pytest.mark.parametrize(
    ("said", "verdict", "text"),
    [
        (
            {"state": "survivability mode"},
            Verdict.WARN,
            "xpu-smi says 'survivability mode', survivability_mode in sysfs: absent; sysfs decides",
        ),
        ({"max_gen": 4}, Verdict.UNKNOWN, "maximum generation: sysfs says 5, xpu-smi says 4"),
        ({"max_width": 8}, Verdict.UNKNOWN, "maximum width: sysfs says 16, xpu-smi says 8"),
        (
            {"downgraded": True},
            Verdict.UNKNOWN,
            "downgrade state: sysfs says False, xpu-smi says True",
        ),
        (
            {"ecc_pending": True},
            Verdict.UNKNOWN,
            "ECC is disabled now, enabled after the next reboot",
        ),
        (
            {"ecc": True, "ecc_pending": True},
            Verdict.UNKNOWN,
            "xpu-smi says that ECC is enabled, sysfs shows 31.9 GiB of VRAM",
        ),
    ],
)
def test_a_difference_is_told_with_both_values(
    said: dict[str, Any], verdict: Verdict, text: str
) -> None:
    (found,) = told(replace(DEVICE, **said))
    assert (found.verdict, found.text) == (verdict, f"{FIRST}: {text}")
    assert found.remedy == "b70 facts rig xpu_smi gpu_link"


def test_a_card_that_xpu_smi_does_not_list_is_told_once() -> None:
    (found,) = told()
    assert found.text == f"{FIRST}: xpu-smi does not list this card; sysfs does"


def test_a_card_that_only_xpu_smi_lists_is_told() -> None:
    (found,) = told(DEVICE, replace(DEVICE, index=1, bdf="0000:c3:00.0"))
    assert found.text == "xpu-smi lists a card at 0000:c3:00.0 that is not on the PCI bus"


@pytest.mark.parametrize(
    ("version", "level_zero", "is_told"),
    [
        ("2.2.0", "1.28.2", False),
        ("2.4.0", "1.33.0", True),
        ("2.4.0", "1.33.1", False),
        ("2.4.0", "1.35.0", False),
        ("2.4.0", "main", True),
        ("2.4.0", Unknown("not reported by xpu-smi"), True),
    ],
)
def test_a_level_zero_too_old_for_its_health_report_is_told(
    version: str, level_zero: Reading[str], is_told: bool
) -> None:
    found = told(DEVICE, version=version, level_zero=level_zero)
    assert ["Level Zero 1.33.1" in finding.text for finding in found] == [True] * is_told


@pytest.mark.parametrize("xpu", [ABSENT, Unknown("xpu-smi hung and was stopped")])
def test_a_silent_tool_takes_nothing_from_sysfs(xpu: Any) -> None:
    found = inspect(SPEC, given({"gpu_link": cards(), "xpu_smi": xpu}))
    assert not [finding for finding in found if finding.id == "two-witnesses"]
    assert ["xpu_smi is unknown" in f.text for f in found if f.id == "unreadable-fact"] == [
        True
    ] * isinstance(xpu, Unknown)
