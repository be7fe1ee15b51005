"""What a simulated rig is made of: cards behind root ports or one switch, and their host.

Addresses follow the four-card EPYC host in steveseguin/llm-optimizations,
notes/2026-05-10-b70-pcie-and-xpu-smi.md: root port, card upstream port one bus further, GPU two
more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

Health = Literal["ok", "suspended", "survivability", "dead", "missing"]


@dataclass(frozen=True, slots=True)
class Card:
    """One card in one slot.

    Args:
        slot: name of the slot, as the inventory calls it.
        label: what is written on the card.
        root_bus: bus of the root port; the GPU sits three buses further.
        gen: negotiated generation of the slot link.
        width: negotiated lanes of the slot link.
        port_gen: highest generation of the root port.
        port_width: lanes of the root port.
        bar2_mib: size of BAR 2 (VRAM window); 256 is a small BAR.
        driver: bound driver, or None.
        downgraded: the card fell back to Gen4 while training.
        health: what the card is up to.
        boot_vga: firmware used this card for its console.
        idle_vram_mib: VRAM in use while nothing serves.
        power_control: runtime power management, "on" or "auto".
    """

    slot: str
    label: str
    root_bus: int
    gen: int = 5
    width: int = 16
    port_gen: int = 5
    port_width: int = 16
    bar2_mib: int = 32_768
    driver: str | None = "xe"
    downgraded: bool = False
    health: Health = "ok"
    boot_vga: bool = False
    idle_vram_mib: int = 26
    power_control: str = "on"


@dataclass(frozen=True, slots=True)
class Switch:
    """One PCIe switch with all cards behind it; `gen` and `width` are those of its uplink."""

    gen: int = 4
    width: int = 16


@dataclass(frozen=True, slots=True)
class RigShape:
    """A whole rig.

    Args:
        name: short name.
        cards: in slot order; missing ones stand in the list with health "missing".
        switch: the switch that all cards are behind, or None for root ports of their own.
        osrelease: running kernel.
        cmdline: kernel command line without BOOT_IMAGE and root.
        guc: GuC firmware that the driver loaded.
        guc_wanted: GuC firmware that the driver asked for; empty when the loaded one satisfies it.
        board: DMI board name.
        serial: DMI product serial.
        dram_ecc: DRAM error correction is on.
    """

    name: str
    cards: tuple[Card, ...]
    switch: Switch | None = None
    osrelease: str = "6.17.0-29-generic"
    cmdline: str = "quiet splash xe.disable_display=1"
    guc: str = "70.54.0"
    guc_wanted: str = ""
    board: str = "TURIND8-2L2T"
    serial: str = "LAB0000001"
    dram_ecc: bool = True


def gpu_address(shape: RigShape, index: int) -> str:
    """Return the PCI address of the card at `index`, present or not."""
    return f"0000:{first_bus(shape, index) + 2:02x}:00.0"


def first_bus(shape: RigShape, index: int) -> int:
    """Return the bus of the upstream port of the card at `index`."""
    return 0x43 + 4 * index if shape.switch else shape.cards[index].root_bus + 1


def present(shape: RigShape) -> Iterator[tuple[int, Card]]:
    """Yield the cards that the bus shows, with their index."""
    return ((index, card) for index, card in enumerate(shape.cards) if card.health != "missing")


def driven(shape: RigShape) -> Iterator[tuple[int, Card]]:
    """Yield the cards that have device nodes, with their index."""
    return (
        (index, card)
        for index, card in present(shape)
        if card.driver == "xe" and card.health != "survivability"
    )


def to_json(shape: RigShape) -> str:
    """Return a rig as JSON text."""
    return json.dumps(asdict(shape), indent=1) + "\n"


def from_json(text: str) -> RigShape:
    """Read what `to_json` wrote."""
    fields = json.loads(text)
    fields["cards"] = tuple(Card(**card) for card in fields["cards"])
    fields["switch"] = Switch(**fields["switch"]) if fields["switch"] else None
    return RigShape(**fields)
