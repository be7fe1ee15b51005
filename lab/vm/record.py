"""What the lab remembers about a virtual machine, in a small JSON file in the machine's folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from lab import rigshape
from lab.rigshape import RigShape
from lab.settings import Settings

_FILE: Final = "machine.json"


@dataclass(frozen=True, slots=True)
class VmRecord:
    """One virtual machine.

    Args:
        name: machine name.
        number: host number, and so its address.
        image: name of the disk image that it was made from.
        shape: the rig that it shows from power-on.
        extra: sizes of its extra disks.
        pulled: extra disks that are not plugged in, counted from 1.
        bind_delay_ms: milliseconds after which the driver takes each card.
        cpus: virtual CPUs.
        memory_mib: RAM in MiB.
    """

    name: str
    number: int
    image: str
    shape: RigShape
    extra: tuple[str, ...] = ()
    pulled: tuple[int, ...] = ()
    bind_delay_ms: tuple[int, ...] = ()
    cpus: int = 1
    memory_mib: int = 768


def load(folder: Path) -> VmRecord | None:
    """Return the record in a machine's folder, or None when there is none that makes sense."""
    try:
        data = json.loads((folder / _FILE).read_text())
        data["shape"] = rigshape.from_json(json.dumps(data["shape"]))
        for name in ("extra", "pulled", "bind_delay_ms"):
            data[name] = tuple(data[name])
        return VmRecord(**data)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def save(folder: Path, record: VmRecord) -> None:
    """Write a machine's record, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{_FILE}.new"
    fresh.write_text(json.dumps(asdict(record), indent=1) + "\n")
    fresh.replace(folder / _FILE)


def records(settings: Settings) -> dict[str, VmRecord]:
    """Return every known virtual machine by name, in order of host number."""
    if not settings.vms.is_dir():
        return {}
    found = [record for folder in settings.vms.iterdir() if (record := load(folder))]
    return {record.name: record for record in sorted(found, key=lambda record: record.number)}
