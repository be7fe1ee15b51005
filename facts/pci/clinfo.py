"""Asks OpenCL which platforms and devices it sees: does the compute runtime reach the cards?

On demand only: it starts the GPU stack, and on a wedged driver it never comes back (the time limit
ends the fact, not the process). No platform is an answer, not an error.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.pci.bounded import bounded
from facts.shelltext import shell_text
from facts.value import ABSENT, Absent, Reading

_SCRIPT: Final = shell_text(__file__)

_INTEL: Final = "Intel(R) Corporation"
#: How clinfo prints the PCI address, in JSON too (Oblomov/clinfo src/clinfo.c, devtopo_pci_str).
_BUS_INFO: Final = re.compile(r"PCI-E, ([0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7])")


@dataclass(frozen=True, slots=True)
class ClDevice:
    """One OpenCL device.

    Attributes:
        name: the name that tuned config files are matched by; it changes with the compute runtime.
        types: CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_CPU …
        bdf: PCI address; ABSENT where the runtime does not tell (extension cl_khr_pci_bus_info).
        unified: it has no memory but the host's: the processor's own GPU.
    """

    name: str
    types: tuple[str, ...]
    driver_version: Reading[str]
    bdf: Reading[str] = ABSENT
    unified: Reading[bool] = ABSENT

    @property
    def is_gpu(self) -> bool:
        """Return True if this is a graphics processor."""
        return "CL_DEVICE_TYPE_GPU" in self.types


@dataclass(frozen=True, slots=True)
class ClPlatform:
    """One OpenCL platform and the devices it brought up."""

    name: str
    vendor: str
    devices: tuple[ClDevice, ...]

    @property
    def is_compute_runtime(self) -> bool:
        """Return True if this is Intel's own: rusticl and PoCL give the same cards other names."""
        return self.vendor == _INTEL


class Clinfo(HostFact[tuple[ClPlatform, ...] | Absent]):
    """OpenCL platforms, empty when there is none; ABSENT when clinfo is not installed."""

    domain: ClassVar[str] = "clinfo"
    timeout_s: ClassVar[int] = 30
    on_demand: ClassVar[bool] = True
    simulable: ClassVar[bool] = True

    @override
    def script(self, probe_root: str = "") -> str:
        return bounded(_SCRIPT, probe_root=probe_root)

    @override
    def parse(self, text: str) -> tuple[ClPlatform, ...] | Absent:
        head, _, body = text.partition("\n")
        if head == "absent":
            return ABSENT
        if head != "clinfo":
            raise ParseError("output is cut off")
        try:
            found = _record(json.loads(body))
        except RecursionError as error:
            raise ParseError("nested too deeply") from error
        platforms = _list(found, "platforms")
        # without any platform clinfo leaves the key out
        devices = _list(found, "devices") if platforms else []
        if len(platforms) != len(devices):
            raise ParseError(f"{len(platforms)} platforms but {len(devices)} lists of devices")
        return tuple(map(_platform, platforms, devices))


def _platform(properties: object, group: object) -> ClPlatform:
    platform = _record(properties)
    return ClPlatform(
        name=_word(platform, "CL_PLATFORM_NAME"),
        vendor=_word(platform, "CL_PLATFORM_VENDOR"),
        devices=tuple(map(_device, _list(_record(group), "online"))),
    )


def _device(properties: object) -> ClDevice:
    device = _record(properties)
    types = _list(_record(device.get("CL_DEVICE_TYPE")), "type")
    version, unified = device.get("CL_DRIVER_VERSION"), device.get("CL_DEVICE_HOST_UNIFIED_MEMORY")
    address = _BUS_INFO.fullmatch(str(device.get("CL_DEVICE_PCI_BUS_INFO_KHR", "")))
    return ClDevice(
        name=_word(device, "CL_DEVICE_NAME"),
        types=tuple(str(word) for word in types),
        driver_version=version if isinstance(version, str) else ABSENT,
        bdf=address[1].lower() if address else ABSENT,
        unified=unified if isinstance(unified, bool) else ABSENT,
    )


def _record(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ParseError(f"expected an object, got {type(value).__name__}")
    return value


def _list(record: dict[str, object], key: str) -> list[object]:
    found = record.get(key)
    if not isinstance(found, list):
        raise ParseError(f"{key} is not a list")
    return found


def _word(record: dict[str, object], key: str) -> str:
    word = record.get(key)
    if not isinstance(word, str):
        raise ParseError(f"{key} is not a text")
    return word
