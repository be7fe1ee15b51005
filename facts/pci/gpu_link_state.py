"""What a card's PCIe readings amount to: ok, degraded, asleep, dead … and which cards are missing.

Pure. The GPU function itself always says 2.5 GT/s x1, because that is its link to the bridge on its
own board; the slot link is that of the card's upstream port (8086:e2ff). It is judged by both of
its ends, and then everything above it, since a switch uplink that trained at Gen1 leaves the card's
own link perfect.
What follows from a state is policy and lives in gates.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from facts.pci.gpu_card import CARD_UPSTREAM_PORTS, INTEL, Card, Hop, Link, no_wider_than
from facts.pci.gpu_link_parse import address_key
from facts.value import Absent, Unknown


class LinkState(StrEnum):
    """The state of one card's way to the processor."""

    #: the slot link runs at the card's maximum and nothing above it is narrower
    OK = "ok"
    #: at the port's maximum, below the card's: normal on a Gen4 board
    SLOT_LIMITED = "slot-limited"
    #: below what both ends can do
    DEGRADED = "degraded"
    #: a bridge further up is slower than the slot link
    UPLINK_LIMITED = "uplink-limited"
    #: reads low or not at all while the card or a bridge sleeps: wake it under load and read again
    SUSPENDED = "suspended"
    #: some hop cannot be read, or the card's upstream port is not visible
    UNKNOWN = "unknown"
    #: the config space answers with ones only
    DEAD = "dead"
    #: an SR-IOV virtual function, not judged
    VF = "vf"
    #: the driver is in survivability mode, not judged
    SURVIVABILITY = "survivability"
    #: declared, but not on the PCI bus
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A link state and one sentence that says why."""

    state: LinkState
    reason: str


@dataclass(frozen=True, slots=True)
class SlotLink:
    """The link between a card's upstream port and the port above it.

    Attributes:
        current: the lower of what the two ends report.
        possible: what both ends can do.
        card_maximum: what the card alone can do.
    """

    current: Link
    possible: Link
    card_maximum: Link


@dataclass(frozen=True, slots=True)
class Presence:
    """Declared cards against present ones.

    Attributes:
        missing: declared PCI addresses that no B70 has.
        missing_count: how many B70 are missing in all, those without a declared address included.
        extra: B70 that nobody declared.
    """

    missing: tuple[str, ...]
    missing_count: int
    extra: tuple[str, ...]


def judge(card: Card) -> Judgement:
    """Return the link state of one card."""
    if card.is_virtual:
        return Judgement(LinkState.VF, f"virtual function of {card.physfn}")
    if not isinstance(card.survivability, Absent):
        return Judgement(LinkState.SURVIVABILITY, f"survivability_mode says: {card.survivability}")
    sleeping = next((hop for hop in card.hops if hop.asleep), None)
    slot = slot_hop(card)
    gone = next((hop for hop in card.hops if hop.all_ones), None)
    if gone and not sleeping:
        return Judgement(LinkState.DEAD, f"{gone.bdf} answers with ones only")
    if isinstance(slot, Unknown):
        return Judgement(LinkState.UNKNOWN, slot.reason)
    link = slot_link(card)
    narrow = bottleneck(card)
    if isinstance(link, Unknown) or isinstance(narrow, Unknown):
        reason = link.reason if isinstance(link, Unknown) else str(narrow)
        return _low(sleeping, LinkState.UNKNOWN, reason)
    if link.current != no_wider_than(link.current, link.possible):
        reason = f"{slot.bdf} reports {link.current}, more than the {link.possible} of its two ends"
        return Judgement(LinkState.UNKNOWN, reason)
    if link.current != link.possible:
        reason = f"{slot.bdf} runs at {link.current}, both ends can do {link.possible}"
        return _low(sleeping, LinkState.DEGRADED, reason)
    if narrow[1].gbps < link.current.gbps:
        reason = f"{narrow[0].bdf} further up runs at {narrow[1]}, the slot link at {link.current}"
        return _low(sleeping, LinkState.UPLINK_LIMITED, reason)
    if link.possible != link.card_maximum:
        reason = f"{link.current} is all that the slot offers; the card can do {link.card_maximum}"
        return Judgement(LinkState.SLOT_LIMITED, reason)
    return Judgement(LinkState.OK, f"{link.current} from {slot.bdf} up to the root port")


def _low(sleeping: Hop | None, state: LinkState, reason: str) -> Judgement:
    """Call a low or missing reading inconclusive when something sleeps."""
    if sleeping:
        return Judgement(LinkState.SUSPENDED, f"{sleeping.bdf} is suspended; {reason}")
    return Judgement(state, reason)


def slot_hop(card: Card) -> Hop | Unknown:
    """Return the hop whose link is the one between card and slot.

    That is the card's upstream port; below an unknown bridge id, the first ancestor that is more
    than the 2.5 GT/s x1 of the card's inner links. A guest that sees the GPU alone, below ports
    that its host made up, cannot tell.
    """
    for hop in card.hops:
        if hop.vendor == INTEL and hop.device in CARD_UPSTREAM_PORTS:
            return hop
    for hop in card.hops[1:] if card.shows_its_board else ():
        if isinstance(hop.maximum, Link) and hop.maximum != Link(1, 1):
            return hop
    return Unknown(f"no upstream port of the card above {card.bdf}")


def path(card: Card) -> tuple[Hop, ...]:
    """Return the slot hop and everything above it, card side first; empty without a slot hop."""
    slot = slot_hop(card)
    return () if isinstance(slot, Unknown) else card.hops[slot.depth :]


def slot_link(card: Card) -> SlotLink | Unknown:
    """Return the slot link as both ends tell it: min(port above, card's upstream port)."""
    ends = path(card)[:2]
    if len(ends) < 2:
        return Unknown(f"the slot of {card.bdf} has no visible port above it")
    card_end, port_end = ends
    links: list[Link] = []
    for hop in (card_end, port_end):
        for link in (hop.current, hop.maximum):
            if not isinstance(link, Link):
                return Unknown(f"the link of {hop.bdf} cannot be read: {link}")
            links.append(link)
    return SlotLink(
        current=no_wider_than(links[0], links[2]),
        possible=no_wider_than(links[1], links[3]),
        card_maximum=links[1],
    )


def bottleneck(card: Card) -> tuple[Hop, Link] | Unknown:
    """Return the slowest hop from the slot upwards with its link; on a tie the nearest one."""
    found: list[tuple[Hop, Link]] = []
    for hop in path(card):
        if not isinstance(hop.current, Link):
            return Unknown(f"the link of {hop.bdf} cannot be read: {hop.current}")
        found.append((hop, hop.current))
    if not found:
        return Unknown(f"no upstream port of the card above {card.bdf}")
    return min(found, key=lambda pair: pair[1].gbps)


def presence(cards: Sequence[Card], count: int, bdfs: Collection[str] = ()) -> Presence:
    """Compare the B70 on the bus with the declared ones.

    Args:
        cards: what the fact found.
        count: how many B70 are declared.
        bdfs: the declared PCI addresses, as far as they are known. A bridge that leads to one card
            alone (its root port) also names it, since bus numbers move when a card is added.
    """
    b70s = [card for card in cards if card.is_b70 and not card.is_virtual]
    below = {bdf: [c.bdf for c in b70s if bdf in {hop.bdf for hop in c.hops}] for bdf in bdfs}
    claimed = {found[0] for found in below.values() if len(found) == 1}
    missing = tuple(sorted((b for b, found in below.items() if len(found) != 1), key=address_key))
    unclaimed = [card.bdf for card in b70s if card.bdf not in claimed]
    nameless = max(count - len(below), 0)
    return Presence(
        missing=missing,
        missing_count=len(missing) + max(nameless - len(unclaimed), 0),
        extra=tuple(unclaimed[nameless:]),
    )
