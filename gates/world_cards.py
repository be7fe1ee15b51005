"""The cards of the world: each declared or found B70 with what facts say about it. Pure.

The inventory says what should be there: a card that died before boot is simply not on the bus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

from declaration.hardware import CardSlot
from declaration.host import HostSpec
from facts.pci.displays import Display, Displays
from facts.pci.gpu import Gpus, GpuState, Vram
from facts.pci.gpu_card import GTS, Card, Link
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_link_parse import address_key
from facts.pci.gpu_link_state import LinkState, SlotLink, judge, presence, slot_link
from facts.pci.gpu_log import CardLog
from facts.pci.gpu_topology import isolated, same_host_bridge, shared_switch
from facts.pci.witness import compare
from facts.pci.xpu_smi import XpuSmi
from facts.readings import Readings, then
from facts.system.measurements import Measurement, Measurements
from facts.value import ABSENT, Absent, Reading, Unknown, known
from gates.vocabulary import TermValue, vocabulary
from gates.world_card_state import log_of, missing_step, state_of

_MIB: Final = 1 << 20
#: VRAM in use above which a reading is no idle reading, MiB: a desktop held about 630 on one card,
#: a model holds tens of thousands (docs/evidence.md#context).
_BUSY_MIB: Final = 4096
#: State of a card that nobody declared.
EXTRA: Final = "extra"

CardWorld = Mapping[str, Reading[TermValue]]


def cards(spec: HostSpec, given: Readings) -> tuple[CardWorld, ...] | Unknown:
    """Return the declared and found B70 in PCI order, those without a known address last."""
    found = given[GpuLinks]
    declared = spec.hardware.cards
    if isinstance(found, Unknown):
        if not declared:
            return found
        return tuple(_unread(card, found) for card in declared)
    b70s = [card for card in found if card.is_b70 and not card.is_virtual]
    owners = {card.bdf: slot for slot in declared for card in b70s if _is_in(slot, card)}
    pinned = [card.bdf for card in declared if card.bdf is not None]
    extra = presence(b70s, len(declared), pinned).extra
    worlds = [_card(card, owners.get(card.bdf), card.bdf in extra, b70s, given) for card in b70s]
    claimed = {id(slot) for slot in owners.values()}
    nameless = [slot for slot in declared if slot.bdf is None]
    lost = [slot for slot in declared if slot.bdf is not None and id(slot) not in claimed]
    short = len(nameless) - (len(b70s) - len(owners) - len(extra))
    lost += nameless[: max(short, 0)]
    return (*worlds, *(_lost(slot, len(nameless), given) for slot in lost))


def together(
    spec: HostSpec, given: Readings, each: tuple[CardWorld, ...] | Unknown
) -> dict[str, Reading[TermValue]]:
    """Return what is true of all cards of a host together."""
    found = given[GpuLinks]
    if isinstance(found, Unknown):
        names = [name for name in vocabulary() if name.startswith("cards.")]
        return dict.fromkeys((*names, "host.numa_nodes"), found)
    b70s = [card for card in found if card.is_b70 and not card.is_virtual]
    pinned = [card.bdf for card in spec.hardware.cards if card.bdf is not None]
    presented = presence(found, len(spec.hardware.cards), pinned)
    return {
        "cards.found": len(b70s),
        "cards.missing": presented.missing_count,
        "cards.extra": len(presented.extra),
        "cards.others": then(given[Displays], _other_cards),
        "cards.same_root": _same_root(b70s),
        "cards.acs_detour": _acs_detour(b70s),
        "cards.mixed_links": _mixed_links(b70s),
        "cards.start_order": _start_order(b70s, given),
        "host.numa_nodes": _numa_nodes(b70s),
    }


def _is_in(slot: CardSlot, card: Card) -> bool:
    """Return True if a card sits in a declared slot: its address, or a bridge above it alone."""
    return slot.bdf is not None and slot.bdf in {hop.bdf for hop in card.hops}


def _label(slot: CardSlot | None, bdf: str) -> str:
    return f"slot {slot.slot} ({bdf})" if slot else bdf


def _unread(slot: CardSlot, why: Unknown) -> CardWorld:
    return {**_all_names(why), "card.label": _label(slot, slot.bdf or "address not pinned")}


def _all_names(why: Unknown) -> dict[str, Reading[TermValue]]:
    return {name: why for name in vocabulary() if name.startswith("card.")}


def _lost(slot: CardSlot, nameless: int, given: Readings) -> CardWorld:
    """Return a card that is declared but not there."""
    label = _label(slot, slot.bdf) if slot.bdf else "a declared card without a pinned address"
    if slot.bdf is None and nameless == 1:
        label = f"slot {slot.slot}"
    reason = f"{slot.bdf or 'one card'} is declared but not on the PCI bus"
    return {
        **_all_names(Unknown(f"{label}: {reason}")),
        "card.label": label,
        "card.link_reason": reason,
        "card.link_state": LinkState.MISSING.value,
        "card.link_step": missing_step(given),
    }


def _card(
    card: Card, slot: CardSlot | None, extra: bool, b70s: Sequence[Card], given: Readings
) -> CardWorld:
    judged = judge(card)
    state: Reading[TermValue] = judged.state.value
    if judged.state is LinkState.UNKNOWN:
        state = Unknown(judged.reason)
    elif extra:
        state = EXTRA
    link = _told_link(card)
    log = log_of(card, given)
    report = given[XpuSmi]
    witnessed = compare([card], report).cards[0]
    gpu = given[Gpus]
    vram = then(gpu, lambda value: _vram(value, card.bdf))
    return {
        "card.label": _label(slot, card.bdf),
        "card.first": card.bdf == min((c.bdf for c in b70s), key=address_key),
        "card.link_state": state,
        "card.link_reason": judged.reason,
        **_link(link),
        **state_of(card, judged.state, link, given),
        "card.function_link": then(card.hops[0].current, describe),
        "card.downgraded": witnessed.downgraded,
        "card.downgrade_capable": card.downgrade_capable,
        "card.driver": card.driver,
        "card.bar_is_whole": card.whole_vram_in_bar,
        "card.bar2_mib": card.bar2_mib,
        "card.boot_vga": card.boot_vga,
        "card.power_control": card.power_control,
        "card.runtime_status": card.runtime_status,
        "card.wedged": then(log, _wedged),
        "card.guc": then(log, lambda value: value.guc),
        "card.guc_wanted": then(log, lambda value: value.guc_wanted),
        "card.ecc": _ecc(card.bdf, witnessed.ecc, given),
        "card.vram_mib": then(vram, lambda value: value.size_bytes // _MIB),
        "card.vram_free_percent": then(vram, _free_percent),
        "card.idle_vram_mib": _idle_vram(card.bdf, vram, given),
    }


def _told_link(card: Card) -> SlotLink | Unknown:
    """Return the slot link, unless something sleeps and the link reads low because of it."""
    judged = judge(card)
    return Unknown(judged.reason) if judged.state is LinkState.SUSPENDED else slot_link(card)


def describe(link: Link) -> str:
    """Return a link as people write it: `16.0 GT/s x8`."""
    return f"{GTS[link.gen]} GT/s x{link.width}"


def _link(link: SlotLink | Unknown) -> dict[str, Reading[TermValue]]:
    if isinstance(link, Unknown):
        return dict.fromkeys(
            ("card.link", "card.link_possible", "card.link_gts", "card.link_width"), link
        )
    return {
        "card.link": describe(link.current),
        "card.link_possible": describe(link.possible),
        "card.link_gts": GTS[link.current.gen],
        "card.link_width": link.current.width,
    }


def _wedged(log: CardLog) -> Reading[bool]:
    return then(log.standing, lambda kinds: "wedged" in kinds)


def _vram(state: GpuState, bdf: str) -> Reading[Vram]:
    gpu = state.card(bdf)
    return Unknown(f"the fact gpu does not list {bdf}") if gpu is None else gpu.vram


def _free_percent(vram: Vram) -> Reading[float]:
    if vram.size_bytes <= 0:
        return Unknown("the driver hands out no VRAM")
    return 100 * (vram.size_bytes - vram.used_bytes) / vram.size_bytes


def _ecc(bdf: str, witnessed: Reading[bool], given: Readings) -> Reading[bool]:
    """Take xpu-smi's word, else what it said earlier on this boot: ECC only changes at a reboot."""
    if isinstance(witnessed, bool):
        return witnessed
    record = _on_this_boot("ecc", given)
    if isinstance(record, Unknown | Absent):
        return witnessed if isinstance(record, Absent) else record
    value = record.values.get(bdf)
    return value if isinstance(value, bool) else witnessed


def _on_this_boot(kind: str, given: Readings) -> Reading[Measurement]:
    return then(given[Measurements], lambda log: log.on_this_boot(kind))


def _idle_vram(bdf: str, vram: Reading[Vram], given: Readings) -> Reading[int]:
    """Prefer what is in use right now; while a model is loaded, what was measured on this boot."""
    if isinstance(vram, Vram) and vram.used_mib <= _BUSY_MIB:
        return vram.used_mib
    record = _on_this_boot("idle-vram", given)
    if isinstance(record, Unknown):
        return record
    if not isinstance(record, Absent):
        value = record.values.get(bdf)
        return value if isinstance(value, int) else Unknown(f"the idle-vram record omits {bdf}")
    if isinstance(vram, Vram):
        return Unknown(f"{vram.used_mib} MiB are in use: something is loaded, so nothing is idle")
    return vram


def _other_cards(displays: Sequence[Display]) -> Reading[tuple[str, ...]]:
    return tuple(display.name for display in displays if display.is_other_card)


def _same_root(b70s: Sequence[Card]) -> Reading[bool]:
    pairs = list(combinations(b70s, 2))
    return all(same_host_bridge(a, b) or shared_switch(a, b) is not None for a, b in pairs)


def _acs_detour(b70s: Sequence[Card]) -> Reading[bool]:
    """Return True if ACS sends the traffic between cards behind one switch up to the processor.

    Cards below root ports of their own always meet at the processor: there is nothing to redirect.
    """
    answers = [isolated(a, b) for a, b in combinations(b70s, 2) if shared_switch(a, b) is not None]
    unknown = next((answer for answer in answers if isinstance(answer, Unknown)), None)
    if any(answer is True for answer in answers):
        return True
    return False if unknown is None else unknown


def _mixed_links(b70s: Sequence[Card]) -> Reading[bool]:
    links = [_told_link(card) for card in b70s]
    currents = {link.current for link in links if isinstance(link, SlotLink)}
    if len(currents) > 1:
        return True
    return next((link for link in links if isinstance(link, Unknown)), False)


def _numa_nodes(b70s: Sequence[Card]) -> Reading[int]:
    """Return on how many NUMA nodes the cards sit; -1 (the firmware names none) is one."""
    nodes = [card.numa_node for card in b70s]
    unknown = next((node for node in nodes if isinstance(node, Unknown)), None)
    return len({node for node in nodes if isinstance(node, int)}) if unknown is None else unknown


def _start_order(b70s: Sequence[Card], given: Readings) -> Reading[str]:
    faulted = faulted_cards(given)
    if isinstance(faulted, Unknown):
        return faulted
    suspects = known(faulted) or ()
    order = sorted(range(len(b70s)), key=lambda index: b70s[index].bdf in suspects)
    return " ".join(map(str, order)) if order else ABSENT


def faulted_cards(given: Readings) -> Reading[tuple[str, ...]]:
    """Return the cards that faulted on the last boot with a fault record; ABSENT without one."""
    log = given[Measurements]
    if isinstance(log, Unknown | Absent):
        return log
    last = log.latest("faults")
    if isinstance(last, Unknown | Absent):
        return last
    same_boot = [r for r in log.records if r.kind == "faults" and r.boot_id == last.boot_id]
    named = [r.values.get("bdf") for r in same_boot]
    if not all(isinstance(bdf, str) for bdf in named):
        return Unknown("a fault record names no card")
    return tuple(sorted({str(bdf) for bdf in named}))
