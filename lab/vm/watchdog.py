"""The hardware watchdog of a virtual machine: its chipset's timer, shown to the guest by ACPI.

QEMU's q35 has Intel's TCO timer, which runs without the CPU and resets the machine; nothing is
added to a bus. Debian's cloud kernels have no driver for it (nor for QEMU's i6300esb), but the one
for an ACPI Watchdog Action Table (`wdat_wdt`), as server boards bring it. This is that table. Pure.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

#: Milliseconds of one count: the timer's tick is 600 ms, and only its second end resets
#: (QEMU hw/acpi/ich9_tco.c).
PERIOD_MS: Final = 1200
_MAX_COUNT: Final = 0x3FF
_MIN_COUNT: Final = 2

#: Where SeaBIOS puts the chipset's power management ports and its memory-mapped registers.
_TCO_PORTS: Final = 0x660
_CHIPSET: Final = 0xFED1C000
_RELOAD, _CONTROL, _COUNT = _TCO_PORTS, _TCO_PORTS + 0x08, _TCO_PORTS + 0x12
_HALT_BIT: Final = 11
#: General Control and Status: while this bit is set, the timer's end resets nothing.
_GCS, _NO_REBOOT_BIT = _CHIPSET + 0x3410, 5

#: Values of the table (ACPICA include/acpi/actbl3.h).
_MEMORY, _PORT = 0, 1
_WORD, _DWORD = 2, 3
_WRITE_VALUE, _WRITE_COUNTDOWN, _PRESERVE = 0x02, 0x03, 0x80
_ENABLED: Final = 1
#: Instead of a PCI device's address: the timer is none.
_NO_PCI: Final = 0xFF


@dataclass(frozen=True, slots=True)
class _Action:
    """One thing that a driver may do with the timer, and the register access that does it."""

    action: int
    instruction: int
    space: int
    access: int
    register: int
    bit: int = 0
    value: int = 0
    mask: int = 1

    def packed(self) -> bytes:
        width = 8 << (self.access - 1)
        region = struct.pack("<4BQ", self.space, width, self.bit, self.access, self.register)
        operands = struct.pack("<II", self.value, self.mask)
        return struct.pack("<BBH", self.action, self.instruction, 0) + region + operands


#: The question whether it runs is left out: after power-on QEMU's timer stands still but is not
#: halted, so Linux would take it for running, feed it by itself and end every hang with a reset.
_ACTIONS: Final = (
    _Action(1, _WRITE_VALUE, _PORT, _WORD, _RELOAD, value=1, mask=0xFFFF),  # feed
    _Action(6, _WRITE_COUNTDOWN | _PRESERVE, _PORT, _WORD, _COUNT, mask=_MAX_COUNT),
    _Action(9, _WRITE_VALUE | _PRESERVE, _PORT, _WORD, _CONTROL, _HALT_BIT, 0),  # arm
    _Action(11, _WRITE_VALUE | _PRESERVE, _PORT, _WORD, _CONTROL, _HALT_BIT, 1),  # disarm
    _Action(17, _WRITE_VALUE | _PRESERVE, _MEMORY, _DWORD, _GCS, _NO_REBOOT_BIT, 0),
)


def table() -> bytes:
    """Return the ACPI table that describes the timer, its header without a checksum."""
    entries = b"".join(action.packed() for action in _ACTIONS)
    place = struct.pack("<H3B3x", _NO_PCI, _NO_PCI, _NO_PCI, _NO_PCI)
    limits = struct.pack("<IIIB3x", PERIOD_MS, _MAX_COUNT, _MIN_COUNT, _ENABLED)
    body = place + limits + struct.pack("<I", len(_ACTIONS)) + entries
    body = struct.pack("<I", 4 + len(place) + len(limits) + 4) + body
    names = (b"B70LAB", b"WATCHDOG", 1, b"B70L", 1)
    return struct.pack("<4sIBB6s8sI4sI", b"WDAT", 36 + len(body), 1, 0, *names) + body
