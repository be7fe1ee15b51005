"""What the lab remembers about a virtual machine beside what it knows of every machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

from typing_extensions import override

from lab import rigshape
from lab.rigshape import RigShape
from lab.store import Record

#: Firmware of a virtual machine. With UEFI comes Secure Boot.
BIOS, UEFI = ("bios", "uefi")


@dataclass(frozen=True, slots=True)
class VmRecord(Record):
    """One virtual machine.

    Args:
        shape: the rig that it shows from power-on.
        extra: sizes of its extra disks.
        pulled: extra disks that are not plugged in, counted from 1.
        bind_delay_ms: milliseconds after which the driver takes each card.
        cpus: virtual CPUs.
        memory_mib: RAM in MiB.
        firmware: what starts it, "bios" or "uefi"; nothing does on User-mode Linux.
    """

    shape: RigShape
    extra: tuple[str, ...] = ()
    pulled: tuple[int, ...] = ()
    bind_delay_ms: tuple[int, ...] = ()
    cpus: int = 1
    memory_mib: int = 768
    firmware: str = BIOS

    @override
    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(**decoded(data))


def decoded(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a `VmRecord` in a file's data as they are in the record."""
    lists = {name: tuple(data[name]) for name in ("extra", "pulled", "bind_delay_ms")}
    return data | lists | {"shape": rigshape.from_json(json.dumps(data["shape"]))}
