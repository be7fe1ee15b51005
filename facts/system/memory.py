"""Main memory: how much, how much of it is free, and whether it corrects errors.

Must not know how much is wanted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.parts import Parts, convert, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading, Unknown

_SCRIPT: Final = shell_text(__file__)

_CORRECTION: Final = re.compile(r"^\s*Error Correction Type:\s*(.+?)\s*$", re.MULTILINE)
#: SMBIOS 7.17.3: types that correct nothing or say nothing.
_NO_ECC: Final = frozenset({"None", "Parity", "CRC"})
_NO_ANSWER: Final = frozenset({"Unknown", "Other"})


@dataclass(frozen=True, slots=True)
class Controller:
    """A memory controller that the kernel watches (EDAC), with its counts since boot."""

    name: str
    kind: str
    corrected: Reading[int]
    uncorrected: Reading[int]


@dataclass(frozen=True, slots=True)
class MemoryState:
    """Main memory, in bytes.

    Args:
        corrupted: memory that the kernel took out of use after errors.
        ecc: the board's memory corrects errors, by its own description (DMI).
        controllers: the kernel's own watch; empty without an EDAC driver, which says nothing.
    """

    total: int
    available: int
    swap_free: int
    corrupted: Reading[int]
    ecc: Reading[bool]
    controllers: tuple[Controller, ...]


class Memory(HostFact[MemoryState]):
    """Main memory and its error correction."""

    domain = "memory"
    volatile = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT)

    @override
    def parse(self, text: str) -> MemoryState:
        parts = Parts(text)
        sizes = dict(_size(line) for line in parts.lines("meminfo"))
        return MemoryState(
            total=sizes["MemTotal"],
            available=sizes["MemAvailable"],
            swap_free=sizes["SwapFree"],
            corrupted=sizes.get("HardwareCorrupted", ABSENT),
            ecc=_ecc(convert(parts.reading("arrays"), _corrections)),
            controllers=tuple(_controller(line) for line in parts.lines("edac")),
        )


def _size(line: str) -> tuple[str, int]:
    name, number, *unit = line.split()
    return name.rstrip(":"), int(number) * (1024 if unit == ["kB"] else 1)


def _controller(line: str) -> Controller:
    name, corrected, uncorrected, kind = line.split(" ", 3)
    return Controller(name, kind, _count(corrected), _count(uncorrected))


def _count(word: str) -> Reading[int]:
    return int(word) if word.isdecimal() else Unknown("the counter cannot be read", word)


def _corrections(text: str) -> tuple[str, ...]:
    found = tuple(_CORRECTION.findall(text))
    if not found:
        raise ParseError("dmidecode shows no memory array")
    return found


def _ecc(corrections: Reading[tuple[str, ...]]) -> Reading[bool]:
    if not isinstance(corrections, tuple):
        return corrections
    if any(kind in _NO_ANSWER for kind in corrections):
        return Unknown("the board does not say", ", ".join(corrections))
    return all(kind not in _NO_ECC for kind in corrections)
