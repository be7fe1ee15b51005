"""Framed xpu-smi output (facts/pci/xpu_smi.sh) -> a typed report. Pure.

The reported version chooses the dialect (xpu_smi_dialect). Its link fields are maxima (LnkCap),
never the current link. No GPU and a broken Level Zero look the same: both are UNKNOWN, never zero
cards.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from facts.base import ParseError
from facts.pci.gpu_card import GTS, LINK_WIDTHS
from facts.pci.xpu_smi_dialect import Dialect, dialect_of
from facts.pci.xpu_smi_run import Run, document, failed_start
from facts.value import ABSENT, Absent, Reading, Unknown

_VERSION: Final = re.compile(r"^CLI:\s*\n\s+Version: (\S+)", re.MULTILINE)
_LEVEL_ZERO: Final = re.compile(r"^\s+Level Zero Version: *(\S*)$", re.MULTILINE)
_RUN: Final = re.compile(r"R (\S+) (\d+)")
_BDF: Final = re.compile(r"[0-9a-f]{4,5}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_FIRMWARE: Final = ("gfx", "gfx_data", "gfx_pscbin", "amc", "oprom_code", "oprom_data")
#: What xpu-smi prints when it knows nothing: text, number (1.3), anything (2.x).
_NOTHING: Final = frozenset({"", "unknown", "-1", "N/A"})
#: Anything else in a link field is no link: 2.x prints the field before, or what its memory held,
#: where it cannot read one (intel/xpumanager ial/cmn/cmd_discovery.cpp pcieGeneration).
_GENERATIONS: Final = frozenset(GTS)


@dataclass(frozen=True, slots=True)
class Firmware:
    """Version of one firmware image of a card."""

    name: str
    version: Reading[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class XpuDevice:
    """One device as xpu-smi sees it; `index` is its own numbering, `bdf` is the key.

    Attributes:
        function: "physical" or "virtual".
        state: "normal" or a survivability text, as it says it; ABSENT in 1.3, which has no such
            field. Healthy cards were called broken (intel/xpumanager issue 158): see witness.
        max_gen, max_width: what the card's upstream port can do, not what it trained to. Root only.
        ecc, ecc_pending: VRAM ECC now and after the next reboot.
        downgraded: the card fell back to Gen4; ABSENT in 2.x, which dropped the field.
    """

    index: int
    bdf: str
    pci_device_id: Reading[int]
    function: Reading[str]
    state: Reading[str]
    max_gen: Reading[int]
    max_width: Reading[int]
    ecc: Reading[bool]
    ecc_pending: Reading[bool]
    downgraded: Reading[bool]
    firmware: tuple[Firmware, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class XpuSmiReport:
    """What xpu-smi said about this host.

    Attributes:
        level_zero: version of the loader that it runs on.
    """

    version: str
    level_zero: Reading[str]
    devices: tuple[XpuDevice, ...]

    @property
    def health_needs(self) -> str | None:
        """Return the Level Zero that its health report needs; None for any."""
        dialect = dialect_of(self.version)
        return None if isinstance(dialect, Unknown) else dialect.health_needs


def parse_report(text: str) -> XpuSmiReport | Absent | Unknown:
    """Return the report, ABSENT without the tool, or UNKNOWN with what the tool said.

    Raises:
        ParseError: the frames are cut off or malformed.
    """
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if lines == ["absent"]:
        return ABSENT
    runs, as_root = _runs(lines)
    if "version" not in runs or "list" not in runs:
        return _why(runs.get("version"), "xpu-smi was not asked for its devices")
    version = _VERSION.search(runs["version"].stdout)
    if version is None:
        return _why(runs["version"], "xpu-smi does not tell its version")
    dialect = dialect_of(version[1])
    if isinstance(dialect, Unknown):
        return dialect
    listed = document(runs["list"])
    if isinstance(listed, Unknown):
        return listed
    entries = listed.get("device_list")
    if not isinstance(entries, list) or not entries:
        return Unknown("no device listed: no GPU, or Level Zero is broken", runs["list"].stdout)
    level_zero = _LEVEL_ZERO.search(runs["version"].stdout)
    answers = _Answers(runs, dialect, as_root=as_root)
    return XpuSmiReport(
        version=version[1],
        level_zero=answers.text(level_zero[1] if level_zero else ""),
        devices=tuple(_device(entry, answers) for entry in entries),
    )


def _why(run: Run | None, otherwise: str) -> Unknown:
    if run is None:
        return Unknown(otherwise)
    stopped = failed_start(run)
    return Unknown(otherwise, run.stdout or run.stderr) if stopped is None else stopped


def _runs(lines: list[str]) -> tuple[dict[str, Run], bool]:
    if len(lines) < 2 or not lines[0].startswith("U "):
        raise ParseError("output is cut off")
    frames: list[tuple[str, int, list[str], list[str]]] = []
    for line in lines[1:-1]:
        if match := _RUN.fullmatch(line):
            frames.append((match[1], int(match[2]), [], []))
        elif line[:2] in ("O ", "E ") and frames:
            _, _, out, err = frames[-1]
            (out if line[0] == "O" else err).append(line[2:])
        else:
            raise ParseError(f"unexpected line {line!r}")
    if lines[-1] != f"Z {len(frames)}":
        raise ParseError("output is cut off")
    found = {n: Run(n, status, "\n".join(out), "\n".join(err)) for n, status, out, err in frames}
    return found, lines[0] == "U 0"


@dataclass(frozen=True, slots=True)
class _Answers:
    """All that xpu-smi said, its dialect, and what a silence of it means."""

    runs: Mapping[str, Run]
    dialect: Dialect
    as_root: bool

    def text(self, value: object) -> Reading[str]:
        if isinstance(value, str) and value not in _NOTHING:
            return value
        return self._nothing(value)

    def number(self, value: object) -> Reading[int]:
        """1.3 prints numbers as strings, 2.x some of them as integers."""
        if value is None or str(value) in _NOTHING or isinstance(value, bool):
            return self._nothing(value)
        try:
            return int(value, 0) if isinstance(value, str) else int(str(value))
        except ValueError:
            return Unknown("not a number", str(value))

    def _nothing(self, value: object) -> Unknown:
        if value is None:
            return Unknown(f"xpu-smi {self.dialect.version} does not report it")
        why = "not reported by xpu-smi"
        return Unknown(why if self.as_root else f"{why}: needs root", str(value))


def _device(entry: object, answers: _Answers) -> XpuDevice:
    if not isinstance(entry, dict) or not isinstance(entry.get("device_id"), int):
        raise ParseError("a listed device without device_id")
    index = entry["device_id"]
    bdf = str(entry.get("pci_bdf_address", "")).lower()
    if not _BDF.fullmatch(bdf):
        raise ParseError(f"device {index} has no PCI address")
    details = _Source(answers, f"discovery.{index}", bdf)
    config = _Source(answers, f"config.{index}")
    dialect = answers.dialect
    return XpuDevice(
        index=index,
        bdf=bdf,
        pci_device_id=answers.number(entry.get("pci_device_id")),
        function=answers.text(entry.get("device_function_type")),
        state=answers.text(entry.get(dialect.state)) if dialect.state else ABSENT,
        max_gen=details.one_of("pcie_generation", _GENERATIONS),
        max_width=details.one_of("pcie_max_link_width", LINK_WIDTHS),
        ecc=config.switch("memory_ecc_current_state"),
        ecc_pending=config.switch("memory_ecc_pending_state"),
        downgraded=config.switch(dialect.downgraded) if dialect.downgraded else ABSENT,
        firmware=tuple(
            Firmware(name, details.text(f"{name}_firmware_version"))
            for name in _FIRMWARE
            if details.has(f"{name}_firmware_version")
        ),
    )


class _Source:
    """The document of one command; when there is none, every field is that UNKNOWN."""

    def __init__(self, answers: _Answers, name: str, bdf: str = "") -> None:
        self._answers = answers
        self._found: dict[str, object] | Unknown
        if name not in answers.runs:
            self._found = Unknown("not asked, because an earlier xpu-smi command had to be stopped")
            return
        self._found = document(answers.runs[name])
        told = "" if isinstance(self._found, Unknown) else self._found.get("pci_bdf_address", bdf)
        if bdf and told and told != bdf:
            self._found = Unknown(f"xpu-smi answered for {told}")

    def has(self, key: str) -> bool:
        return not isinstance(self._found, Unknown) and key in self._found

    def one_of(self, key: str, known: Collection[int]) -> Reading[int]:
        """Return a number that can be true."""
        if isinstance(self._found, Unknown):
            return self._found
        value = self._found.get(key)
        number = self._answers.number(value)
        if isinstance(number, int) and number not in known:
            return Unknown("xpu-smi prints a number that no link has", str(value))
        return number

    def text(self, key: str) -> Reading[str]:
        if isinstance(self._found, Unknown):
            return self._found
        return self._answers.text(self._found.get(key))

    def switch(self, key: str) -> Reading[bool]:
        word = self.text(key)
        if isinstance(word, str):
            if word in ("enabled", "disabled"):
                return word == "enabled"
            return Unknown("neither enabled nor disabled", word)
        return word
