"""Families of fault lines that the xe driver and the PCI core write into the kernel log. Pure.

A line counts when it speaks of the driver or of a card's ports and contains a word of failure;
which family it belongs to is asked after that, so a text that nobody has seen yet is still counted
and shown. Texts move between kernels (prefixes such as `Tile0: GT0:`, `cat error` and `CAT error`):
families look for words, not for whole sentences. Sources: torvalds/linux drivers/gpu/drm/xe
(xe_guc_ct.c, xe_guc_submit.c, xe_guc.c, xe_uc_fw.c, xe_pci.c, xe_device.c, xe_hw_error.c,
xe_tlb_inval.c, xe_survivability_mode.c), drivers/base/dd.c, drivers/pci (pci.c, pcie/aer.c,
hotplug/pciehp_ctrl.c). What follows from a fault is the gates' knowledge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: All patterns are extended regular expressions for awk and grep -i as well as for re, in small
#: letters (the line is made small first), without slashes, quotes and counted repetitions, which
#: mawk 1.3.4 does not know.
_BDF: Final = r"[0-9a-f]+:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]\.[0-7]"
#: Who has to speak for a line to count.
SPEAKERS: Final = "|".join(
    (
        rf"(^|[^a-z0-9_])xe {_BDF}",
        r"(^|[^a-z0-9_])xe: (probe of|unknown symbol|disagrees about|version magic)",
        r"module xe is blacklisted",
        r"\[drm:xe_",
        # a warning or an oops of the kernel inside the driver
        r"(warning|rip): .*\[xe\]",
        r"(amd-vi|dmar): .*device",
        r"mei[-_]gsc",
        rf"{_BDF}: (unable to change power state|refused to change power state|not ready)",
        r"pciehp: slot.*(link down|card not present)",
        r"aer: .*(uncorrect|fatal|recovery failed)",
    )
)
#: What a line must say to be a fault.
FAILURE: Final = (
    r"warning: |rip: |error|fail|timed? ?out|unable|refused|reset|wedged|crash|exception|no reply"
    r"|no forward|blocked|blacklisted|not officially supported|survivability|(^|[^e])fault"
    r"|small bar|underflow|(^|[^c])hang|dead|unsuccessful|giving up|not ready|lost|inaccessible"
    r"|link down|card not present|coredump|unknown symbol|disagrees about|version magic|corrupt"
    r"|uncorrect"
)
#: Corrected link errors, which the counters in sysfs tell better, and the second line of any.
HARMLESS: Final = r"severity=correct|error status.mask="

#: Family -> words of it. The first that fits counts, so the worst stand first.
FAULTS: Final = {
    # "device wedged, but recovered through reset" (drm_drv.c) is a reset
    "wedged": r"declared device .* as wedged|device wedged(, needs|[^,]|$)",
    "survivability": r"survivability",
    "refused": r"probe blocked for device|not officially supported",
    "module": r"xe is blacklisted|xe: (unknown symbol|disagrees about|version magic)",
    "probe": r"probe with driver xe failed|probe of .* failed with error",
    "power": r"change power state|not ready [0-9]+ms.*giving up",
    "device-lost": r"device.?lost|lost from bus|device is gone|link down|card not present",
    "firmware": (
        r"firmware load for .*[gh]uc|[gh]uc firmware.* (failed|invalid|unsupported|mismatch)"
        r"|unsupported [gh]uc|[gh]uc:? .*(load|auth|init)[a-z]*:? failed|(^|: )load failed"
        r"|initialize uc|signature verification failed"
    ),
    "iommu": r"(amd-vi|dmar): ",
    "driver-bug": r"(warning|rip): .*\[xe\]|usage count underflow",
    "tlb": r"tlb[ _]inval",
    "ct": r"(^|[^a-z0-9])(ct|ctb|g2h|h2g)([^a-z0-9]|$)|guc mmio request",
    "guc": r"guc (crash|exception|error|hang)|guc:? .*(crash|exception|dead)",
    "hardware": r"hardware error|bus error|aer:|uncorrect|corrupt",
    "memory": r"memory cat error|fault response|page ?fault|vm worker error|ggtt",
    "small-bar": r"failed to resize bar|small bar",
    "management": r"mei[-_]gsc",
    "coredump": r"coredump",
    "reset": r"reset",
    "timeout": r"timed? ?out|failed to respond|failed to ack",
}
#: The family of what no pattern above knows.
OTHER: Final = "error"
#: Families of which no line may be lost in a flood of lesser ones.
SEVERE: Final = "|".join(
    FAULTS[kind]
    for kind in (
        *("wedged", "survivability", "refused", "module", "probe", "power", "device-lost"),
        *("firmware", "tlb", "ct", "guc"),
    )
)
#: Families after which a card has no working driver, or none that can be trusted to work.
BREAKS_DRIVER: Final = frozenset(
    {"wedged", "survivability", "refused", "probe", "power", "device-lost", "firmware", "guc"}
)
#: Families after which nothing is served until the host was booted anew.
NEEDS_REBOOT: Final = BREAKS_DRIVER | {"tlb", "ct", "hardware"}
#: Families that a reset of the card's engines ends (xe_gt.c); "reset done" says that it did.
RESET_ENDS: Final = frozenset({"guc", "ct", "tlb"})
_RESET_DONE: Final = re.compile(r"reset done")

_ADDRESS: Final = re.compile(r"(?<![0-9a-f])([0-9a-f]{4,5}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\b")
#: How Intel's IOMMU names a device of segment 0 (linux drivers/iommu/intel/dmar.c).
_SHORT: Final = re.compile(r"device \[([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\]")
#: Name of an auxiliary device: domain << 16 | bus << 8 | device << 3 | function (xe_heci_gsc.c).
_AUXILIARY: Final = re.compile(r"xe\.mei-gsc\w*\.([0-9]+)")
_SPEAKERS: Final = re.compile(SPEAKERS)
_FAILURE: Final = re.compile(FAILURE)
_HARMLESS: Final = re.compile(HARMLESS)
_KINDS: Final = {kind: re.compile(pattern) for kind, pattern in FAULTS.items()}


@dataclass(frozen=True, slots=True)
class Fault:
    """One distinct fault line since boot.

    Attributes:
        bdf: PCI address in the line; empty when it names none.
        kind: key of FAULTS, or OTHER.
        count: how often this very line came.
        last: number of the log's line where it came last.
    """

    bdf: str
    kind: str
    count: int
    line: str
    last: int = 0

    @property
    def ends_a_reset(self) -> bool:
        """Return True if the line says that a reset came to its end."""
        return _RESET_DONE.search(self.line) is not None


def kind_of(line: str) -> str | None:
    """Return the family of a line of the kernel log, None for one that is no fault."""
    small = line.lower()
    if not (_SPEAKERS.search(small) and _FAILURE.search(small)) or _HARMLESS.search(small):
        return None
    return next((kind for kind, words in _KINDS.items() if words.search(small)), OTHER)


def address_of(line: str) -> str:
    """Return the PCI address that a line names, "" for none."""
    if match := _ADDRESS.search(line):
        return match[1]
    if match := _SHORT.search(line):
        return f"0000:{match[1]}"
    if match := _AUXILIARY.search(line):
        number = int(match[1])
        bus, device, function = number >> 8 & 0xFF, number >> 3 & 0x1F, number & 7
        return f"{number >> 16:04x}:{bus:02x}:{device:02x}.{function}"
    return ""


def standing(faults: Iterable[Fault], started: int = -1) -> tuple[str, ...]:
    """Return the families of one card's faults that still stand, the worst first.

    What a reset ends stands no longer when a reset was done after it, and what only a boot ends
    when the driver came up again all the same.

    Args:
        faults: of the card and the ports above it.
        started: number of the log's line where its driver last loaded firmware; -1 = never.
    """
    listed = tuple(faults)
    done = max((fault.last for fault in listed if fault.ends_a_reset), default=-1)
    found = {
        fault.kind
        for fault in listed
        if (fault.kind not in RESET_ENDS or fault.last > done)
        and (fault.kind not in NEEDS_REBOOT or fault.last > started)
    }
    return tuple(kind for kind in (*FAULTS, OTHER) if kind in found)


def grep(faults: Iterable[Fault]) -> str:
    """Return a command that shows the lines of these faults, of one address and one family."""
    listed = tuple(faults)
    command = "journalctl -k -b -o cat --no-pager"
    addresses = {fault.bdf for fault in listed}
    if len(addresses) == 1 and all(fault.bdf and fault.bdf in fault.line for fault in listed):
        command += f" | grep -F {listed[0].bdf}"
    kinds = dict.fromkeys(fault.kind for fault in listed)
    words = "|".join(FAULTS.get(kind, FAILURE) for kind in kinds)
    command += f" | grep -iE '{words}'"
    # the words of these families also find corrected errors, which do not count
    return f"{command} | grep -viE '{HARMLESS}'" if {*kinds} & {"hardware", OTHER} else command
