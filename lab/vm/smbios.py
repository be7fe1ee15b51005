"""Turns a rig shape into what the guest's fake cards read from SMBIOS at power-on. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lab.errors import LabError
from lab.rigshape import Card, RigShape

#: Root bus of a card that stands on bus 0 in the shape: there the machine's own devices are.
_INSTEAD_OF_BUS_0: Final = 0x40
#: What fakeb70 and its driver cannot show at power-on, and the verb that does it later.
_LATER: Final = {"dead": "cards.dead", "suspended": "cards.suspend"}


def fitted(shape: RigShape, serial: str) -> RigShape:
    """Return a shape as a virtual machine can show it: no card on bus 0, a serial of its own.

    Raises:
        LabError: a card is in a state that only comes after power-on.
    """
    for card in shape.cards:
        if card.health in _LATER:
            raise LabError(
                f"a virtual machine cannot start with a {card.health} card",
                f"start it with healthy cards and call {_LATER[card.health]}",
            )
    cards = tuple(
        replace(card, root_bus=card.root_bus or _INSTEAD_OF_BUS_0) for card in shape.cards
    )
    return replace(shape, cards=cards, serial=serial)


def strings(shape: RigShape, bind_delay_ms: tuple[int, ...] = ()) -> tuple[str, ...]:
    """Return the SMBIOS type 11 strings of a rig.

    Args:
        shape: the rig.
        bind_delay_ms: milliseconds after which the driver takes each card; empty = at once.
    """
    cards = shape.cards

    def each(value: Callable[[Card], int]) -> str:
        return ",".join(str(int(value(card))) for card in cards)

    tree = [
        f"cards={len(cards)}",
        f"present={each(lambda card: card.health != 'missing')}",
        f"cur_gen={each(lambda card: card.gen)}",
        f"cur_width={each(lambda card: card.width)}",
        f"rp_gen={each(lambda card: card.port_gen)}",
        f"rp_width={each(lambda card: card.port_width)}",
        f"rebar_mb={each(lambda card: card.bar2_mib)}",
    ]
    if shape.switch:
        tree += ["pex=1", f"up_gen={shape.switch.gen}", f"up_width={shape.switch.width}"]
    else:
        tree.append(f"busbase={each(lambda card: card.root_bus)}")
    driver = [
        f"dg_status={each(lambda card: card.downgraded)}",
        f"survivability={each(lambda card: card.health == 'survivability')}",
        f"idle_vram_mib={each(lambda card: card.idle_vram_mib)}",
    ]
    if bind_delay_ms:
        driver.append(f"bind_delay_ms={','.join(str(delay) for delay in bind_delay_ms)}")
    return (f"b70lab:{';'.join(tree)}", f"b70lab-xe:{';'.join(driver)}")
