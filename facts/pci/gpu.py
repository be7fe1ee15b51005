"""What each card says beside its link: VRAM in use, and whether the running kernel knows a B70.

VRAM comes from debugfs, never from xpu-smi (which starts the GPU stack and stalls a busy one). ECC
is not visible here: see xpu_smi. What counts as idle is the caller's knowledge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.pci.gpu_card import BATTLEMAGE
from facts.shelltext import shell_text, shell_variables
from facts.value import ABSENT, Reading, Unknown

_PROBE: Final = shell_text(__file__)
_MIB: Final = 1 << 20
_OVERRIDE: Final = re.compile(r"D (\S+) (\S+)")
_NO_OVERRIDE: Final = ("-", "-")
_CARD: Final = re.compile(r"C (\S+) (0x[0-9a-f]{4}) (\S+) (\S+)")


@dataclass(frozen=True, slots=True)
class Vram:
    """The memory manager of one card.

    Attributes:
        size_bytes: all VRAM that the driver hands out (34,242,297,856 on a B70 with ECC off).
        used_bytes: allocated by anybody, the driver's own share included.
        visible_mib: the part that the host can map, in MiB; small when resizable BAR is off.
    """

    size_bytes: int
    used_bytes: int
    visible_mib: Reading[int]

    @property
    def used_mib(self) -> int:
        """Memory in use, in MiB, rounded up so that a limit is never met by rounding."""
        return -(-self.used_bytes // _MIB)


@dataclass(frozen=True, slots=True)
class Gpu:
    """One Battlemage card, keyed by its PCI address.

    Attributes:
        override: the only driver that may bind it (sysfs driver_override); ABSENT when any may.
        override_file: the file by which driverctl sets it at every boot; ABSENT without one.
    """

    bdf: str
    device_id: int
    driver: Reading[str]
    vram: Reading[Vram]
    override: Reading[str] = ABSENT
    override_file: Reading[str] = ABSENT


@dataclass(frozen=True, slots=True)
class GpuState:
    """All cards, and the driver that the running kernel would bind to a B70.

    Attributes:
        b70_module: module that claims 8086:e223 in modules.alias of the running kernel; ABSENT when
            none does (the card then stays without a driver).
    """

    b70_module: Reading[str]
    cards: tuple[Gpu, ...]

    def card(self, bdf: str) -> Gpu | None:
        """Return the card at a PCI address."""
        return next((card for card in self.cards if card.bdf == bdf), None)


class Gpus(HostFact[GpuState]):
    """VRAM in use per card and the module alias of the B70. Run as root, for debugfs."""

    domain: ClassVar[str] = "gpu"
    simulable: ClassVar[bool] = True

    @override
    def script(self, probe_root: str = "") -> str:
        return shell_variables(probe_root=probe_root) + _PROBE

    @override
    def parse(self, text: str) -> GpuState:
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        if len(lines) < 2 or not lines[0].startswith("A "):
            raise ParseError("output is cut off")
        cards: list[tuple[re.Match[str], list[str]]] = []
        overrides: dict[str, tuple[str, str]] = {}
        for line in lines[1:-1]:
            if match := _CARD.fullmatch(line):
                cards.append((match, []))
            elif (found := _OVERRIDE.fullmatch(line)) and cards:
                overrides[cards[-1][0][1]] = (found[1], found[2])
            elif line.startswith("M ") and cards:
                cards[-1][1].append(line[2:])
            else:
                raise ParseError(f"unexpected line {line!r}")
        if lines[-1] != f"E {len(cards)}" or any(not memory for _, memory in cards):
            raise ParseError("output is cut off")
        return GpuState(
            b70_module=_module(lines[0][2:]),
            cards=tuple(
                Gpu(
                    bdf=match[1],
                    device_id=int(match[2], 16),
                    driver=_told(match[4]),
                    vram=_vram(memory),
                    override=_told(overrides.get(match[1], _NO_OVERRIDE)[0]),
                    override_file=_told(overrides.get(match[1], _NO_OVERRIDE)[1]),
                )
                for match, memory in cards
                if int(match[2], 16) in BATTLEMAGE
            ),
        )


def _module(line: str) -> Reading[str]:
    if line == "-":
        return ABSENT
    if line.startswith("!"):
        return Unknown(f"there is no {line[2:]}")
    return line.split()[-1]


def _told(word: str) -> Reading[str]:
    return ABSENT if word == "-" else word


def _vram(lines: list[str]) -> Reading[Vram]:
    match lines[-1]:
        case "!":
            return Unknown("debugfs cannot be read (it needs root)")
        case "z":
            return Unknown("not read, because it would wake the card")
        case "-":
            return Unknown("debugfs shows no memory manager for this card")
    pairs = dict(line.split(":", 1) for line in lines if ":" in line)
    size, used = pairs.get("size", "").strip(), pairs.get("usage", "").strip()
    if not size.isdecimal() or not used.isdecimal():
        return Unknown("unexpected content of the memory manager", "\n".join(lines))
    visible = pairs.get("visible_size", "").strip().removesuffix("MiB")
    return Vram(
        size_bytes=int(size),
        used_bytes=int(used),
        visible_mib=int(visible) if visible.isdecimal() else ABSENT,
    )
