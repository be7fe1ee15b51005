"""Parses /proc/PID/mountinfo and fstab-like files (proc(5), fstab(5)).

Pure. Must not know which mounts matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from facts.base import ParseError

_OCTAL: Final = re.compile(r"\\([0-3][0-7]{2})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount.

    Args:
        device: `major:minor`.
        root: directory of the file system that is shown here; not "/" for a bind mount.
        options: of this mount.
        super_options: of the file system; an error turns it read-only here.
    """

    target: str
    source: str
    fstype: str
    device: str
    root: str
    options: tuple[str, ...]
    super_options: tuple[str, ...]

    @property
    def read_only(self) -> bool:
        """Return True if nothing can be written through this mount."""
        return "ro" in self.options or "ro" in self.super_options


@dataclass(frozen=True, slots=True)
class FstabEntry:
    """One line of fstab."""

    source: str
    target: str
    fstype: str
    options: tuple[str, ...]
    dump: int
    check: int


def unescape(text: str) -> str:
    """Return a path with the kernel's octal escapes (`\\040`) decoded."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """Return all mounts, oldest first; raise ParseError on any other text."""
    return tuple(_mount(line) for line in text.split("\n") if line.strip())


def _mount(line: str) -> Mount:
    # id parent major:minor root target options [tags…] - type source super-options
    left, separator, right = line.partition(" - ")
    before, after = left.split(" "), right.split(" ")
    if not separator or len(before) < 6 or len(after) < 3:
        raise ParseError(f"not a line of mountinfo: {line!r}")
    return Mount(
        target=unescape(before[4]),
        source=unescape(after[1]),
        fstype=after[0],
        device=before[2],
        root=unescape(before[3]),
        options=tuple(before[5].split(",")),
        super_options=tuple(after[2].split(",")),
    )


def parse_fstab(lines: list[str]) -> tuple[FstabEntry, ...]:
    """Return the entries of an fstab, comments left out."""
    entries = []
    for line in lines:
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith("#"):
            continue
        numbers = [int(word) if word.isdecimal() else 0 for word in [*fields[4:6], "0", "0"]]
        entries.append(
            FstabEntry(
                source=unescape(fields[0]),
                target=unescape(fields[1]),
                fstype=fields[2],
                options=tuple(fields[3].split(",")) if len(fields) > 3 else (),
                dump=numbers[0],
                check=numbers[1],
            )
        )
    return tuple(entries)
