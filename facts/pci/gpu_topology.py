"""How two cards of one host are related on the PCI bus. Pure; not whether they may talk.

A shared switch or host bridge permits peer traffic at most: only a transfer that checks its data
proves it.
"""

from __future__ import annotations

from facts.pci.gpu_card import Card
from facts.value import Absent, Reading, Unknown


def shared_switch(one: Card, other: Card) -> str | None:
    """Return the PCI address of the nearest bridge above both cards, or None when they share none.

    A root port has a single link, so two cards below one root port always sit behind a switch.
    """
    above = {hop.bdf for hop in other.hops[1:]}
    return next((hop.bdf for hop in one.hops[1:] if hop.bdf in above), None)


def same_host_bridge(one: Card, other: Card) -> bool:
    """Return True if both root ports are on one root bus (same domain and bus)."""
    return _root_bus(one) == _root_bus(other)


def isolated(one: Card, other: Card) -> Reading[bool]:
    """Return True if the IOMMU keeps the two cards apart; ABSENT when it is off.

    Own groups behind one switch mean that ACS redirects peer traffic up to the root complex.
    """
    groups = (one.iommu_group, other.iommu_group)
    for group in groups:
        if isinstance(group, Unknown | Absent):
            return group
    return groups[0] != groups[1]


def _root_bus(card: Card) -> str:
    return card.hops[-1].bdf.rsplit(":", 1)[0]
