"""One line of fstab is ours, every other byte stays. Pure: bytes in, bytes out.

A line is ours by its place: the mount point, or the path of a swap file.
"""

from __future__ import annotations

from facts.disks.mountinfo import FstabEntry, parse_fstab


class TwoLines(ValueError):
    """Two lines of fstab claim what one line is for; a person has to decide."""


def put(text: bytes, entry: FstabEntry) -> bytes:
    """Return the text with this entry in it.

    A line for the same place is replaced when it says something else; without one a line is added
    at the end.

    Raises:
        TwoLines: two lines are for this place, or another line mounts the same device elsewhere.
    """
    lines = text.split(b"\n")
    hits = []
    for index, line in enumerate(lines):
        found = _parse(line)
        if found is None:
            continue
        if place(found) == place(entry):
            hits.append(index)
        elif found.source == entry.source and "bind" not in found.options:
            raise TwoLines(
                f"/etc/fstab line {index + 1} mounts {entry.source} on {found.target}, "
                f"declared is {entry.target}: remove one"
            )
    if len(hits) > 1:
        numbers = " and ".join(str(index + 1) for index in hits)
        raise TwoLines(f"/etc/fstab has lines {numbers} for {place(entry)}: remove all but one")
    if not hits:
        body = text if not text or text.endswith(b"\n") else text + b"\n"
        return body + render(entry) + b"\n"
    if _parse(lines[hits[0]]) != entry:
        lines[hits[0]] = render(entry)
    return b"\n".join(lines)


def find(text: bytes, entry: FstabEntry) -> FstabEntry | None:
    """Return the entry that a text has for the place of this one, None without one."""
    found = (_parse(line) for line in text.split(b"\n"))
    return next((other for other in found if other and place(other) == place(entry)), None)


def described(entry: FstabEntry) -> str:
    """Return an entry for a person: without its mount point, and without a password."""
    options = ("password=…" if name.startswith("pass") else name for name in entry.options)
    return f"{entry.source} {entry.fstype} {','.join(options)} {entry.dump} {entry.check}"


def render(entry: FstabEntry) -> bytes:
    """Return an entry as a line without its line break."""
    fields = (
        entry.source,
        entry.target,
        entry.fstype,
        ",".join(entry.options),
        str(entry.dump),
        str(entry.check),
    )
    return " ".join(fields).encode("ascii")


def _parse(line: bytes) -> FstabEntry | None:
    return next(iter(parse_fstab([line.decode("latin-1")])), None)


def place(entry: FstabEntry) -> str:
    """Return what a line of fstab is for: its mount point, or the path of its swap file."""
    return entry.source if entry.fstype == "swap" else entry.target
