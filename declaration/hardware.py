"""What stands in the rack: quoted by reports, and the only source for what *should* be there.

A card that died before boot is absent from /sys, so the expected count and slots come from here.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from declaration.base import Declared
from declaration.patterns import matching

_BDF = re.compile(r"^[0-9a-f]{4,5}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$")


#: PCI address: domain (4 or 5 hex digits) : bus : device . function, lower case.
PciAddress = Annotated[str, matching(_BDF, "a PCI address such as 0000:83:00.0")]


class CardSlot(Declared):
    """One Arc Pro B70 in one slot."""

    slot: str
    bdf: PciAddress | None = None
    label: str = ""
    riser: str = ""
    serial: str = ""


class Hardware(Declared):
    """The physical rig."""

    cards: tuple[CardSlot, ...] = Field(default=(), max_length=8)
    board: str = ""
    power_supply: str = ""
    cooling: str = ""
    photos: tuple[str, ...] = ()
    notes: str = ""
