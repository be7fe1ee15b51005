"""Headroom admission: may this many bytes be written there? Pure.

Asked before every big write (swap files, models, artifacts): a file system that fills up stops
everything on it, and a path below a mount that is missing fills the root instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from facts.disks.block import Disks, Room
from facts.value import Absent, Reading, Unknown

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes would go.

    Attributes:
        path: what was asked for.
        mount: mount point that it lies on now.
        required: mount point that it must lie on; empty = any.
    """

    path: str
    mount: str
    fstype: str
    read_only: bool
    room: Reading[Room]
    required: str = ""


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer, with its reason."""

    admitted: bool
    reason: str


def place(path: str, storage: Disks, required: str = "") -> Place | Unknown:
    """Return where an absolute path lies (links are not resolved: facts are by name)."""
    if (unsure := storage.doubt(path)) is not None:
        return unsure
    try:
        mount = storage.mount_of(path)
    except KeyError:
        return Unknown(f"{path} lies on no mount")
    return Place(path, mount.target, mount.fstype, mount.read_only, storage.room_of(path), required)


def admit(needed_bytes: int, reading: Place | Unknown, floor: int) -> Admission:
    """Decide whether bytes may be written to a place.

    Args:
        needed_bytes: planned bytes, above what is there now.
        reading: the place; UNKNOWN is never admitted.
        floor: bytes that stay free afterwards.
    """
    if isinstance(reading, Unknown):
        return Admission(False, f"where it would go is UNKNOWN: {reading.reason}")
    if reading.required and reading.mount != reading.required:
        return Admission(
            False, f"{reading.required} is not mounted: {reading.path} would go to {reading.mount}"
        )
    if reading.read_only:
        return Admission(False, f"{reading.mount} is read-only")
    if isinstance(reading.room, Absent):
        return Admission(False, f"{reading.mount} ({reading.fstype}) keeps no files")
    if isinstance(reading.room, Unknown):
        return Admission(False, f"room on {reading.mount} is UNKNOWN: {reading.room.reason}")
    free = reading.room.free
    told = f"{_gib(needed_bytes)} GiB needed, {_gib(floor)} stay free, {_gib(free)} are free"
    if free < needed_bytes + floor:
        return Admission(False, f"not enough room on {reading.mount}: {told}")
    return Admission(True, f"{reading.mount}: {told}")


def _gib(count: int) -> str:
    return f"{count / GIB:.1f}"
