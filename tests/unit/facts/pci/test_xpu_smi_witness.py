"""sysfs and xpu-smi side by side."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from facts.pci.gpu_card import Card
from facts.pci.gpu_link import GpuLinks
from facts.pci.witness import compare
from facts.pci.xpu_smi import XpuSmi
from facts.pci.xpu_smi_parse import XpuDevice, XpuSmiReport
from facts.value import ABSENT, Unknown
from tests.places import FIXTURES
from tests.unit.fact_frame import run
from tests.unit.gpu_tree import Spec, build

RECORDED = FIXTURES / "xpu_smi"


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> tuple[Card, ...]:
    found: tuple[Card, ...] = run(GpuLinks(), build(tmp_path_factory.mktemp("sys"), Spec(), Spec()))
    return found


def device(bdf: str, **said: Any) -> XpuDevice:
    values: dict[str, Any] = {
        "index": 0,
        "bdf": bdf,
        "pci_device_id": 0xE223,
        "function": "physical",
        "state": ABSENT,
        "max_gen": 5,
        "max_width": 16,
        "ecc": False,
        "ecc_pending": False,
        "downgraded": False,
        "firmware": (),
    }
    return XpuDevice(**(values | said))


def report(*devices: XpuDevice) -> XpuSmiReport:
    return XpuSmiReport(version="1.3.7", level_zero=ABSENT, devices=devices)


def both(cards: tuple[Card, ...], **said: Any) -> XpuSmiReport:
    return report(*(device(card.bdf, **said) for card in cards))


def test_two_agreeing_witnesses_give_the_value(cards: tuple[Card, ...]) -> None:
    told = compare(cards, both(cards))
    assert [card.bdf for card in told.cards] == ["0000:03:00.0", "0000:83:00.0"]
    first = told.cards[0]
    assert (first.max_gen, first.max_width, first.downgraded, first.ecc) == (5, 16, False, False)
    assert told.strangers == ()


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ({"max_gen": 4}, "max_gen", "maximum generation: sysfs says 5, xpu-smi says 4"),
        ({"max_width": 8}, "max_width", "maximum width: sysfs says 16, xpu-smi says 8"),
        (
            {"downgraded": True},
            "downgraded",
            "downgrade state: sysfs says False, xpu-smi says True",
        ),
        ({"ecc_pending": True}, "ecc", "ECC is disabled now, enabled after the next reboot"),
        ({"ecc": True}, "ecc", "ECC is enabled now, disabled after the next reboot"),
    ],
)
def test_a_disagreement_is_unknown_and_carries_both_values(
    cards: tuple[Card, ...], said: dict[str, Any], field: str, reason: str
) -> None:
    first = compare(cards, both(cards, **said)).cards[0]
    assert getattr(first, field) == Unknown(reason)


def test_replayed_xpu_smi_and_a_tree_of_the_same_rig_agree(tmp_path: Path) -> None:
    build(tmp_path, *[Spec()] * 4)
    (tmp_path / "usr/bin").mkdir(parents=True)
    shutil.copy(RECORDED / "xpu-smi", tmp_path / "usr/bin/xpu-smi")
    rig = run(GpuLinks(), tmp_path)
    replay = {"REPLAY_DIR": str(RECORDED / "1.3.7")}
    told = compare(rig, run(XpuSmi(), tmp_path, env=replay))
    assert [(c.max_gen, c.max_width, c.downgraded, c.ecc) for c in told.cards] == [
        (5, 16, False, False)
    ] * 4
    fallen = compare(rig, run(XpuSmi(), tmp_path, env={**replay, "REPLAY_CASE": "gen4"}))
    assert isinstance(fallen.cards[0].downgraded, Unknown)


def test_a_silent_witness_takes_nothing_from_sysfs(cards: tuple[Card, ...]) -> None:
    mute = Unknown("not reported by xpu-smi, or the caller was not root", "-1")
    first = compare(cards, both(cards, max_gen=mute, max_width=mute, downgraded=ABSENT)).cards[0]
    assert (first.max_gen, first.max_width, first.downgraded) == (5, 16, False)


def test_xpu_smi_alone_proves_no_link(cards: tuple[Card, ...]) -> None:
    blind = tuple(
        dataclasses.replace(
            card,
            downgrade_status=ABSENT,
            hops=tuple(dataclasses.replace(hop, maximum=Unknown("width 63")) for hop in card.hops),
        )
        for card in cards
    )
    first = compare(blind, both(blind)).cards[0]
    assert first.max_gen == Unknown("maximum generation: sysfs says width 63, xpu-smi alone says 5")
    assert first.downgraded == Unknown(
        "downgrade state: sysfs says it is absent, xpu-smi alone says False"
    )
    silent = compare(blind, ABSENT).cards[0]
    assert silent.max_gen == Unknown("width 63")
    assert silent.downgraded is ABSENT
    guest = tuple(dataclasses.replace(card, hops=card.hops[:1]) for card in cards)
    assert isinstance(compare(guest, both(guest)).cards[0].max_width, Unknown)


def test_a_card_that_only_sysfs_lists_is_unknown(cards: tuple[Card, ...]) -> None:
    second = compare(cards, report(device("0000:03:00.0"))).cards[1]
    unlisted = Unknown("xpu-smi does not list this card; sysfs does")
    assert second.max_gen == second.ecc == second.downgraded == unlisted


def test_a_card_that_only_xpu_smi_lists_is_a_stranger(cards: tuple[Card, ...]) -> None:
    extra = device("0000:c3:00.0")
    own_gpu = device("0000:00:02.0", pci_device_id=0x7D67)
    told = compare(cards, report(*both(cards).devices, extra, own_gpu))
    assert told.strangers == ("0000:c3:00.0",)


@pytest.mark.parametrize(
    "xpu", [ABSENT, Unknown("no device listed: no GPU, or Level Zero is broken")]
)
def test_without_xpu_smi_links_stand_and_ecc_is_unknown(cards: tuple[Card, ...], xpu: Any) -> None:
    first = compare(cards, xpu).cards[0]
    assert (first.max_gen, first.max_width, first.downgraded) == (5, 16, False)
    assert isinstance(first.ecc, Unknown)
    assert first.ecc.reason.startswith("no word from xpu-smi: ")


def test_an_ecc_state_that_was_not_reported_stays_unknown(cards: tuple[Card, ...]) -> None:
    mute = Unknown("xpu-smi hung and was stopped")
    assert compare(cards, both(cards, ecc=mute)).cards[0].ecc == mute
    assert isinstance(compare(cards, both(cards, ecc_pending=mute)).cards[0].ecc, Unknown)


def test_sysfs_decides_whether_a_card_is_in_survivability_mode(cards: tuple[Card, ...]) -> None:
    said = "survivability mode"
    first, second = compare(cards, both(cards, state=said)).cards
    assert first.dispute == (
        "xpu-smi says 'survivability mode', survivability_mode in sysfs: absent"
    )
    assert (first.max_gen, first.max_width, first.ecc) == (5, 16, False)
    assert second.dispute == first.dispute
    sick = tuple(dataclasses.replace(card, survivability="Boot") for card in cards)
    assert compare(sick, both(sick, state=said)).cards[0].dispute is None
    assert compare(sick, both(sick, state="normal")).cards[0].dispute == (
        "xpu-smi says 'normal', survivability_mode in sysfs: Boot"
    )
    for silent in (ABSENT, Unknown("not reported by xpu-smi")):
        assert compare(sick, both(sick, state=silent)).cards[0].dispute is None


@pytest.mark.parametrize(
    ("said", "vram", "expected"),
    [
        (False, 34_242_297_856, False),
        (True, 29_961_617_408, True),
        (
            False,
            29_961_617_408,
            Unknown("xpu-smi says that ECC is disabled, sysfs shows 27.9 GiB of VRAM"),
        ),
        (
            True,
            34_242_297_856,
            Unknown("xpu-smi says that ECC is enabled, sysfs shows 31.9 GiB of VRAM"),
        ),
        (False, ABSENT, False),
    ],
)
def test_an_ecc_state_that_the_vram_contradicts_is_unknown(
    cards: tuple[Card, ...], said: bool, vram: Any, expected: Any
) -> None:
    found = tuple(dataclasses.replace(card, vram_bytes=vram) for card in cards)
    assert compare(found, both(found, ecc=said, ecc_pending=said)).cards[0].ecc == expected


def test_a_virtual_function_that_only_xpu_smi_lists_is_no_stranger(
    cards: tuple[Card, ...],
) -> None:
    part = device("0000:c3:00.1", function="virtual")
    assert compare(cards, report(*both(cards).devices, part)).strangers == ()
