"""Is every declared card on the PCI bus, and no other? Pure."""

from __future__ import annotations

from collections.abc import Iterator

from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_link_state import LinkState
from facts.value import known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check
from gates import world_cards
from gates.wording import text

_RESEAT = "power off, reseat the card and its power cables, check the riser, boot cold"


@check("card-missing", "cards")
def _cards_present(context: Context) -> Iterator[Finding]:
    """A declared card is not on the PCI bus, or a B70 is there that nobody declared.

    A card that died before the boot, has no power or sits loose is simply not there: only the
    declaration says that it should be.
    """
    declared = context.spec.hardware.cards
    listed = world_cards.cards(context.spec, context.given)
    if not declared or known(context.given[GpuLinks]) is None or not isinstance(listed, tuple):
        return
    by_state = {
        state: [card for card in listed if card["card.link_state"] == state]
        for state in (LinkState.MISSING.value, world_cards.EXTRA)
    }
    for card in by_state[LinkState.MISSING.value]:
        step = card["card.link_step"]
        yield context.critical(
            f"{text(card['card.label'])}: {text(card['card.link_reason'])}",
            step if isinstance(step, str) else _RESEAT,
        )
    if extra := by_state[world_cards.EXTRA]:
        names = ", ".join(text(card["card.label"]) for card in extra)
        yield context.warning(
            f"{names}: on the PCI bus, and not declared",
            f"add it to hardware.cards: b70 inventory explain {context.spec.name} hardware.cards",
        )
