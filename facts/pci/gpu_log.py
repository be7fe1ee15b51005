"""What the kernel log of this boot says about the cards: firmware loaded, faults seen.

Which lines are faults is in gpu_fault. A log that does not reach back to the driver's start proves
no silence: "no fault" is then UNKNOWN. Firmware that was loaded by a driver that failed later is
no firmware that works: its version is then UNKNOWN, and the failure is named.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.pci.gpu_fault import (
    BREAKS_DRIVER,
    FAILURE,
    HARMLESS,
    SEVERE,
    SPEAKERS,
    Fault,
    address_of,
    kind_of,
    standing,
)
from facts.shelltext import shell_text, shell_variables
from facts.value import ABSENT, Reading, Unknown

_FIRMWARE: Final = "[gh]uc firmware"
#: Distinct fault lines kept; a driver in a reset loop logs hundreds per minute.
_KEPT_LINES: Final = 300

_SCRIPT: Final = shell_text(__file__)

_LOADED: Final = re.compile(r"Using ([GH]uC) firmware from \S+ version ([0-9.]+)")
_WANTED: Final = re.compile(
    r"([GH]uC) firmware \(([0-9.]+)\) is recommended, but only \(([0-9.]+)\)"
)


@dataclass(frozen=True, slots=True)
class CardLog:
    """What the log says about one PCI address.

    Attributes:
        guc, huc: version that was loaded last; UNKNOWN when the driver failed after it.
        guc_wanted: version that the driver asks for instead; ABSENT when it is content.
        faults: UNKNOWN when the log starts later than the driver and holds none.
        failure: the line after which the driver did not work, since it last loaded its firmware;
            None when there is none.
        started: number of the log's line where the driver last loaded firmware; -1 = never.
    """

    bdf: str
    guc: Reading[str]
    guc_wanted: Reading[str]
    huc: Reading[str]
    faults: Reading[tuple[Fault, ...]]
    failure: Fault | None = None
    started: int = -1

    @property
    def standing(self) -> Reading[tuple[str, ...]]:
        """Return the families of faults that still stand, the worst first."""
        if not isinstance(self.faults, tuple):
            return self.faults
        return standing(self.faults, self.started)


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

    def card(self, bdf: str, ports: Collection[str] = ()) -> CardLog:
        """Return what the log says about a card, also when it never names it.

        Args:
            bdf: the card.
            ports: the ports above it; their faults are the card's too.
        """
        silent = Unknown(f"the kernel log of this boot names no firmware for {bdf}")
        unseen = CardLog(bdf, silent, silent, silent, () if self.from_boot else _INCOMPLETE)
        found = next((card for card in self.cards if card.bdf == bdf), unseen)
        above = tuple(fault for fault in self.faults if fault.bdf in ports and fault.bdf != bdf)
        if not above:
            return found
        own = found.faults if isinstance(found.faults, tuple) else ()
        return replace(found, faults=(*own, *above))


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
            speakers=SPEAKERS,
            failure=FAILURE,
            harmless=HARMLESS,
            severe=SEVERE,
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
        named = {bdf for _, _, line in lines if (bdf := address_of(line))}
        return KernelLog(
            from_boot=bool(boot),
            dropped=dropped,
            faults=faults,
            cards=tuple(
                _card_log(bdf, lines, faults, from_boot=bool(boot)) for bdf in sorted(named)
            ),
        )


def _fault(record: tuple[int, int, str]) -> Fault | None:
    last, count, line = record
    kind = kind_of(line)
    return None if kind is None else Fault(address_of(line), kind, count, line, last)


def _card_log(
    bdf: str, lines: list[tuple[int, int, str]], faults: tuple[Fault, ...], *, from_boot: bool
) -> CardLog:
    """Read one address's lines in log order, so that a reloaded driver's firmware wins."""
    loaded: dict[str, str] = {}
    wanted: dict[str, str] = {}
    started = -1
    for last, _, line in lines:
        if bdf not in line:
            continue
        if found := _LOADED.search(line):
            loaded[found[1]] = found[2]
            started = last
        elif found := _WANTED.search(line):
            wanted[found[1]] = found[2]
            loaded[found[1]] = found[3]
    own = tuple(fault for fault in faults if fault.bdf == bdf)
    stands = standing(own, started)
    broken = [
        fault
        for fault in own
        if fault.kind in BREAKS_DRIVER and fault.kind in stands and fault.last > started
    ]
    failure = min(broken, key=lambda fault: stands.index(fault.kind), default=None)
    silent = Unknown(f"the kernel log of this boot names no firmware for {bdf}")
    if failure is not None:
        silent = Unknown(f"the driver of {bdf} failed: {failure.line.strip()}")
        loaded.clear()
        wanted.clear()
    covered = from_boot or "GuC" in loaded
    return CardLog(
        bdf=bdf,
        guc=loaded.get("GuC", silent),
        guc_wanted=wanted.get("GuC", ABSENT if "GuC" in loaded else silent),
        huc=loaded.get("HuC", silent),
        faults=own if own or covered else _INCOMPLETE,
        failure=failure,
        started=started,
    )
