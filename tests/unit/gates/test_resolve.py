"""Where gates disagree the stricter wins; what they forbid adds up."""

from __future__ import annotations

from gates.engine import decide
from gates.resolve import choices, forbidden
from gates.rows import load
from tests.unit.gates.gate_cases import DEGRADED
from tests.unit.gates.gate_world import decision, good_world


def test_the_smaller_number_wins() -> None:
    made = choices(
        [decision("a", "max_model_len", "32768"), decision("b", "max_model_len", "24576")]
    )
    choice = made["max_model_len"]
    assert (choice.value, choice.by, choice.overruled) == ("24576", ("b",), {"a": "32768"})
    assert choice.reason == "b says so."


def test_numbers_are_compared_as_numbers() -> None:
    made = choices(
        [decision("a", "max_model_len", "9000"), decision("b", "max_model_len", "24576")]
    )
    assert made["max_model_len"].value == "9000"


def test_the_stricter_level_wins() -> None:
    key = "CCL_TOPO_P2P_ACCESS"
    assert choices([decision("a", key, "1"), decision("b", key, "unset")])[key].value == "unset"
    assert choices([decision("a", key, "unset"), decision("b", key, "0")])[key].value == "0"


def test_two_values_of_a_key_without_order_are_a_conflict_for_a_person() -> None:
    key = "max_num_batched_tokens"
    choice = choices([decision("a", key, "512"), decision("b", key, "4096")])[key]
    assert choice.is_conflict
    assert choice.value is None
    assert choice.reason == "The gates disagree: a wants 512, b wants 4096."


def test_gates_that_agree_share_the_choice() -> None:
    key = "max_num_batched_tokens"
    choice = choices([decision("a", key, "512"), decision("b", key, "512")])[key]
    assert (choice.value, choice.by, choice.is_conflict) == ("512", ("a", "b"), False)


def test_a_gate_that_chooses_nothing_does_not_decide() -> None:
    assert choices([decision("a", "max_model_len", None), decision("b", "", None)]) == {}


def test_one_gate_is_enough_to_forbid() -> None:
    bans = forbidden([decision("a", "", None, forbid=("serve",)), decision("b", "", None)])
    assert bans == {"serve": ("a",)}


def test_peer_to_peer_is_forced_only_when_every_table_row_allows_it() -> None:
    key = "CCL_TOPO_P2P_ACCESS"
    rows = load()
    assert choices(decide(rows, good_world()))[key].value == "1"
    for spoil in ({"measured.p2p_data": "failed"}, {"cards.acs_detour": True}, DEGRADED):
        made = decide(rows, good_world(spoil))
        assert choices(made)[key].value == "0"
        assert "p2p" in forbidden(made)


def test_a_degraded_card_stops_serving_though_the_link_table_alone_would_not() -> None:
    bans = forbidden(decide(load(), good_world(DEGRADED)))
    assert bans["serve"] == ("link-trained",)
    assert "link-uplink" in bans["tensor-parallel"]


def test_a_good_rig_is_forbidden_only_what_nobody_may_do() -> None:
    assert set(forbidden(decide(load(), good_world()))) == {
        "aspm-write",
        "firmware-flash",
        "pcie-downgrade",
        "xpu-smi-polling",
    }


def test_the_decisions_come_in_the_order_of_the_rows() -> None:
    rows = load()
    made = [d.id for d in decide(rows, good_world())]
    assert made == [row.id for row in rows if row.id in made]
