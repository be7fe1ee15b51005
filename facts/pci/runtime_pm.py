"""Runtime power management of each Battlemage card and every bridge above it: on or auto.

Reading it wakes nothing. Must not know what is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.parts import Parts, script
from facts.pci.gpu_card import B70
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class PowerControl:
    """One PCI function on the way to a card.

    Args:
        bdf: its address.
        card: address of the card that it leads to, or is.
        control: `on` or `auto`.
        status: `active`, `suspended` …
    """

    bdf: str
    card: str
    control: Reading[str]
    status: Reading[str]

    @property
    def is_card(self) -> bool:
        """Return True if this is the card itself, not a bridge."""
        return self.bdf == self.card


class RuntimePm(HostFact[tuple[PowerControl, ...]]):
    """Power control of the B70 cards and of the bridges above them, card by card."""

    domain = "runtime_pm"
    simulable = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, root=probe_root, id=f"0x{B70:04x}")

    @override
    def parse(self, text: str) -> tuple[PowerControl, ...]:
        return tuple(_function(line) for line in Parts(text).lines("functions"))


def _function(line: str) -> PowerControl:
    words = line.split(" ")
    if len(words) != 4:
        raise ParseError(f"not a PCI function: {line!r}")
    bdf, card, control, status = words
    return PowerControl(bdf, card, _word(control), _word(status))


def _word(text: str) -> Reading[str]:
    return ABSENT if text == "-" else text
