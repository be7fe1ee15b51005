"""The rigs that tests and demos ask for by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lab.errors import LabError
from lab.rigshape import Card, RigShape, Switch

#: Root buses of the four-card EPYC host (see lab/rigshape.py).
_ROOT_BUSES: Final = (0x00, 0x80, 0xA0, 0xE0)


def _cards(count: int) -> tuple[Card, ...]:
    # the first card carries ~100 MiB more at idle: the long context wants <= 140 and <= 26 MiB
    return tuple(
        Card(
            slot=str(index + 1),
            label=f"B70-{index + 1}",
            root_bus=bus,
            idle_vram_mib=130 if index == 0 else 24,
        )
        for index, bus in enumerate(_ROOT_BUSES[:count])
    )


def with_card(shape: RigShape, index: int, name: str, **changes: object) -> RigShape:
    """Return a copy of a rig with one card changed.

    Args:
        shape: the rig to start from.
        index: which card, from 0.
        name: name of the new rig.
        changes: fields of `Card`.
    """
    cards = list(shape.cards)
    cards[index] = replace(cards[index], **changes)  # type: ignore[arg-type]
    return replace(shape, name=name, cards=tuple(cards))


HEALTHY_GEN5: Final = RigShape("gen5-x16", _cards(4))
TWO_CARDS: Final = RigShape("two-cards", _cards(2))
#: Slots of the previous generation: normal for the board, below what the cards can do.
GEN4_SLOTS: Final = RigShape(
    "gen4-x16", tuple(replace(card, gen=4, port_gen=4) for card in _cards(4)), board="M12SWA-TF"
)
DEGRADED_X8: Final = with_card(HEALTHY_GEN5, 1, "degraded-x8", width=8)
#: The card fell back to Gen4 in a Gen5 slot while training.
DOWNGRADED: Final = with_card(HEALTHY_GEN5, 1, "downgraded", gen=4, downgraded=True)
MISSING_ENDPOINT: Final = with_card(HEALTHY_GEN5, 1, "missing-endpoint", health="missing")
SUSPENDED: Final = with_card(HEALTHY_GEN5, 1, "suspended", health="suspended", power_control="auto")
SURVIVABILITY: Final = with_card(HEALTHY_GEN5, 1, "survivability", health="survivability")
SMALL_BAR: Final = with_card(HEALTHY_GEN5, 1, "small-bar", bar2_mib=256)
DEAD_CARD: Final = with_card(HEALTHY_GEN5, 1, "dead-card", health="dead")
#: One PEX switch whose uplink trained at Gen1: every card's own link looks perfect.
SWITCH_GEN1: Final = RigShape(
    "switch-gen1", tuple(replace(card, gen=4, port_gen=4) for card in _cards(4)), Switch(gen=1)
)
#: The same switch with its uplink at full speed.
SWITCH_GEN4: Final = replace(SWITCH_GEN1, name="switch-gen4", switch=Switch(gen=4))
#: The console sits on a B70 and the display engine is on: the long context must stay closed.
B70_CONSOLE: Final = replace(
    with_card(HEALTHY_GEN5, 0, "b70-console", boot_vga=True, idle_vram_mib=760),
    cmdline="quiet splash",
)
OLD_GUC: Final = replace(HEALTHY_GEN5, name="old-guc", guc="70.44.1", guc_wanted="70.54.0")

ALL: Final = {
    shape.name: shape
    for shape in (
        HEALTHY_GEN5,
        TWO_CARDS,
        GEN4_SLOTS,
        DEGRADED_X8,
        DOWNGRADED,
        MISSING_ENDPOINT,
        SUSPENDED,
        SURVIVABILITY,
        SMALL_BAR,
        DEAD_CARD,
        SWITCH_GEN1,
        SWITCH_GEN4,
        B70_CONSOLE,
        OLD_GUC,
    )
}


def by_name(name: str) -> RigShape:
    """Return a named rig.

    Raises:
        LabError: no rig has that name.
    """
    if name not in ALL:
        raise LabError(f"no rig shape is called {name!r}", f"known: {', '.join(ALL)}")
    return ALL[name]
