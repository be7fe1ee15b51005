"""Parses /proc/PID/mountinfo and fstab-like files (proc(5), fstab(5)).

Pure. Must not know which mounts matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from facts.base import ParseError
from facts.odd import OddLine, odd_line
from facts.parts import Files

_OCTAL: Final = re.compile(rb"\\([0-3][0-7]{2})")
#: Characters that stand as octal escapes in fstab (fstab(5)).
_ESCAPED: Final = re.compile(r"[\s\\#]")
_NUMBER: Final = re.compile(r"^[0-9]+$")
#: Where lines of mounts come from.
MOUNTINFO: Final = "/proc/self/mountinfo"
#: What hides a password among the options of a mount.
_PASSWORD: Final = re.compile(r"pass\w*=([^,\s]+)")


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

    @property
    def place(self) -> str:
        """Return what the line is for: its mount point, or the path of its swap file."""
        return same_place(self.source if self.fstype == "swap" else self.target)


def unescape(text: str) -> str:
    """Return a path with octal escapes (`\\040`) decoded; bytes of other codes stay `\\351`."""
    if "\\" not in text:
        return text
    plain = _OCTAL.sub(lambda match: bytes((int(match[1], 8),)), text.encode())
    try:
        return plain.decode()
    except UnicodeDecodeError:
        return text


def escape(text: str) -> str:
    """Return a path as one field of fstab."""
    return _ESCAPED.sub(lambda match: f"\\{ord(match[0]):03o}", text)


def same_place(path: str) -> str:
    """Return a path as every spelling of it compares: no slash at the end, none doubled, no `.`."""
    if not path.startswith("/"):
        return path
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """Return all mounts, oldest first; raise ParseError on any other text."""
    return tuple(parse_mount(line) for line in text.split("\n") if line.strip())


def parse_mount(line: str) -> Mount:
    """Return one mount; raise ParseError for a line that is none."""
    # id parent major:minor root target options [tags…] - type source super-options
    left, separator, right = line.partition(" - ")
    before, after = left.split(" "), right.split(" ")
    if not separator or len(before) < 6 or len(after) < 3:
        raise ParseError("it is no line of mountinfo")
    return Mount(
        target=unescape(before[4]),
        source=unescape(after[1]),
        fstype=after[0],
        device=before[2],
        root=unescape(before[3]),
        options=tuple(before[5].split(",")),
        super_options=tuple(after[2].split(",")),
    )


def parse_fstab(files: Files) -> tuple[tuple[FstabEntry, ...], tuple[OddLine, ...]]:
    """Return the entries of an fstab, and its lines that mount(8) reads no entry from."""
    entries, odd = [], list(files.odd)
    for line in files.lines:
        try:
            entry = fstab_entry(line.text)
        except ParseError as error:
            hidden = _PASSWORD.findall(line.text)
            odd.append(odd_line(line.path, line.number, line.text, str(error), hidden))
        else:
            entries += [entry] if entry is not None else []
    return tuple(entries), tuple(odd)


def fstab_entry(line: str) -> FstabEntry | None:
    """Return the entry of a line, None for a comment or an empty one.

    Raises:
        ParseError: mount(8) takes no entry from the line.
    """
    fields = line.split()
    if not fields or fields[0].startswith("#"):
        return None
    if len(fields) < 3:
        raise ParseError(f"it has {len(fields)} of the fields that an entry needs: 3")
    if odd := [word for word in fields[4:6] if not _NUMBER.match(word)]:
        number = 5 + fields[4:6].index(odd[0])
        raise ParseError(f"field {number} is no number: is there a blank in the options?")
    numbers = [int(word) for word in [*fields[4:6], "0", "0"]]
    return FstabEntry(
        source=unescape(fields[0]),
        target=unescape(fields[1]),
        fstype=fields[2],
        options=tuple(fields[3].split(",")) if len(fields) > 3 else (),
        dump=numbers[0],
        check=numbers[1],
    )
