"""Profile and decisions become the values that are really used."""

from __future__ import annotations

from typing import Any

from declaration.profile import Needs, Profile
from gates.engine import decide
from gates.rows import load
from gates.tuning import Setting, effective, environment
from tests.unit.gates.gate_world import LOST, decision, good_world

PROFILE = Profile(
    name="minimax-m27-c1",
    family="minimax",
    needs=Needs(cards=4, tensor_parallel=4),
    max_model_len=32_768,
    env={"CCL_TOPO_P2P_ACCESS": "1", "CCL_KVS_IFACE": "wlan0", "HF_HUB_DISABLE_XET": "1"},
)


def settings(given: dict[str, Any] | None = None, profile: Profile = PROFILE) -> dict[str, Setting]:
    return {s.name: s for s in effective(profile, decide(load(), good_world(given)))}


def test_a_good_rig_runs_what_is_declared() -> None:
    changed = {name for name, setting in settings().items() if setting.is_changed}
    assert settings()["max_model_len"].effective == "32768"
    assert {name for name in changed if settings()[name].kind == "profile"} == set()


def test_a_display_lowers_the_context_and_the_setting_says_why() -> None:
    setting = settings({"card.boot_vga": True})["max_model_len"]
    assert (setting.declared, setting.effective) == ("32768", "24576")
    assert setting.by == ("context-32768",)
    assert "slot 2 (0000:83:00.0): boot display yes" in setting.reason


def test_a_gate_never_raises_what_the_profile_declares() -> None:
    modest = PROFILE.model_copy(update={"max_model_len": 16_384, "gpu_memory_utilization": 0.9})
    assert settings(profile=modest)["max_model_len"].effective == "16384"
    assert settings(profile=modest)["gpu_memory_utilization"].effective == "0.9"


def test_a_profile_that_declares_peer_to_peer_off_keeps_it_off() -> None:
    off = PROFILE.model_copy(update={"env": {"CCL_TOPO_P2P_ACCESS": "0"}})
    assert settings(profile=off)["CCL_TOPO_P2P_ACCESS"].effective == "0"


def test_without_a_data_test_on_this_boot_the_variable_becomes_0() -> None:
    setting = settings({"measured.p2p_data": LOST})["CCL_TOPO_P2P_ACCESS"]
    assert (setting.declared, setting.effective) == ("1", "0")
    assert setting.by == ("p2p-separate-roots",)


def test_a_variable_that_must_be_unset_is_left_out_of_the_environment() -> None:
    profile = PROFILE.model_copy(update={"env": {"CCL_ZE_IPC_EXCHANGE": "sockets"}})
    made = decide(load(), good_world({"profile.env.CCL_ZE_IPC_EXCHANGE": "sockets"}))
    assert "CCL_ZE_IPC_EXCHANGE" not in environment(profile, made)


def test_the_environment_never_carries_an_empty_value() -> None:
    profile = PROFILE.model_copy(update={"env": {"CCL_SEND": "", "HF_HUB_DISABLE_XET": "1"}})
    built = environment(profile, decide(load(), good_world()))
    assert "CCL_SEND" not in built
    assert built["HF_HUB_DISABLE_XET"] == "1"
    assert built["CCL_ATL_TRANSPORT"] == "ofi"


def test_a_stale_interface_name_is_replaced() -> None:
    setting = settings({"profile.env.CCL_KVS_IFACE": "wlan0"})["CCL_KVS_IFACE"]
    assert (setting.declared, setting.effective) == ("wlan0", "lo")


def test_a_conflict_sets_nothing_and_is_marked() -> None:
    made = [
        decision("a", "max_num_batched_tokens", "1"),
        decision("b", "max_num_batched_tokens", "2"),
    ]
    setting = {s.name: s for s in effective(PROFILE, made)}["max_num_batched_tokens"]
    assert setting.conflict
    assert setting.effective is None
