"""A next step works in the state that was found: guests, narrow links, windows without room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facts.pci.gpu_card import Card, Link
from facts.pci.gpu_fault import Fault
from facts.pci.gpu_link_parse import parse_cards
from facts.value import ABSENT
from gates.card_steps import bar_step, describe_rate
from gates.model import Verdict
from tests.places import FIXTURES
from tests.unit import gpu_tree
from tests.unit.boot_facts import running
from tests.unit.gates.gate_rig import cards_of, decisions, good, readings, rig

HEALTHY = parse_cards((FIXTURES / "gpu_link/all-gen5x16.tsv").read_text())[0]

BDF = gpu_tree.gpu_address(0)


def behind(*ports: tuple[int, int]) -> Card:
    """Return a card below these ports (vendor, device) and no port of its own."""
    hops = [replace(HEALTHY.hops[0], bdf=BDF)]
    for depth, (vendor, device) in enumerate(ports, 1):
        hops.append(
            replace(
                HEALTHY.hops[-1],
                depth=depth,
                bdf=f"0000:00:{depth:02x}.0",
                vendor=vendor,
                device=device,
                current=Link(1, 1),
                maximum=Link(4, 32),
            )
        )
    return replace(HEALTHY, bdf=BDF, hops=tuple(hops))


#: What the ports of virtual machines are: QEMU's q35 root port and switch, the older ioh3420, none
#: (i440fx), VMware.
GUESTS = [
    ((0x1B36, 0x000C),),
    ((0x104C, 0x8233), (0x104C, 0x8232), (0x1B36, 0x000C)),
    ((0x8086, 0x3420),),
    (),
    ((0x15AD, 0x07A0),),
]


@pytest.mark.parametrize("ports", GUESTS)
def test_in_a_guest_the_next_step_is_to_read_the_link_on_its_host(
    ports: tuple[tuple[int, int], ...],
) -> None:
    card = behind(*ports)
    made = decisions(rig(1), readings((card,)))
    for gate in ("link-judgeable", "link-trained", "link-uplink"):
        assert made[gate].verdict is Verdict.UNKNOWN, gate
        assert "Read the link on the guest's host" in made[gate].next_step, gate
        assert "oot cold" not in made[gate].next_step, gate
    assert "serve" in made["link-judgeable"].forbid


def test_a_card_in_a_slot_is_in_no_guest(tmp_path: Path) -> None:
    assert HEALTHY.shows_its_board
    assert cards_of(tmp_path, gpu_tree.Spec(bridge=0xE2FE))[0].shows_its_board


def test_an_unreadable_link_in_a_slot_is_read_again_under_load(tmp_path: Path) -> None:
    odd = cards_of(tmp_path, gpu_tree.Spec(link=(0, 16)))
    step = decisions(rig(1), readings(odd))["link-judgeable"].next_step
    assert step.startswith("slot 1 (0000:03:00.0): read again as root while the card is busy")


@pytest.mark.parametrize(
    ("link", "says"),
    [
        (Link(5, 8), "31.5 GB/s each way, enough, but nobody measured 8 lanes"),
        (Link(4, 8), "15.8 GB/s each way, enough, but nobody measured 8 lanes"),
        (Link(5, 4), "15.8 GB/s each way, enough, but nobody measured 4 lanes"),
        (Link(3, 8), "7.9 GB/s each way, less than the slowest link that was measured"),
        (Link(2, 16), "8.0 GB/s each way, less than"),
        (Link(3, 16), "15.8 GB/s each way, as measured"),
        (Link(5, 16), "63.0 GB/s each way, as measured"),
    ],
)
def test_a_link_is_called_slow_only_where_it_carries_less_than_what_was_measured(
    link: Link, says: str
) -> None:
    assert describe_rate(link).startswith(says)


@pytest.mark.parametrize("lanes", [8, 4])
def test_a_fast_narrow_link_forbids_by_what_was_measured_and_is_not_called_slow(
    tmp_path: Path, lanes: int
) -> None:
    slot = gpu_tree.Spec(link=(5, lanes), port=(5, lanes))
    made = decisions(rig(2), readings(cards_of(tmp_path, slot, slot)))
    narrow = made["narrow-slot"]
    assert narrow.verdict is Verdict.FAIL
    assert f"nobody measured {lanes} lanes" in narrow.reason
    assert "slow" not in narrow.reason
    assert "tensor-parallel" in narrow.forbid
    assert made["link-trained"].verdict is Verdict.PASS


def small(**changes: Any) -> Card:
    return replace(HEALTHY, bar2_mib=256, **changes)


def fault(line: str) -> Fault:
    return Fault(HEALTHY.bdf, "small-bar", 1, line)


NO_ROOM = "[drm] Failed to resize BAR2 to 32768M (-ENOSPC). Consider enabling 'Resizable BAR'"


@pytest.mark.parametrize(
    "line",
    [
        NO_ROOM,
        "[drm] Failed to resize BAR2 to 16384M (-ENOSPC)",
        "BAR 2: no space for [mem size 0x800000000 64bit pref], failed to resize bar",
    ],
)
def test_a_window_that_a_bridge_has_no_room_for_is_told_with_the_switch_and_the_limit(
    line: str,
) -> None:
    step = bar_step(small(), [fault(line)])
    assert isinstance(step, str)
    assert "Above 4G Decoding and Resizable BAR" in step
    assert "8086:e2ff" in step
    assert "pci=realloc" in step


@pytest.mark.parametrize("line", ["[drm] Failed to resize BAR2 to 32768M (-ENOENT)", "Small BAR"])
def test_a_window_that_the_firmware_did_not_offer_is_a_switch_of_the_bios(line: str) -> None:
    step = bar_step(small(), [fault(line)])
    assert isinstance(step, str)
    assert "Above 4G Decoding and Resizable BAR" in step
    assert "realloc" not in step


def test_a_window_in_a_guest_is_made_by_its_host_and_a_whole_one_needs_nothing() -> None:
    guest = replace(behind((0x1B36, 0x000C)), bar2_mib=256)
    assert "enlarge BAR 2 there" in str(bar_step(guest, [fault(NO_ROOM)]))
    assert bar_step(HEALTHY, [fault(NO_ROOM)]) is ABSENT


def test_the_gate_of_the_window_says_the_same(tmp_path: Path) -> None:
    cards = cards_of(tmp_path, gpu_tree.Spec(bar_mib=256))
    made = decisions(rig(1), readings(cards))
    assert made["bar-whole"].next_step.startswith("slot 1 (0000:03:00.0): in the BIOS switch on")


def test_cards_with_the_same_next_step_share_it(tmp_path: Path) -> None:
    unbound = gpu_tree.Spec(driver=None)
    made = decisions(rig(2), readings(cards_of(tmp_path, unbound, unbound)))
    step = made["card-driven"].next_step
    assert step.count("modprobe -n -v xe") == 1
    assert step.startswith("slot 1 (0000:03:00.0), slot 2 (0000:83:00.0): ")


def test_a_card_that_is_missing_may_have_been_switched_off(tmp_path: Path) -> None:
    cards = good(tmp_path, 1)
    switched = readings(cards, kernel=running(tokens=("pcie_port_pm=force",)))
    step = decisions(rig(2), switched)["cards-present"].next_step
    assert step.startswith("slot 2 (0000:83:00.0): take pcie_port_pm=force off")
    assert decisions(rig(2), readings(cards))["cards-present"].next_step.startswith("Missing:")


def test_the_steps_of_the_gate_stand_for_cards_without_one(tmp_path: Path) -> None:
    cards = good(tmp_path, 3)
    switched = readings(cards[1:], kernel=running(tokens=("pcie_port_pm=force",)))
    step = decisions(rig(2), switched)["cards-present"].next_step
    assert "take pcie_port_pm=force off" in step
    assert "Undeclared: add it to hardware.cards" in step


def test_a_rig_whose_cards_are_well_has_no_steps(tmp_path: Path) -> None:
    made = decisions(rig(), readings(good(tmp_path)))
    assert made["card-driven"].next_step == made["link-judgeable"].next_step == ""
