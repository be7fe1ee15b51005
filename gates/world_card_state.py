"""The part of a card's world that says whether its driver works and what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from facts.boot.kernel import Kernel
from facts.pci.aspm import AspmPolicy
from facts.pci.gpu import Gpus
from facts.pci.gpu_card import Card, Link
from facts.pci.gpu_fault import NEEDS_REBOOT, Fault
from facts.pci.gpu_link_state import LinkState, SlotLink
from facts.pci.gpu_log import CardLog, GpuLog
from facts.readings import Readings, then
from facts.value import ABSENT, Absent, Reading, Unknown, known
from gates.card_driver import Driven, driver_of, reading
from gates.card_power import causes, told, way_back
from gates.card_steps import bar_step, describe_rate, link_step
from gates.vocabulary import TermValue


def log_of(card: Card, given: Readings) -> CardLog | Unknown:
    """Return what the kernel log says about a card and the ports above it."""
    log = given[GpuLog]
    return log if isinstance(log, Unknown) else log.card(card.bdf, _ports(card))


def driven(card: Card, given: Readings) -> Driven | Unknown:
    """Return what a card's driver is up to."""
    state = known(given[Gpus])
    return driver_of(
        card,
        log_of(card, given),
        given[Kernel],
        None if state is None else state.card(card.bdf),
        power_step(given),
    )


def power_step(given: Readings) -> str:
    """Return the way back for a card that was switched off."""
    return way_back(known(given[Kernel]), given[AspmPolicy])


def missing_step(given: Readings) -> str | Absent:
    """Return the way back for a card that is not on the bus, where something switches cards off."""
    words = told(given[Kernel], given[AspmPolicy])
    return power_step(given) if isinstance(words, tuple) and words else ABSENT


def fault_step(card: Card, given: Readings) -> str | Absent:
    """Return what brings a card back after its faults; ABSENT where a cold boot is all there is.

    A boot alone does not help a card that its command line switched off, nor one whose kernel or
    firmware fails at every boot.
    """
    log = log_of(card, given)
    stands = () if isinstance(log, Unknown) else known(log.standing) or ()
    lost = card.runtime_status == "error" and bool(causes(known(given[Kernel])))
    if lost or "power" in stands:
        return power_step(given)
    found = driven(card, given)
    return ABSENT if isinstance(found, Unknown) else found.step


def state_of(
    card: Card, state: LinkState, link: SlotLink | Unknown, given: Readings
) -> Mapping[str, Reading[TermValue]]:
    """Return a card's names for its driver, its faults and the next steps."""
    log = log_of(card, given)
    found = driven(card, given)
    faults = Unknown(log.reason) if isinstance(log, Unknown) else log.faults
    seen = faults if isinstance(faults, tuple) else ()
    stands = Unknown(log.reason) if isinstance(log, Unknown) else log.standing
    return {
        "card.driver_state": reading(found),
        "card.driver_reason": found if isinstance(found, Unknown) else found.reason,
        "card.driver_step": ABSENT if isinstance(found, Unknown) else found.step,
        "card.faults": stands,
        "card.fault_line": then(stands, lambda kinds: _line(kinds, seen)),
        "card.fault_step": fault_step(card, given),
        "card.link_rate": then(link, lambda told: _rate(told.current)),
        "card.link_step": link_step(card, state, power_step(given)),
        "card.bar_step": bar_step(card, seen),
    }


def _ports(card: Card) -> frozenset[str]:
    return frozenset(hop.bdf for hop in card.hops)


def _line(kinds: tuple[str, ...], faults: tuple[Fault, ...]) -> Reading[str]:
    """Return the newest line of the worst family that needs a boot."""
    worst = next((kind for kind in kinds if kind in NEEDS_REBOOT), None)
    lines = [fault.line.strip() for fault in faults if fault.kind == worst]
    return lines[-1] if lines else ABSENT


def _rate(link: Link | Absent | Unknown) -> Reading[str]:
    return then(link, describe_rate)
