"""What the lab remembers about each machine, in a small JSON file in the machine's folder."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from lab import releases
from lab.settings import FIRST_NUMBER, Settings

_FILE: Final = "machine.json"


@dataclass(frozen=True, slots=True)
class Record:
    """One machine.

    Args:
        name: machine name.
        number: host number, and so its address.
        image: name of the image that it was made from.
        release: codename of what it runs.
    """

    name: str
    number: int
    image: str
    release: str

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return the record that a file holds.

        Raises:
            ValueError, TypeError, KeyError: it holds something else.
        """
        return cls(**data)


R = TypeVar("R", bound=Record)


def load(folder: Path, kind: type[R]) -> R | None:
    """Return the record in a machine's folder, or None when there is none that makes sense.

    One that names no release is older than the choice: it is of this computer's.
    """
    try:
        data = json.loads((folder / _FILE).read_text())
        return kind.from_json({"release": releases.here().codename, **data})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def save(folder: Path, record: Record) -> None:
    """Write a machine's record, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{_FILE}.new"
    fresh.write_text(json.dumps(asdict(record), indent=1) + "\n")
    fresh.replace(folder / _FILE)


def records(machines: Path, kind: type[R]) -> dict[str, R]:
    """Return every known machine below a folder by name, in order of host number."""
    if not machines.is_dir():
        return {}
    found = [record for folder in machines.iterdir() if (record := load(folder, kind))]
    return {record.name: record for record in sorted(found, key=lambda record: record.number)}


def numbers(settings: Settings) -> set[int]:
    """Return the host numbers that are taken, by machines of any kind."""
    taken = set()
    for folder in (settings.machines, settings.vms, settings.umls):
        for file in folder.glob(f"*/{_FILE}"):
            try:
                taken.add(int(json.loads(file.read_text())["number"]))
            except (OSError, ValueError, TypeError, KeyError):
                continue  # torn: its owner is made anew
    return taken


def free_number(taken: set[int]) -> int:
    """Return the lowest host number that no machine has."""
    number = FIRST_NUMBER
    while number in taken:
        number += 1
    return number


@contextmanager
def locked(settings: Settings, name: str = "lock") -> Iterator[None]:
    """Keep others from changing the same lab meanwhile, or the part of it that a lock stands for.

    Args:
        settings: the lab.
        name: file name of the lock.
    """
    settings.root.mkdir(parents=True, exist_ok=True)
    handle = os.open(settings.root / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        while True:  # not the blocking call: it would stop every greenlet of a patched process
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)
