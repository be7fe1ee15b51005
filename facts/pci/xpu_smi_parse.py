"""Framed xpu-smi output (facts/pci/xpu_smi.sh) -> a typed report. Pure.

1.3 and 2.x are two programs with different keys; the reported version chooses the dialect, and a
version that was never recorded is not guessed at. Its link fields are maxima (LnkCap), never the
current link. No GPU and a broken Level Zero look the same: both are UNKNOWN, never zero cards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from facts.base import ParseError
from facts.pci.xpu_smi_run import Run, document, failed_start
from facts.value import ABSENT, Absent, Reading, Unknown

_VERSION: Final = re.compile(r"^CLI:\s*\n\s+Version: ((\d+)\.(\d+)\S*)", re.MULTILINE)
_LEVEL_ZERO: Final = re.compile(r"^\s+Level Zero Version: *(\S*)$", re.MULTILINE)
_RUN: Final = re.compile(r"R (\S+) (\d+)")
_BDF: Final = re.compile(r"[0-9a-f]{4,5}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_FIRMWARE: Final = ("gfx", "gfx_data", "gfx_pscbin", "amc", "oprom_code", "oprom_data")
#: What xpu-smi prints when it knows nothing: text, number (1.3), anything (2.x).
_NOTHING: Final = frozenset({"", "unknown", "-1", "N/A"})
#: 2.1.0 calls healthy cards so when the processor has a GPU too (intel/xpumanager issue 158).
_FALSE_ALARM: Final = "2.1.0"


@dataclass(frozen=True, slots=True)
class Firmware:
    """Version of one firmware image of a card."""

    name: str
    version: Reading[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class XpuDevice:
    """One device as xpu-smi sees it; `index` is its own numbering, `bdf` is the key.

    Attributes:
        state: "normal" or a survivability text; ABSENT in 1.3, which has no such field.
        max_gen, max_width: what the card's upstream port can do, not what it trained to. Root only.
        ecc, ecc_pending: VRAM ECC now and after the next reboot.
        downgraded: the card fell back to Gen4; ABSENT in 2.x, which dropped the field.
    """

    index: int
    bdf: str
    name: Reading[str]
    pci_device_id: Reading[int]
    function: Reading[str]
    state: Reading[str]
    max_gen: Reading[int]
    max_width: Reading[int]
    ecc: Reading[bool]
    ecc_pending: Reading[bool]
    downgraded: Reading[bool]
    memory_bytes: Reading[int]
    driver_version: Reading[str]
    firmware: tuple[Firmware, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class XpuSmiReport:
    """What xpu-smi said about this host; `as_root` False explains unreported link fields."""

    version: str
    level_zero: Reading[str]
    as_root: bool
    devices: tuple[XpuDevice, ...]


@dataclass(frozen=True, slots=True)
class _Dialect:
    """The keys that differ between the two programs; None = it has no such field."""

    state: str | None
    downgraded: str | None


_DIALECTS: Final = {
    "1.3": _Dialect(state=None, downgraded="pcie_downgrade_current_state"),
    "2": _Dialect(state="device_state", downgraded=None),
}


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
    dialect = _DIALECTS.get(version[2]) or _DIALECTS.get(f"{version[2]}.{version[3]}")
    if dialect is None:
        return Unknown(f"xpu-smi {version[1]} is not known; 1.3 and 2.x are")
    listed = document(runs["list"])
    if isinstance(listed, Unknown):
        return listed
    entries = listed.get("device_list")
    if not isinstance(entries, list) or not entries:
        return Unknown("no device listed: no GPU, or Level Zero is broken", runs["list"].stdout)
    level_zero = _LEVEL_ZERO.search(runs["version"].stdout)
    return XpuSmiReport(
        version=version[1],
        level_zero=_text(level_zero[1] if level_zero else ""),
        as_root=as_root,
        devices=tuple(_device(entry, runs, dialect, version[1]) for entry in entries),
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


def _device(entry: object, runs: Mapping[str, Run], dialect: _Dialect, version: str) -> XpuDevice:
    if not isinstance(entry, dict) or not isinstance(entry.get("device_id"), int):
        raise ParseError("a listed device without device_id")
    index = entry["device_id"]
    bdf = str(entry.get("pci_bdf_address", "")).lower()
    if not _BDF.fullmatch(bdf):
        raise ParseError(f"device {index} has no PCI address")
    details = _Source(runs, f"discovery.{index}", bdf)
    config = _Source(runs, f"config.{index}")
    state = ABSENT if dialect.state is None else _text(entry.get(dialect.state))
    if version.startswith(_FALSE_ALARM) and state != "normal":
        state = Unknown(f"xpu-smi {_FALSE_ALARM} also says this of healthy cards", str(state))
    downgraded = ABSENT if dialect.downgraded is None else config.switch(dialect.downgraded)
    return XpuDevice(
        index=index,
        bdf=bdf,
        name=_text(entry.get("device_name")),
        pci_device_id=_number(entry.get("pci_device_id")),
        function=_text(entry.get("device_function_type")),
        state=state,
        max_gen=details.number("pcie_generation"),
        max_width=details.number("pcie_max_link_width"),
        ecc=config.switch("memory_ecc_current_state"),
        ecc_pending=config.switch("memory_ecc_pending_state"),
        downgraded=downgraded,
        memory_bytes=details.number("memory_physical_size_byte"),
        driver_version=details.text("driver_version"),
        firmware=tuple(
            Firmware(name, details.text(f"{name}_firmware_version"))
            for name in _FIRMWARE
            if details.has(f"{name}_firmware_version")
        ),
    )


class _Source:
    """The document of one command; when there is none, every field is that UNKNOWN."""

    def __init__(self, runs: Mapping[str, Run], name: str, bdf: str = "") -> None:
        self._found: dict[str, object] | Unknown
        if name not in runs:
            self._found = Unknown("not asked, because an earlier xpu-smi command hung")
            return
        self._found = document(runs[name])
        told = "" if isinstance(self._found, Unknown) else self._found.get("pci_bdf_address", bdf)
        if bdf and told and told != bdf:
            self._found = Unknown(f"xpu-smi answered for {told}")

    def has(self, key: str) -> bool:
        return not isinstance(self._found, Unknown) and key in self._found

    def number(self, key: str) -> Reading[int]:
        return self._found if isinstance(self._found, Unknown) else _number(self._found.get(key))

    def text(self, key: str) -> Reading[str]:
        return self._found if isinstance(self._found, Unknown) else _text(self._found.get(key))

    def switch(self, key: str) -> Reading[bool]:
        word = self.text(key)
        if isinstance(word, str):
            if word in ("enabled", "disabled"):
                return word == "enabled"
            return Unknown("neither enabled nor disabled", word)
        return word


def _text(value: object) -> Reading[str]:
    if isinstance(value, str) and value not in _NOTHING:
        return value
    return _not_reported(value)


def _number(value: object) -> Reading[int]:
    """1.3 prints numbers as strings, 2.x some of them as integers."""
    if str(value) in _NOTHING or isinstance(value, bool):
        return _not_reported(value)
    try:
        return int(value, 0) if isinstance(value, str) else int(str(value))
    except ValueError:
        return Unknown("not a number", str(value))


def _not_reported(value: object) -> Unknown:
    return Unknown("not reported by xpu-smi, or the caller was not root", str(value))
