"""Every display controller on the PCI bus: the cards, and whatever else stands beside them.

Level Zero and OpenCL number all GPUs that they can start, so another one moves the cards' numbers;
any takes lanes and power. Must not know which of them is welcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.parts import Parts, script
from facts.pci.gpu_card import B70, BATTLEMAGE, INTEL
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading

_SCRIPT: Final = shell_text(__file__)

_AMD: Final = 0x1002
_NVIDIA: Final = 0x10DE
#: Makers whose processors have GPUs of their own; what another one made is never part of one.
_PROCESSOR_MAKERS: Final = frozenset({INTEL, _AMD})
_MAKERS: Final = {INTEL: "Intel", _AMD: "AMD", _NVIDIA: "NVIDIA"}
#: Display controllers that no model runs on (ids of pci.ids): those of management controllers
#: (ASPEED, Matrox, Huawei, XGI), then those of virtual machines (QEMU, Red Hat's two, Cirrus,
#: VMware, VirtualBox, Hyper-V).
_CONSOLES: Final = frozenset(
    {0x1A03, 0x102B, 0x19E5, 0x18CA, 0x1234, 0x1B36, 0x1AF4, 0x1013, 0x15AD, 0x80EE, 0x1414}
)


@dataclass(frozen=True, slots=True)
class Display:
    """One display controller; virtual functions of a card are left out.

    Attributes:
        driver: bound driver.
        own: it is where a processor's own GPU is: on the root bus, or on one device with other
            functions of the processor.
    """

    bdf: str
    vendor: int
    device: int
    driver: Reading[str]
    own: bool

    @property
    def is_b70(self) -> bool:
        """Return True if this is an Arc Pro B70."""
        return (self.vendor, self.device) == (INTEL, B70)

    @property
    def is_other_card(self) -> bool:
        """Return True if this is a GPU of another kind, and neither a console nor a processor's."""
        if self.is_b70 or self.vendor in _CONSOLES:
            return False
        return not (self.own and self.vendor in _PROCESSOR_MAKERS)

    @property
    def is_intel(self) -> bool:
        """Return True if Intel's compute runtime lists it among the B70."""
        return self.vendor == INTEL

    @property
    def name(self) -> str:
        """Return maker and product, as far as the ids tell."""
        known = BATTLEMAGE.get(self.device) if self.is_intel else None
        ids = f"{self.vendor:04x}:{self.device:04x}"
        return f"{_MAKERS.get(self.vendor, 'GPU')} {known or ids}"


class Displays(HostFact[tuple[Display, ...]]):
    """Display controllers in the order of their PCI addresses."""

    domain: ClassVar[str] = "displays"
    simulable: ClassVar[bool] = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, root=probe_root)

    @override
    def parse(self, text: str) -> tuple[Display, ...]:
        return tuple(_display(line) for line in Parts(text).lines("displays"))


def _display(line: str) -> Display:
    words = line.split(" ")
    if len(words) != 5 or words[4] not in ("own", "slot"):
        raise ParseError(f"not a display controller: {line!r}")
    bdf, vendor, device, driver, place = words
    return Display(
        bdf=bdf,
        vendor=int(vendor, 16),
        device=int(device, 16),
        driver=ABSENT if driver == "-" else driver,
        own=place == "own",
    )
