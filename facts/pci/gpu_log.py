"""What the kernel log of this boot says about the cards: firmware loaded, faults seen.

Strings are those of torvalds/linux drivers/gpu/drm/xe (xe_uc_fw.c, xe_device.c,
xe_survivability_mode.c, xe_guc_submit.c) and the ones quoted by steveseguin/b70-optimization-lab. A
log that does not reach back to the driver's start proves no silence: "no fault" is then UNKNOWN.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.shelltext import shell_text, shell_variables
from facts.value import ABSENT, Reading, Unknown

#: Kind of fault -> text in the log, as extended regular expression for awk and for re.
FAULTS: Final = {
    "wedged": r"declared device .* as wedged|device wedged",
    "survivability": r"Survivability",
    "small-bar": r"Failed to resize BAR|Small BAR device",
    "power": r"Unable to change power state from D3cold|Runtime PM usage count underflow",
    "reset": r"Engine reset|GT[0-9]*:.*reset",
    "memory": r"Engine memory CAT error|Fault response: Unsuccessful|VM worker error",
    "timeout": r"Timedout job|Check job timeout",
    "device-lost": r"[Dd]evice lost|DEVICE_LOST",
    "firmware": r"[GH]uC load failed|[GH]uC firmware.* fetch failed|Failed to initialize uC",
}
_FIRMWARE: Final = "[GH]uC firmware"
#: Distinct fault lines kept; a driver in a reset loop logs hundreds per minute.
_KEPT_LINES: Final = 300

_SCRIPT: Final = shell_text(__file__)

_ADDRESS: Final = re.compile(r"\b([0-9a-f]{4,5}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\b")
_LOADED: Final = re.compile(r"Using ([GH]uC) firmware from \S+ version ([0-9.]+)")
_WANTED: Final = re.compile(
    r"([GH]uC) firmware \(([0-9.]+)\) is recommended, but only \(([0-9.]+)\)"
)
_KINDS: Final = {kind: re.compile(pattern) for kind, pattern in FAULTS.items()}


@dataclass(frozen=True, slots=True)
class Fault:
    """One distinct fault line since boot.

    Attributes:
        bdf: PCI address in the line; empty when it names none.
        kind: key of FAULTS.
        count: how often this very line came.
    """

    bdf: str
    kind: str
    count: int
    line: str


@dataclass(frozen=True, slots=True)
class CardLog:
    """What the log says about one PCI address.

    Attributes:
        guc, huc: version that was loaded last.
        guc_wanted: version that the driver asks for instead; ABSENT when it is content.
        faults: UNKNOWN when the log starts later than the driver and holds none.
    """

    bdf: str
    guc: Reading[str]
    guc_wanted: Reading[str]
    huc: Reading[str]
    faults: Reading[tuple[Fault, ...]]


@dataclass(frozen=True, slots=True)
class KernelLog:
    """The GPU lines of this boot's kernel log.

    Attributes:
        from_boot: it reaches back to the kernel's first line.
        dropped: fault lines that were not kept, since too many different ones came.
    """

    from_boot: bool
    dropped: int
    faults: tuple[Fault, ...]
    cards: tuple[CardLog, ...]

    def card(self, bdf: str) -> CardLog:
        """Return what the log says about a card, also when it never names it."""
        for card in self.cards:
            if card.bdf == bdf:
                return card
        silent = Unknown(f"the kernel log of this boot names no firmware for {bdf}")
        return CardLog(bdf, silent, silent, silent, () if self.from_boot else _INCOMPLETE)


_INCOMPLETE: Final = Unknown("the kernel log does not reach back to the start of the driver")


class GpuLog(HostFact[KernelLog]):
    """Firmware versions and fault lines of the current boot. Run as root, for the journal."""

    domain: ClassVar[str] = "gpu_log"
    timeout_s: ClassVar[int] = 20
    simulable: ClassVar[bool] = True

    @override
    def script(self, probe_root: str = "") -> str:
        variables = shell_variables(
            probe_root=probe_root,
            firmware=_FIRMWARE,
            faults="|".join(FAULTS.values()),
            kept_lines=_KEPT_LINES,
        )
        return variables + _SCRIPT

    @override
    def parse(self, text: str) -> KernelLog:
        rows = [line.split("\t", 3) for line in text.rstrip("\n").split("\n")]
        tail = text.rstrip("\n").split("\n")[-1].split("\t")
        if len(tail) != 5 or tail[0] != "E" or tail[3] != str(len(rows) - 1):
            raise ParseError("output is cut off")
        total, boot, _, dropped = (int(field) for field in tail[1:])
        if total == 0:
            raise ParseError("the kernel log of this boot is empty, or not open to this user")
        lines: list[tuple[int, int, str]] = []
        for row in rows[:-1]:
            if len(row) != 4 or row[0] != "K":
                raise ParseError(f"unexpected record {row[0]!r}")
            lines.append((int(row[1]), int(row[2]), row[3]))
        lines.sort()
        faults = tuple(fault for line in lines if (fault := _fault(line)))
        named = {match[1] for _, _, line in lines for match in _ADDRESS.finditer(line)}
        return KernelLog(
            from_boot=bool(boot),
            dropped=dropped,
            faults=faults,
            cards=tuple(
                _card_log(bdf, lines, faults, from_boot=bool(boot)) for bdf in sorted(named)
            ),
        )


def _fault(record: tuple[int, int, str]) -> Fault | None:
    _, count, line = record
    address = _ADDRESS.search(line)
    for kind, pattern in _KINDS.items():
        if pattern.search(line):
            return Fault(address[1] if address else "", kind, count, line)
    return None


def _card_log(
    bdf: str, lines: list[tuple[int, int, str]], faults: tuple[Fault, ...], *, from_boot: bool
) -> CardLog:
    """Read one address's lines in log order, so that a reloaded driver's firmware wins."""
    loaded: dict[str, str] = {}
    wanted: dict[str, str] = {}
    for _, _, line in lines:
        if bdf not in line:
            continue
        if found := _LOADED.search(line):
            loaded[found[1]] = found[2]
        elif found := _WANTED.search(line):
            wanted[found[1]] = found[2]
            loaded[found[1]] = found[3]
    silent = Unknown(f"the kernel log of this boot names no firmware for {bdf}")
    own = tuple(fault for fault in faults if fault.bdf == bdf)
    covered = from_boot or "GuC" in loaded
    return CardLog(
        bdf=bdf,
        guc=loaded.get("GuC", silent),
        guc_wanted=wanted.get("GuC", ABSENT if "GuC" in loaded else silent),
        huc=loaded.get("HuC", silent),
        faults=own if own or covered else _INCOMPLETE,
    )
