"""Link states from recorded probe output and from made-up readings."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.base import interpret
from facts.pci.gpu_card import Card, Hop, Link
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_link_parse import parse_cards
from facts.pci.gpu_link_state import LinkState, bottleneck, judge, path, presence, slot_link
from facts.pci.gpu_topology import isolated, same_host_bridge, shared_switch
from facts.value import ABSENT, Reading, Unknown
from tests.places import FIXTURES
from tests.unit.fact_frame import finished

RECORDED = FIXTURES / "gpu_link"
HEALTHY = (RECORDED / "all-gen5x16.tsv").read_text()


def recorded(name: str) -> tuple[Card, ...]:
    return parse_cards((RECORDED / f"{name}.tsv").read_text())


def states(cards: tuple[Card, ...]) -> list[str]:
    return [str(judge(card).state) for card in cards]


def hop(
    depth: int, device: int, current: Reading[Link], maximum: Reading[Link], **extra: Any
) -> Hop:
    values: dict[str, Any] = {
        "depth": depth,
        "bdf": f"0000:{0x83 - depth:02x}:00.0",
        "vendor": 0x8086,
        "device": device,
        "current": current,
        "maximum": maximum,
        "all_ones": False,
        "aer_correctable": 0,
        "aer_nonfatal": 0,
        "aer_fatal": 0,
        "l1_aspm": ABSENT,
        "runtime_status": "active",
    }
    return Hop(**(values | extra))


def card(*above: tuple[Reading[Link], Reading[Link]], **extra: Any) -> Card:
    """A B70 with the given (current, maximum) links from its upstream port to the root port."""
    hops = [hop(0, 0xE223, Link(1, 1), Link(1, 1)), hop(1, 0xE2F0, Link(1, 1), Link(1, 1))]
    ids = (0xE2FF, *[0x14AB] * 4)
    hops += [hop(2 + i, ids[i], now, top) for i, (now, top) in enumerate(above)]
    return dataclasses.replace(recorded("all-gen5x16")[1], hops=tuple(hops), **extra)


def sleeping(made: Card, depth: int) -> Card:
    hops = list(made.hops)
    hops[depth] = dataclasses.replace(hops[depth], runtime_status="suspended")
    return dataclasses.replace(made, hops=tuple(hops))


GEN5, GEN4, GEN1 = Link(5, 16), Link(4, 16), Link(1, 16)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("all-gen5x16", ["ok"] * 4),
        ("all-gen5x16-nonroot", ["ok"] * 4),
        ("gen4-slots", ["slot-limited"] * 4),
        ("mixed-degraded", ["degraded", "ok", "degraded", "degraded"]),
        ("pex-gen1-uplink", ["uplink-limited"] * 4),
        ("pex-gen4-uplink", ["slot-limited"] * 4),
        ("card1-dead", ["ok", "dead", "ok", "ok"]),
        ("card1-removed", ["ok"] * 3),
        ("card0-unbound", ["ok"] * 3),
        ("smallbar", ["ok"] * 4),
        ("domain10000-unbound", ["ok"] * 2),
    ],
)
def test_each_recorded_host_gets_its_link_states(name: str, expected: list[str]) -> None:
    assert states(recorded(name)) == expected


def test_the_endpoint_x1_is_never_a_fault() -> None:
    healthy = recorded("all-gen5x16")[0]
    assert healthy.hops[0].current == Link(1, 1)
    assert judge(healthy).state is LinkState.OK


def test_the_slot_link_is_the_lower_of_both_ends_with_both_maxima() -> None:
    told = slot_link(card((GEN4, GEN5), (Link(5, 8), Link(5, 8))))
    assert not isinstance(told, Unknown)
    assert (told.current, told.possible, told.card_maximum) == (Link(4, 8), Link(5, 8), GEN5)


def test_a_gen4_board_limits_the_slot_and_is_not_called_degraded() -> None:
    judged = judge(card((GEN4, GEN5), (GEN4, GEN4)))
    assert judged.state is LinkState.SLOT_LIMITED
    assert judged.reason == "Gen4 x16 is all that the slot offers; the card can do Gen5 x16"


def test_a_card_whose_flash_default_is_gen4_is_ok_in_a_gen5_slot() -> None:
    assert judge(card((GEN4, GEN4), (GEN4, GEN5))).state is LinkState.OK


@pytest.mark.parametrize("now", [GEN4, Link(5, 8), Link(3, 16), Link(5, 1), Link(1, 1)])
def test_below_what_both_ends_can_do_is_degraded(now: Link) -> None:
    judged = judge(card((now, GEN5), (now, GEN5)))
    assert judged.state is LinkState.DEGRADED
    assert f"runs at {now}, both ends can do Gen5 x16" in judged.reason


@pytest.mark.parametrize("width", [4, 8])
def test_a_narrow_chipset_slot_is_slot_limited(width: int) -> None:
    narrow = Link(4, width)
    assert judge(card((narrow, GEN5), (narrow, narrow))).state is LinkState.SLOT_LIMITED


@pytest.mark.parametrize("uplink", [GEN1, Link(4, 2), Link(1, 2)])
def test_a_slow_switch_uplink_limits_a_card_whose_own_link_is_perfect(uplink: Link) -> None:
    judged = judge(card((GEN4, GEN5), (GEN4, GEN4), (uplink, GEN4), (uplink, GEN5)))
    assert judged.state is LinkState.UPLINK_LIMITED
    assert f"runs at {uplink}, the slot link at Gen4 x16" in judged.reason


def test_an_uplink_of_equal_rate_limits_nothing() -> None:
    wide = Link(3, 16)
    judged = judge(card((Link(4, 8), Link(5, 8)), (Link(4, 8), Link(4, 8)), (wide, wide)))
    assert judged.state is LinkState.SLOT_LIMITED


@pytest.mark.parametrize("depth", [0, 2])
def test_a_low_reading_of_a_sleeping_card_is_suspended_not_degraded(depth: int) -> None:
    low = card((Link(1, 16), GEN5), (Link(1, 16), GEN5))
    assert judge(low).state is LinkState.DEGRADED
    assert judge(sleeping(low, depth)).state is LinkState.SUSPENDED


def test_a_full_speed_reading_is_conclusive_even_while_the_card_sleeps() -> None:
    assert judge(sleeping(card((GEN5, GEN5), (GEN5, GEN5)), 0)).state is LinkState.OK


def test_an_unread_link_of_a_sleeping_bridge_is_suspended() -> None:
    unread = Unknown("not read, because it would wake the card")
    judged = judge(sleeping(card((unread, unread), (GEN5, GEN5)), 2))
    assert judged.state is LinkState.SUSPENDED
    assert "0000:81:00.0 is suspended" in judged.reason


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_one_unreadable_hop_makes_the_whole_path_unknown(at: int) -> None:
    links: list[tuple[Reading[Link], Reading[Link]]] = [(GEN4, GEN4)] * 4
    links[at] = (Unknown("width 0 is not a link width"), GEN4)
    assert judge(card(*links)).state is LinkState.UNKNOWN
    assert isinstance(bottleneck(card(*links)), Unknown)


def test_a_link_that_claims_more_than_its_ends_is_unknown() -> None:
    assert judge(card((GEN5, GEN4), (GEN5, GEN5))).state is LinkState.UNKNOWN


def test_a_guest_that_sees_only_the_gpu_knows_no_link() -> None:
    guest = dataclasses.replace(card(), hops=card().hops[:1])
    judged = judge(guest)
    assert judged.state is LinkState.UNKNOWN
    assert "no upstream port" in judged.reason
    assert path(guest) == ()


def test_a_slot_without_a_visible_port_above_is_unknown() -> None:
    assert judge(card((GEN5, GEN5))).state is LinkState.UNKNOWN


def test_below_an_unknown_bridge_id_the_first_wide_ancestor_is_the_slot() -> None:
    made = card((GEN4, GEN5), (GEN4, GEN5))
    hops = list(made.hops)
    hops[2] = dataclasses.replace(hops[2], device=0xABCD)
    renamed = dataclasses.replace(made, hops=tuple(hops))
    assert path(renamed)[0].device == 0xABCD
    assert judge(renamed).state is LinkState.DEGRADED


def test_a_dead_card_loses_its_believable_maximum() -> None:
    dead = recorded("card1-dead")[1]
    upstream = dead.hops[2]
    assert upstream.all_ones
    assert isinstance(upstream.maximum, Unknown)
    assert upstream.maximum.raw == "64.0 GT/s PCIe x63"
    assert dead.bar2_mib == 32768
    assert dead.bar2_sizes == ()
    assert judge(dead).state is LinkState.DEAD
    assert isinstance(slot_link(dead), Unknown)


def test_all_ones_of_a_sleeping_card_is_suspended_not_dead() -> None:
    assert judge(sleeping(recorded("card1-dead")[1], 0)).state is LinkState.SUSPENDED


@pytest.mark.parametrize("width", ["0", "63", "255", "3", "-", "!", "z", "", "x16"])
def test_a_width_that_is_none_never_becomes_a_link(width: str) -> None:
    row = HEALTHY.replace(
        "32.0 GT/s PCIe\t16\t32.0 GT/s PCIe\t16", f"32.0 GT/s PCIe\t{width}\t32.0 GT/s PCIe\t16"
    )
    assert not any(isinstance(h.current, Link) for c in parse_cards(row) for h in c.hops[2:])
    assert set(states(parse_cards(row))) <= {"unknown", "dead"}


@pytest.mark.parametrize(
    ("text", "gen"),
    [
        ("2.5 GT/s PCIe", 1),
        ("5.0 GT/s PCIe", 2),
        ("8.0 GT/s PCIe", 3),
        ("8 GT/s", 3),
        ("16.0 GT/s PCIe", 4),
        ("32.0 GT/s PCIe", 5),
        ("64.0 GT/s PCIe", 6),
        ("128.0 GT/s PCIe", 7),
    ],
)
def test_every_speed_text_of_old_and_new_kernels_is_understood(text: str, gen: int) -> None:
    assert parse_cards(HEALTHY.replace("32.0 GT/s PCIe", text))[0].hops[2].current == Link(gen, 16)


@pytest.mark.parametrize("text", ["Unknown", "Unknown speed", "-", "12 GT/s"])
def test_an_unknown_speed_is_an_unknown_link(text: str) -> None:
    assert states(parse_cards(HEALTHY.replace("32.0 GT/s PCIe", text))) == ["unknown"] * 4


@pytest.mark.parametrize(
    ("link", "gbps"),
    [
        (GEN1, 4.0),
        (Link(3, 16), 15.75),
        (Link(4, 4), 7.88),
        (GEN4, 31.51),
        (GEN5, 63.02),
        (Link(6, 16), 121.0),
    ],
)
def test_data_rates_are_those_of_the_pcie_table(link: Link, gbps: float) -> None:
    assert link.gbps == pytest.approx(gbps, abs=0.01)


def test_a_virtual_function_and_a_survivability_card_are_not_judged() -> None:
    good = recorded("all-gen5x16")[0]
    virtual = dataclasses.replace(good, physfn="0000:43:00.0")
    assert judge(virtual).state is LinkState.VF
    told = dataclasses.replace(good, survivability="Survivability mode type: Boot")
    assert judge(told).state is LinkState.SURVIVABILITY
    closed = dataclasses.replace(good, survivability=Unknown("needs root"))
    assert judge(closed).state is LinkState.SURVIVABILITY


def test_five_digit_domains_are_addresses_like_any_other() -> None:
    first = recorded("domain10000-unbound")[0]
    assert first.bdf == "10000:43:00.0"
    assert first.driver is ABSENT
    assert judge(first).state is LinkState.OK


def test_small_bar_means_that_the_host_does_not_see_all_vram() -> None:
    assert recorded("all-gen5x16")[0].whole_vram_in_bar is True
    assert recorded("smallbar")[0].whole_vram_in_bar is False
    told = dataclasses.replace(recorded("all-gen5x16")[0], vram_bytes=0x7F9000000)
    assert told.whole_vram_in_bar is True
    mute = dataclasses.replace(recorded("all-gen5x16")[0], bar2_sizes=Unknown("asleep"))
    assert isinstance(mute.whole_vram_in_bar, Unknown)


def test_without_root_the_downgrade_state_is_unknown_and_never_absent() -> None:
    for found in recorded("all-gen5x16-nonroot"):
        assert found.downgrade_status == Unknown("needs root")
    assert recorded("card0-unbound")[0].downgrade_status is ABSENT


def test_only_e223_is_a_b70_and_the_other_cards_keep_their_names() -> None:
    cards = parse_cards(HEALTHY.replace("0xe223", "0xe211", 2))
    assert [found.name for found in cards] == ["Arc Pro B60", *["Arc Pro B70"] * 3]
    assert [found.is_b70 for found in cards] == [False, True, True, True]
    assert presence(cards, 4).missing_count == 1


def test_the_processors_own_gpu_is_no_card() -> None:
    assert len(parse_cards(HEALTHY.replace("0xe223", "0x7d67", 2))) == 3


def test_a_removed_card_is_missing_by_address() -> None:
    cards = recorded("card1-removed")
    declared = ("0000:43:00.0", "0000:83:00.0", "0000:a3:00.0", "0000:e3:00.0")
    found = presence(cards, 4, declared)
    assert (found.missing, found.missing_count, found.extra) == (("0000:83:00.0",), 1, ())


def test_a_removed_card_is_missing_by_count_when_no_address_is_declared() -> None:
    found = presence(recorded("card1-removed"), 4)
    assert (found.missing, found.missing_count, found.extra) == ((), 1, ())


def test_a_root_port_names_the_card_below_it() -> None:
    cards = recorded("card1-removed")
    found = presence(cards, 4, ("0000:40:01.0", "0000:80:01.0", "0000:a0:01.0", "0000:e0:01.0"))
    assert found.missing == ("0000:80:01.0",)


def test_a_shared_bridge_names_no_card() -> None:
    found = presence(recorded("pex-gen4-uplink"), 1, ("0000:40:01.0",))
    assert found.missing == ("0000:40:01.0",)


def test_a_card_that_nobody_declared_is_extra() -> None:
    cards = recorded("all-gen5x16")
    assert presence(cards, 3).extra == ("0000:e3:00.0",)
    assert presence(cards, 1, ("0000:a3:00.0",)).extra == (
        "0000:43:00.0",
        "0000:83:00.0",
        "0000:e3:00.0",
    )
    assert presence(cards, 2, ("0000:e3:00.0",)).extra == ("0000:83:00.0", "0000:a3:00.0")


def test_a_virtual_function_does_not_fill_the_place_of_a_card() -> None:
    cards = list(recorded("all-gen5x16"))
    cards[3] = dataclasses.replace(cards[3], physfn="0000:43:00.0")
    assert presence(cards, 4).missing_count == 1


def test_cards_behind_one_switch_share_its_nearest_bridge() -> None:
    one, other, *_ = recorded("pex-gen4-uplink")
    assert shared_switch(one, other) == "0000:41:00.0"
    assert same_host_bridge(one, other)


def test_cards_on_root_ports_of_their_own_share_nothing() -> None:
    one, other, *_ = recorded("all-gen5x16")
    assert shared_switch(one, other) is None
    assert not same_host_bridge(one, other)
    across = dataclasses.replace(
        other, hops=(dataclasses.replace(other.hops[0], bdf="10000:40:00.0"),)
    )
    assert not same_host_bridge(one, across)


def test_iommu_groups_tell_whether_two_cards_are_kept_apart() -> None:
    one, other, *_ = recorded("all-gen5x16")
    assert isolated(one, other) is ABSENT
    one, other = (dataclasses.replace(c, iommu_group=g) for c, g in ((one, "14"), (other, "15")))
    assert isolated(one, other) is True
    assert isolated(one, dataclasses.replace(other, iommu_group="14")) is False


@pytest.mark.parametrize("name", sorted(file.stem for file in RECORDED.glob("*.tsv")))
def test_output_cut_at_any_line_is_unknown_and_never_fewer_cards(name: str) -> None:
    lines = (RECORDED / f"{name}.tsv").read_text().rstrip("\n").split("\n")
    for count in range(len(lines)):
        assert isinstance(interpret(GpuLinks(), lines[:count]), Unknown)
        assert isinstance(interpret(GpuLinks(), finished("\n".join(lines[:count]))), Unknown)
        without = lines[:count] + lines[count + 1 :]
        assert isinstance(interpret(GpuLinks(), finished("\n".join(without))), Unknown)


@given(st.text(max_size=400))
def test_garbage_is_unknown_and_never_an_exception(text: str) -> None:
    assert isinstance(interpret(GpuLinks(), finished(text)), Unknown)


@given(data=st.data())
def test_any_spoilt_field_leaves_a_typed_value_or_unknown(data: st.DataObject) -> None:
    rows = [line.split("\t") for line in HEALTHY.rstrip("\n").split("\n")]
    row = data.draw(st.integers(0, len(rows) - 1))
    field = data.draw(st.integers(0, len(rows[row]) - 1))
    rows[row][field] = data.draw(
        st.sampled_from(["", "-", "!", "z", "0x", "ffffffffffffffff", "9" * 5000, "Unknown"])
        | st.text(max_size=12).filter(lambda text: "\n" not in text)
    )
    found = interpret(GpuLinks(), finished("\n".join("\t".join(row) for row in rows)))
    if not isinstance(found, Unknown):
        assert len(found) >= 3
        assert all(isinstance(judge(c).state, LinkState) for c in found)


def test_another_schema_is_refused() -> None:
    found = interpret(GpuLinks(), finished(HEALTHY.replace("S\t2", "S\t3")))
    assert found == Unknown(
        "cannot parse: probe schema '3', expected 2", HEALTHY.replace("S\t2", "S\t3").rstrip()
    )
