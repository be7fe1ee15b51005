"""Errors that the kernel counts since the boot: on the cards' PCIe links, in main memory. Pure.

A corrected error costs time and no data, so a few are nothing: their rate is judged. An error that
was not corrected is told from the first on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.pci.gpu_card import CARD_UPSTREAM_PORTS, Card, Hop
from facts.pci.gpu_link import GpuLinks
from facts.readings import then
from facts.system.clock import Clock
from facts.system.memory import Memory
from facts.value import ABSENT, Absent, Reading, Unknown, known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check

#: Corrected errors a minute, on average since the boot, from which on a link is called sick: what
#: NVIDIA takes for replays (DCGM_LIMIT_MAX_PCIREPLAY_RATE in dcgm_gpu_hardware_limits.h of DCGM).
MAX_PER_MINUTE: Final = 8.0
#: Fewer are no rate yet: links make some while they train at boot.
FEW: Final = 100
#: So many are told whatever the rate is: a month of silence hides a bad day in the average.
MANY: Final = 100_000


@dataclass(frozen=True, slots=True)
class _Corrected:
    """Corrected errors since the boot: how many, and how long that is (seconds)."""

    count: int
    uptime_s: Reading[float]

    @property
    def per_minute(self) -> Reading[float]:
        return then(self.uptime_s, lambda seconds: self.count / max(seconds / 60, 1.0))

    @property
    def is_sick(self) -> Reading[bool]:
        """Return True if so many are a fault; UNKNOWN where their rate would decide."""
        if self.count < FEW or self.count >= MANY:
            return self.count >= MANY
        return then(self.per_minute, lambda rate: rate > MAX_PER_MINUTE)

    @override
    def __str__(self) -> str:
        text = f"{_count(self.count, 'corrected')} since the boot"
        if isinstance(self.uptime_s, Unknown | Absent):
            return text
        hours = self.uptime_s / 3600
        since = f"{hours / 24:.0f} days ago" if hours >= 72 else f"{hours:.1f} hours ago"
        return f"{text} {since}"


def _count(number: int, kind: str) -> str:
    return f"{number:,} {kind} error{'' if number == 1 else 's'}"


def _uptime(context: Context) -> Reading[float]:
    return then(context.given[Clock], lambda clock: clock.uptime_s)


@check("link-errors", "cards")
def _link_errors(context: Context) -> Iterator[Finding]:
    """A PCIe port on a card's way to the processor counts errors (AER): mostly a bad contact.

    Corrected errors were sent again: many of them in a minute slow the link down and come before
    it degrades or the card is lost. Uncorrected ones lost something, a fatal one took the link
    down. The port that counts saw the error; the cause may be at the other end of its link. Where
    the firmware keeps the counters to itself, or the kernel was booted with pci=noaer, their
    silence proves nothing.
    """
    cards = [card for card in known(context.given[GpuLinks]) or () if card.is_b70]
    uptime = _uptime(context)
    for hop, below in _ports(cards):
        yield from _port(context, f"{hop.bdf} ({_role(hop, below)})", hop, uptime)
    silent = [card.bdf for card in cards if all(hop.aer_correctable is ABSENT for hop in card.hops)]
    if silent:
        yield context.info(
            f"{', '.join(silent)}: no port on the way to the processor counts its errors "
            "(the firmware keeps them, or pci=noaer)"
        )


def _ports(cards: Sequence[Card]) -> list[tuple[Hop, list[Card]]]:
    """Return every function on the cards' ways once, with the cards that it leads to."""
    ports: dict[str, tuple[Hop, list[Card]]] = {}
    for card in cards:
        for hop in card.hops:
            ports.setdefault(hop.bdf, (hop, []))[1].append(card)
    return list(ports.values())


def _role(hop: Hop, cards: Sequence[Card]) -> str:
    if hop.depth == 0:
        return "the card"
    bdfs = ", ".join(card.bdf for card in cards)
    if hop.device in CARD_UPSTREAM_PORTS:
        return f"upstream port of {bdfs}"
    is_root = all(hop.bdf == card.hops[-1].bdf for card in cards)
    return f"{'root port' if is_root else 'port'} above {bdfs}"


def _port(context: Context, port: str, hop: Hop, uptime: Reading[float]) -> Iterator[Finding]:
    reseat = (
        "power off, reseat the card and its riser or try another slot, boot cold; then "
        f"b70 doctor {context.spec.name}"
    )
    show = f"b70 facts {context.spec.name} gpu_link"
    for kind, count in (("fatal", hop.aer_fatal), ("uncorrected", hop.aer_nonfatal)):
        if isinstance(count, Unknown):
            yield context.unknown(f"{port}: {kind} errors are UNKNOWN: {count.reason}", show)
        elif isinstance(count, int) and count > 0:
            yield context.warning(f"{port}: {_count(count, kind)} since the boot", reseat)
    if isinstance(hop.aer_correctable, Unknown):
        why = hop.aer_correctable.reason
        yield context.unknown(f"{port}: corrected errors are UNKNOWN: {why}", show)
    elif isinstance(hop.aer_correctable, int):
        corrected = _Corrected(hop.aer_correctable, uptime)
        yield from _judged(context, port, corrected, reseat)


@check("memory-errors", "machine")
def _memory_errors(context: Context) -> Iterator[Finding]:
    """Main memory that fails: counted by the kernel's watch (EDAC), or taken out of use already.

    Results that come from such memory are not to be believed. Without an EDAC driver nothing is
    counted, which proves nothing.
    """
    memory = known(context.given[Memory])
    if memory is None:
        return
    uptime = _uptime(context)
    test = (
        "journalctl -k -b | grep -iE 'edac|mce|hardware error'   # names the module; replace it, "
        "then test all memory"
    )
    if isinstance(memory.corrupted, int) and memory.corrupted > 0:
        text = f"{memory.corrupted // 1024:,} KiB of memory are out of use after errors"
        yield context.warning(text, test)
    show = f"b70 facts {context.spec.name} memory"
    for controller in memory.controllers:
        name = f"memory controller {controller.name} ({controller.kind})"
        if isinstance(controller.uncorrected, int) and controller.uncorrected > 0:
            count_text = _count(controller.uncorrected, "uncorrected")
            yield context.warning(f"{name}: {count_text} since the boot", test)
        for count in (controller.corrected, controller.uncorrected):
            if isinstance(count, Unknown):
                yield context.unknown(f"{name}: errors are UNKNOWN: {count.reason}", show)
        if isinstance(controller.corrected, int):
            yield from _judged(context, name, _Corrected(controller.corrected, uptime), test)


def _judged(context: Context, what: str, errors: _Corrected, remedy: str) -> Iterator[Finding]:
    rate = errors.per_minute
    if errors.is_sick is True:
        average = f", {rate:,.1f} a minute" if isinstance(rate, float) else ""
        yield context.warning(f"{what}: {errors}{average}", remedy)
    elif errors.is_sick is not False:
        why = rate.reason if isinstance(rate, Unknown) else "the uptime is absent"
        text = f"{what}: {errors}; whether that is many is UNKNOWN: {why}"
        yield context.unknown(text, f"b70 facts {context.spec.name} clock")
