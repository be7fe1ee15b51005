"""One line of fstab is ours, every other byte stays. Pure: bytes in, bytes out.

A line is ours by its place: the mount point, or the path of a swap file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from facts.base import ParseError
from facts.disks.mountinfo import FstabEntry, escape, fstab_entry, same_place
from facts.odd import odd_line

#: Options of a line that stay when it is replaced: without nofail a disk that is missing stops the
#: next boot in an emergency shell, and nobody may sit in front of a rig.
_KEPT = ("nofail",)


class TwoLines(ValueError):
    """Two lines of fstab claim what one line is for; a person has to decide."""


class UnclearLine(ValueError):
    """A line of fstab that is no entry may be about the same place or device."""


def put(
    text: bytes, entry: FstabEntry, is_device: Callable[[str], bool] = lambda source: False
) -> bytes:
    """Return the text with this entry in it.

    A line for the same place, however that is spelled, is replaced when it says something else; its
    `nofail` stays. Without one a line is added at the end.

    Args:
        text: the file.
        entry: what it should say.
        is_device: returns True for another name of the device of the entry.

    Raises:
        TwoLines: two lines are for this place, or another line mounts the same device elsewhere.
        UnclearLine: a line that could not be read may be about one of them.
    """
    lines = text.split(b"\n")
    hits = []
    for index, line in enumerate(lines):
        found = _parse(line)
        if found is None:
            _refuse_unclear(line, index + 1, entry)
        elif found.place == entry.place:
            hits.append(index)
        elif _is_same(found, entry, is_device) and "bind" not in found.options:
            raise TwoLines(
                f"/etc/fstab line {index + 1} mounts {found.source} on {found.target}, "
                f"declared is {entry.target}: remove one"
            )
    if len(hits) > 1:
        numbers = " and ".join(str(index + 1) for index in hits)
        raise TwoLines(f"/etc/fstab has lines {numbers} for {entry.place}: remove all but one")
    if not hits:
        body = text if not text or text.endswith(b"\n") else text + b"\n"
        return body + render(entry) + b"\n"
    wanted = kept(_parse(lines[hits[0]]), entry)
    if _parse(lines[hits[0]]) != wanted:
        lines[hits[0]] = render(wanted)
    return b"\n".join(lines)


def kept(found: FstabEntry | None, entry: FstabEntry) -> FstabEntry:
    """Return an entry with what stays of the line that it replaces."""
    options = found.options if found is not None else ()
    stay = [name for name in _KEPT if name in options and name not in entry.options]
    return replace(entry, options=(*entry.options, *stay))


def find(text: bytes, entry: FstabEntry) -> FstabEntry | None:
    """Return the entry that a text has for the place of this one, None without one."""
    found = (_parse(line) for line in text.split(b"\n"))
    return next((other for other in found if other and other.place == entry.place), None)


def described(entry: FstabEntry) -> str:
    """Return an entry for a person: without its mount point, and without a password."""
    options = ("password=…" if name.startswith("pass") else name for name in entry.options)
    return f"{entry.source} {entry.fstype} {','.join(options)} {entry.dump} {entry.check}"


def render(entry: FstabEntry) -> bytes:
    """Return an entry as a line without its line break."""
    fields = (
        escape(entry.source),
        escape(entry.target),
        entry.fstype,
        ",".join(entry.options),
        str(entry.dump),
        str(entry.check),
    )
    return " ".join(fields).encode()


def _is_same(found: FstabEntry, entry: FstabEntry, is_device: Callable[[str], bool]) -> bool:
    return found.source == entry.source or is_device(found.source)


def _parse(line: bytes) -> FstabEntry | None:
    try:
        return fstab_entry(line.decode())
    except (UnicodeDecodeError, ParseError):
        return None


def _refuse_unclear(line: bytes, number: int, entry: FstabEntry) -> None:
    """Refuse when a line that is no entry may be about the place or the device of one."""
    text = line.decode("utf-8", "surrogateescape").strip()
    if not text or text.startswith("#"):
        return
    odd = odd_line("/etc/fstab", number, text, "")
    words = (*text.split(), *(word.strip("\"'") for word in text.split()))
    if odd.may_mean(entry.source) or entry.place in map(same_place, words):
        raise UnclearLine(
            f"/etc/fstab line {number} is no entry and may be meant for {entry.place}: "
            f"{odd.text!r}; correct it or remove it"
        )
