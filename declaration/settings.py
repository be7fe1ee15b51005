"""Host settings around the cards: runtime power management, deep idle states, power caps."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from declaration.base import Declared
from declaration.hardware import PciAddress

#: Board power that a B70 can be set to, in W (docs/evidence.md#host-settings).
POWER_CAP_W: Final = (160, 290)

Watts = Annotated[int, Field(ge=POWER_CAP_W[0], le=POWER_CAP_W[1])]


class HostSettings(Declared):
    """What is set while a host runs, and set again at every boot."""

    #: keep cards and their bridges awake: a card in D3cold may never come back
    keep_awake: bool = True
    #: numbers of processor idle states that stay off on every processor
    cpuidle_off: tuple[Annotated[int, Field(ge=1, le=9)], ...] = ()
    #: board power per card, in W
    power_caps: dict[PciAddress, Watts] = Field(default_factory=dict)
