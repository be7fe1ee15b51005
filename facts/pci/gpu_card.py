"""What one Battlemage card and each PCI function above it say about themselves.

Values only: how they are read is in gpu_link, what they mean in gpu_link_state. No hosts, no
policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.value import Absent, Reading, Unknown

INTEL: Final = 0x8086
B70: Final = 0xE223

#: Device id -> product (torvalds/linux include/drm/intel/pciids.h). The names that lspci prints are
#: generic: match ids.
BATTLEMAGE: Final = {
    0xE202: "BMG-G21",
    0xE209: "BMG-G21",
    0xE20B: "Arc B580",
    0xE20C: "Arc B570",
    0xE20D: "BMG-G21",
    0xE210: "BMG-G21",
    0xE211: "Arc Pro B60",
    0xE212: "Arc Pro B50",
    0xE216: "BMG-G21",
    0xE220: "BMG-G31",
    0xE221: "BMG-G31",
    0xE222: "Arc Pro B65",
    B70: "Arc Pro B70",
}

#: Slot-facing upstream port of a card: Battlemage, then the two of DG2.
CARD_UPSTREAM_PORTS: Final = frozenset({0xE2FF, 0x4FA0, 0x4FA1})

#: Every port on a card's own board: that one, and the ports of GPU and audio behind it.
BOARD_PORTS: Final = CARD_UPSTREAM_PORTS | {0xE2F0, 0xE2F1, 0xE2F2, 0x4FA4}

#: Lanes that a PCIe link can have.
LINK_WIDTHS: Final = frozenset({1, 2, 4, 8, 12, 16, 32})
#: PCIe generation -> GT/s per lane.
GTS: Final = {1: 2.5, 2: 5.0, 3: 8.0, 4: 16.0, 5: 32.0, 6: 64.0, 7: 128.0}
#: PCIe generation -> share of the raw rate that carries data (8b/10b, 128b/130b, FLIT 242/256).
_CODING: Final = {1: 0.8, 2: 0.8, **dict.fromkeys((3, 4, 5), 128 / 130), 6: 242 / 256, 7: 242 / 256}


@dataclass(frozen=True, slots=True)
class Link:
    """A PCIe link: generation 1 to 7 and a real width (1, 2, 4, 8, 12, 16 or 32 lanes)."""

    gen: int
    width: int

    @property
    def gbps(self) -> float:
        """Data rate per direction in GB/s; a large copy reaches about 90 % of it."""
        return GTS[self.gen] * _CODING[self.gen] * self.width / 8

    @override
    def __str__(self) -> str:
        return f"Gen{self.gen} x{self.width}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One PCI function on the way from the GPU (depth 0) to the root port (last).

    Attributes:
        current: negotiated link (LnkSta) towards the hop above, or below for a downstream port.
        maximum: what this function alone can do (LnkCap).
        all_ones: its config space answers with ones only: gone, or powered off.
        aer_correctable: errors since boot; ABSENT when the firmware keeps AER to itself, so its
            silence proves nothing.
    """

    depth: int
    bdf: str
    vendor: int
    device: int
    current: Reading[Link]
    maximum: Reading[Link]
    all_ones: bool
    aer_correctable: Reading[int]
    aer_nonfatal: Reading[int]
    aer_fatal: Reading[int]
    l1_aspm: Reading[bool]
    runtime_status: Reading[str]

    @property
    def asleep(self) -> bool:
        """Return True if runtime power management has suspended it (or is about to)."""
        return isinstance(self.runtime_status, str) and self.runtime_status.startswith("suspend")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One GPU function of the Battlemage family, keyed by its PCI address.

    Attributes:
        bdf: domain (4 or 5 hex digits):bus:device.function.
        numa_node: -1 means the firmware named none.
        bar2_mib: size of the VRAM window in MiB; bar2_sizes: the sizes it may have, in MiB.
        power_state: D0, D3hot, D3cold …
        downgrade_capable: the card may fall back from Gen5 to Gen4. Root only.
        downgrade_status: it did so while training. Root only.
        survivability: first line of the file; its mere presence means the mode (torvalds/linux
            drivers/gpu/drm/xe/xe_survivability_mode.c, DOC).
        power1_cap_uw: power cap in microwatts, from the hwmon folder below this PCI function.
    """

    bdf: str
    device_id: int
    subsystem: tuple[Reading[int], Reading[int]]
    numa_node: Reading[int]
    driver: Reading[str]
    iommu_group: Reading[str]
    physfn: Reading[str]
    sriov_numvfs: Reading[int]
    drm_card: Reading[str]
    drm_render: Reading[str]
    bar2_mib: Reading[int]
    bar2_sizes: Reading[tuple[int, ...]]
    power_control: Reading[str]
    runtime_status: Reading[str]
    power_state: Reading[str]
    d3cold_allowed: Reading[bool]
    downgrade_capable: Reading[bool]
    downgrade_status: Reading[bool]
    survivability: Reading[str]
    boot_vga: Reading[bool]
    power1_cap_uw: Reading[int]
    vram_bytes: Reading[int]
    hops: tuple[Hop, ...]

    @property
    def name(self) -> str:
        """Product name by device id."""
        return BATTLEMAGE[self.device_id]

    @property
    def is_b70(self) -> bool:
        """Return True if this is an Arc Pro B70; the other cards are listed, never tuned."""
        return self.device_id == B70

    @property
    def is_virtual(self) -> bool:
        """Return True if this is an SR-IOV virtual function rather than a card."""
        return not isinstance(self.physfn, Absent)

    @property
    def shows_its_board(self) -> bool:
        """Return True if a port of the card's own board is above it; a guest sees none of them."""
        return any(h.vendor == INTEL and h.device in BOARD_PORTS for h in self.hops[1:])

    @property
    def whole_vram_in_bar(self) -> Reading[bool]:
        """Return True if the host sees all VRAM: 32 GiB on a B70, 256 MiB without resizable BAR."""
        if isinstance(self.bar2_mib, Unknown):
            return self.bar2_mib
        if isinstance(self.bar2_mib, Absent):
            return Unknown("the card shows no resources")
        if isinstance(self.vram_bytes, int):
            return self.bar2_mib << 20 >= self.vram_bytes
        if isinstance(self.bar2_sizes, tuple) and self.bar2_sizes:
            return self.bar2_mib == max(self.bar2_sizes)
        return Unknown(f"BAR2 is {self.bar2_mib} MiB, the size of the VRAM cannot be read")


def no_wider_than(one: Link, other: Link) -> Link:
    """Return what a link between two ends can be: the lower generation and the lower width."""
    return Link(min(one.gen, other.gen), min(one.width, other.width))
