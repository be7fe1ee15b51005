"""A world in which every gate is content, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from facts.value import ABSENT, Unknown
from gates.engine import decide
from gates.model import Decision, Severity, Verdict
from gates.rows import load
from gates.world import World

LOST = Unknown("nobody could read it")

HOST: dict[str, Any] = {
    "host.name": "rig-a",
    "declared.cards": 4,
    "stack.kernels": ("6.17.0-*",),
    "stack.device_name": "Intel(R) Arc(TM) Pro B70 Graphics",
    "stack.loader_owner": "level-zero",
    "stack.loader_version": "1.28.2",
    "profile.family": "minimax",
    "profile.cards": 4,
    "profile.tensor_parallel": 4,
    "profile.max_model_len": 32768,
    "profile.max_num_seqs": 1,
    "profile.max_num_batched_tokens": 512,
    "profile.gpu_memory_utilization": 0.95,
    "profile.compile_sizes": ("1",),
    "profile.exact_concurrency": 0,
    "profile.speculative_tokens": 0,
    "profile.quantization": "int4",
    "profile.container_memory_gib": ABSENT,
    "profile.container_memory_swap_gib": ABSENT,
    "profile.empty_env": (),
    "profile.cpu_pinning": (),
    "cards.found": 4,
    "cards.missing": 0,
    "cards.extra": 0,
    "cards.others": (),
    "cards.same_root": False,
    "cards.acs_detour": False,
    "cards.mixed_links": False,
    "cards.start_order": "0 1 2 3",
    "kernel.release": "6.17.0-29-generic",
    "kernel.cmdline": ("quiet", "xe.disable_display=1"),
    "pcie.aspm_policy": "default",
    "pcie.power_words": (),
    "pcie.power_step": "boot cold",
    "memory.with_swap_gib": 251.5,
    "memory.vram_share_percent": 48.2,
    "memory.dram_ecc": True,
    "host.numa_nodes": 1,
    "host.serving": False,
    "network.default_interface": "eno1",
    "model.filesystem": "ext4",
    "model.transport": "nvme",
    "gpu.device_name": "Intel(R) Arc(TM) Pro B70 Graphics",
    "gpu.device_file_name": "Intel(R)_Arc(TM)_Pro_B70_Graphics",
    "toolchain.id": "6.17.0-29-generic_igc2.34.4",
    "loader.owners": ("level-zero",),
    "loader.owner_count": 1,
    "loader.version": "1.28.2",
    "loader.libze1_candidate": "1.28.0-1~24.04~ppa1",
    "measured.launch_us": 3.1,
    "measured.rms_norm_us": 41.5,
    "measured.p2p_data": "passed",
    "measured.p2p_every_pair": True,
    "measured.memory_test": "passed",
    "measured.memory_test_percent": 97.0,
    "measured.working_set_gib": 8.3,
    "measured.sentinels": "6.17.0-29-generic_igc2.34.4",
    "measured.faulted_cards": (),
}

CARD: dict[str, Any] = {
    "card.first": False,
    "card.link_state": "ok",
    "card.link_reason": "32.0 GT/s x16 up to the root port",
    "card.link": "32.0 GT/s x16",
    "card.link_possible": "32.0 GT/s x16",
    "card.link_gts": 32.0,
    "card.link_width": 16,
    "card.function_link": "2.5 GT/s x1",
    "card.downgraded": False,
    "card.downgrade_capable": True,
    "card.driver": "xe",
    "card.bar_is_whole": True,
    "card.bar2_mib": 32768,
    "card.boot_vga": False,
    "card.power_control": "on",
    "card.runtime_status": "active",
    "card.driver_state": "driven",
    "card.driver_reason": "xe is bound",
    "card.driver_step": ABSENT,
    "card.faults": (),
    "card.fault_line": ABSENT,
    "card.fault_step": ABSENT,
    "card.link_step": ABSENT,
    "card.link_rate": "63.0 GB/s each way, as measured",
    "card.bar_step": ABSENT,
    "card.wedged": False,
    "card.guc": "70.54.0",
    "card.guc_wanted": ABSENT,
    "card.ecc": False,
    "card.vram_mib": 32656,
    "card.vram_free_percent": 99.9,
    "card.idle_vram_mib": 26,
}
SLOTS = ((1, "0000:03:00.0"), (2, "0000:83:00.0"), (3, "0000:a3:00.0"), (4, "0000:e3:00.0"))


def good_world(given: Mapping[str, Any] | None = None) -> World:
    """Return a content world of four cards with some names changed.

    `card.*` names in `given` change the second card (slot 2) alone, `cards:card.*` all of them.
    """
    host, cards = dict(HOST), [dict(CARD) for _ in SLOTS]
    for card, (slot, bdf) in zip(cards, SLOTS, strict=True):
        card["card.label"] = f"slot {slot} ({bdf})"
    cards[0] |= {"card.first": True, "card.idle_vram_mib": 135}
    for name, value in (given or {}).items():
        if name.startswith("cards:"):
            for card in cards:
                card[name.removeprefix("cards:")] = value
        elif name.startswith("card."):
            cards[1][name] = value
        else:
            host[name] = value
    return World(host, tuple(cards))


def judge(row: str, given: Mapping[str, Any] | None = None) -> Decision | None:
    """Return one row's decision about a changed world."""
    rows = [candidate for candidate in load() if candidate.id == row]
    return next(iter(decide(rows, good_world(given))), None)


def lose(names: Iterable[str]) -> dict[str, Any]:
    """Return a change that makes names UNKNOWN."""
    return dict.fromkeys(names, LOST)


def decision(name: str, key: str, choice: str | None, **more: Any) -> Decision:
    """Return a decision that chose a value, as an engine would."""
    return Decision(
        name,
        name,
        Verdict.PASS,
        choice,
        f"{name} says so.",
        {},
        "",
        "",
        Severity.TUNING,
        key=key,
        **more,
    )
