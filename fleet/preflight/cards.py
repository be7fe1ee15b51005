"""The cards: firmware, awake or not, whole memory in reach, faults of this boot. Pure.

One finding per card would say the same four times: cards with the same sentence share one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from facts.pci.displays import Displays
from facts.pci.gpu_card import Card
from facts.pci.gpu_fault import NEEDS_REBOOT, Fault, grep
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_log import GpuLog
from facts.value import ABSENT, Absent, Unknown, known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check
from gates.card_steps import bar_step
from gates.world_card_state import driven, fault_step, log_of, power_step

#: Characters of a log line that are shown.
_SHOWN: Final = 160


def _ports(card: Card) -> frozenset[str]:
    return frozenset(hop.bdf for hop in card.hops)


def _cards(context: Context) -> list[Card]:
    return [card for card in known(context.given[GpuLinks]) or () if card.is_b70]


def _shared(said: list[tuple[str, Finding]]) -> Iterator[Finding]:
    """Yield each distinct finding once, with the addresses of its cards before the sentence."""
    groups: list[tuple[Finding, list[str]]] = []
    for bdf, found in said:
        same = next((addresses for other, addresses in groups if other == found), None)
        if same is None:
            groups.append((found, [bdf]))
        else:
            same.append(bdf)
    for found, addresses in groups:
        yield found.model_copy(update={"text": f"{', '.join(addresses)}: {found.text}"})


@check("gpu-firmware", "cards")
def _firmware(context: Context) -> Iterator[Finding]:
    """The GuC that each card loaded, against what its driver recommends and what is declared."""
    log = known(context.given[GpuLog])
    if log is None:
        return
    boot = context.spec.stack.boot if context.spec.stack else None
    declared = boot.guc.version if boot and boot.guc else ""
    rollout = f"b70 plan --limit {context.spec.name}   # the boot set carries the blob"
    said = []
    for card in _cards(context):
        found = log.card(card.bdf)
        if isinstance(found.guc, Unknown | Absent):
            text = f"which GuC runs is {found.guc}"
            said.append((card.bdf, context.unknown(text, _how_to_tell(context, card))))
        elif declared and found.guc != declared:
            text = f"GuC {found.guc} loaded, {declared} declared"
            said.append((card.bdf, context.warning(text, rollout)))
        elif isinstance(found.guc_wanted, str) and not declared:
            text = f"GuC {found.guc} loaded, the driver recommends {found.guc_wanted}"
            said.append((card.bdf, context.warning(text, "declare a tested blob: stack.boot.guc")))
        else:
            wanted = found.guc_wanted
            extra = f" (the driver recommends {wanted})" if isinstance(wanted, str) else ""
            said.append((card.bdf, context.info(f"GuC {found.guc} loaded{extra}")))
    yield from _shared(said)


def _how_to_tell(context: Context, card: Card) -> str:
    """Return how to learn which firmware runs: the driver must, and its first lines be kept."""
    found = driven(card, context.given)
    if not isinstance(found, Unknown) and isinstance(found.step, str):
        return found.step
    log = known(context.given[GpuLog])
    if log is not None and not log.from_boot:
        return "raise SystemMaxUse of journald (base.journal.system_max_use), then boot"
    return f"b70 facts {context.spec.name} gpu_log"


@check("gpu-power", "cards")
def _power(context: Context) -> Iterator[Finding]:
    """A card that may fall asleep may never wake from D3cold; all of them are kept on.

    One whose runtime status is `error` is lost until a reboot. One that is in D3cold though nothing
    put it to sleep, or answers with ones only, was switched off: the cause goes first, then a boot.
    """
    awake = f"b70 converge --limit {context.spec.name}   # the host settings keep cards awake"
    said = []
    for card in _cards(context):
        control, status = card.power_control, card.runtime_status
        text = f"power/control {control}, {status}, {card.power_state}"
        if status == "error":
            step = fault_step(card, context.given)
            back = step if isinstance(step, str) else "reboot; a lost card does not come back"
            said.append((card.bdf, context.critical(text, back)))
        elif gone := _is_gone(card):
            said.append((card.bdf, context.critical(f"{text}: {gone}", power_step(context.given))))
        elif control != "on" or status != "active":
            said.append((card.bdf, context.warning(text, awake)))
        else:
            said.append((card.bdf, context.info(text)))
    yield from _shared(said)


def _is_gone(card: Card) -> str:
    """Return why a card that nothing put to sleep is switched off, "" for one that is there."""
    if any(hop.asleep for hop in card.hops):
        return ""
    gone = next((hop.bdf for hop in card.hops if hop.all_ones), "")
    if gone:
        return f"{gone} answers with ones only"
    return "switched off" if card.power_state == "D3cold" else ""


@check("small-bar", "cards")
def _small_bar(context: Context) -> Iterator[Finding]:
    """Without the whole VRAM in its BAR a card fails Level Zero, or crashes the host under load."""
    said = []
    for card in _cards(context):
        whole = card.whole_vram_in_bar
        if whole is False:
            log = log_of(card, context.given)
            faults = () if isinstance(log, Unknown) else known(log.faults) or ()
            remedy = str(bar_step(card, faults))
            said.append((card.bdf, context.critical(f"BAR2 is only {card.bar2_mib} MiB", remedy)))
        elif isinstance(whole, Unknown):
            text = f"whether BAR2 shows the whole VRAM is UNKNOWN: {whole.reason}"
            said.append(
                (card.bdf, context.unknown(text, f"b70 facts {context.spec.name} gpu_link"))
            )
    yield from _shared(said)


@check("survivability", "cards")
def _survivability(context: Context) -> Iterator[Finding]:
    """In survivability mode a card only waits for new firmware. Nothing here flashes one."""
    remedy = "cold boot; if it stays, flash the card's firmware by the maker's instructions"
    said = [
        (card.bdf, context.critical(f"survivability mode ({card.survivability})", remedy))
        for card in _cards(context)
        if not isinstance(card.survivability, Absent)
    ]
    yield from _shared(said)


@check("other-gpu", "cards")
def _other_gpu(context: Context) -> Iterator[Finding]:
    """A graphics card of another kind stands beside the B70, whoever made it.

    It takes lanes, power and air. One of Intel's is numbered among the B70 by Level Zero and
    OpenCL, so the numbers in ZE_AFFINITY_MASK mean other cards than before. A processor's own GPU
    and the console of a management controller are not told.
    """
    displays = known(context.given[Displays]) or ()
    others = [display for display in displays if display.is_other_card]
    if not (context.spec.hardware.cards or any(display.is_b70 for display in displays)):
        return
    for display in others:
        driver = "no driver" if display.driver is ABSENT else f"driver {display.driver}"
        text = f"{display.name} at {display.bdf} ({driver}) stands beside the B70"
        remedy = "take it out, or see that it takes no lane of a B70's slot: "
        remedy += f"b70 facts {context.spec.name} gpu_link"
        if display.is_intel:
            text += ", and Level Zero numbers it among them"
            remedy = "take it out, or name the B70 alone in the profile's ZE_AFFINITY_MASK, by the "
            remedy += "numbers that `sycl-ls` prints on the host"
        yield context.warning(text, remedy)


@check("gpu-faults", "cards")
def _faults(context: Context) -> Iterator[Finding]:
    """Fault lines of the GPU driver since the boot. A log that begins late proves no silence.

    A family of faults that the card does not come back from without a boot is critical: the driver
    gave the card up, its firmware crashed, or it does not answer. A reset that was done ends some
    of them. What no family knows is counted and shown all the same.
    """
    log = known(context.given[GpuLog])
    cards = _cards(context)
    if log is None or not cards:
        return
    serious = {
        (bdf, kind): fault_step(card, context.given)
        for card in cards
        for bdf in _ports(card)
        for kind in known(log.card(card.bdf, _ports(card)).standing) or ()
        if kind in NEEDS_REBOOT
    }
    kinds: dict[tuple[str, str], list[Fault]] = {}
    above = {hop.bdf for card in cards for hop in card.hops}
    for fault in log.faults:
        # a port that leads to no card may lead to a disk
        if not fault.bdf or fault.bdf in above or "xe " in fault.line:
            kinds.setdefault((fault.bdf, fault.kind), []).append(fault)
    for (bdf, kind), faults in kinds.items():
        count = sum(fault.count for fault in faults)
        such = faults[0].line.strip()[:_SHOWN]
        text = f"{bdf or 'the driver'}: {count} x {kind} since boot, such as: {such}"
        if (bdf, kind) in serious:
            step = serious[bdf, kind]
            then = step if isinstance(step, str) else "stop what serves, save it and boot cold"
            yield context.critical(text, f"{grep(faults)}   # then {then}")
        else:
            yield context.warning(text, grep(faults))
    if log.dropped:
        yield context.warning(
            f"{log.dropped} further fault lines came, too many different ones to be kept",
            f"{grep(log.faults)} | wc -l",
        )
    if not log.faults and not log.from_boot:
        yield context.unknown(
            "whether there were faults is UNKNOWN: the kernel log does not reach back to the boot",
            "raise SystemMaxUse of journald (base.journal.system_max_use)",
        )
