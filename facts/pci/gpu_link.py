"""Reads every Battlemage card and its PCIe path from sysfs: the oracle for link state.

Enumerates /sys/bus/pci by id and walks up to the root port; /sys/class/drm would hide every card
that is unbound, bound to vfio-pci or in survivability mode. What the links mean is in
gpu_link_state; what should be there is the caller's knowledge, because a card that died before boot
is simply absent here.
"""

from __future__ import annotations

from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact
from facts.pci.gpu_card import Card
from facts.pci.gpu_link_parse import parse_cards
from facts.shelltext import shell_text, shell_variables

_PROBE: Final = shell_text(__file__)


class GpuLinks(HostFact[tuple[Card, ...]]):
    """The Battlemage cards of a host with every hop up to the root port, ordered by PCI address.

    Run as root: without it `downgrade_*` are UNKNOWN. No sleeping card is woken: what the kernel
    would have to power up for is UNKNOWN instead. Other Intel GPUs (the processor's own) are no
    cards and are not listed.
    """

    domain: ClassVar[str] = "gpu_link"
    simulable: ClassVar[bool] = True

    @override
    def script(self, probe_root: str = "") -> str:
        return shell_variables(probe_root=probe_root) + _PROBE

    @override
    def parse(self, text: str) -> tuple[Card, ...]:
        return parse_cards(text)
