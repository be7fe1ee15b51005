"""Names files of a fleet that look like input and that nothing reads.

Whoever writes a file expects it to count. Reads directory listings, never contents.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fleet.config.places import GROUP_DATA, LAYER_FOLDERS, Places, shown
from fleet.config.problems import Problem, Where, likely

_KNOWN: Final = ("all.yaml", *LAYER_FOLDERS)
#: What only the product's own group_data holds, and what a fleet does in its place.
_PRODUCT_ALONE: Final = {
    "distributions": "a release is described in the product's group_data/distributions",
    "gates": "gate rows are read from the product's group_data/gates alone",
    "models": "models are not read yet",
    "builds": "builds are not read yet",
}
#: Endings of a second hosts file that somebody may take for the first.
_HOSTS_ENDINGS: Final = ("", ".yaml", ".yml", ".json", ".ini", ".toml")
#: Other spellings of group_data, and the folders that other tools have for it, without case, "-"
#: and "_".
_GROUP_FOLDERS: Final = ("groupdata", "groupvars", "hostdata", "hostvars")
#: Endings of what editors and people leave beside a file.
_BACKUPS: Final = ("~", ".bak", ".orig", ".save", ".swp", ".tmp")


def unread(places: Places) -> Iterator[Problem]:
    """Yield a problem for each file or folder of a fleet that looks like input and is none."""
    for entry in _entries(places.directory):
        yield from _beside(entry, places.hosts_file)
    if places.group_data is None:
        return
    for entry in _entries(places.group_data):
        if entry.name not in _KNOWN:
            reason = _PRODUCT_ALONE.get(entry.name)
            text = f"nothing reads this here: {reason}" if reason else "nothing reads this"
            yield _problem(entry, text, "" if reason else likely(entry.name, _KNOWN))
    for folder in LAYER_FOLDERS:
        for entry in _entries(places.group_data / folder):
            if entry.suffix != ".yaml" or entry.is_dir():
                near = "" if entry.is_dir() else f"{entry.stem}.yaml"
                yield _problem(entry, "nothing reads this", near)


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder and could be taken for input; nothing if it cannot be listed."""
    try:
        return sorted(entry for entry in folder.iterdir() if not _is_aside(entry))
    except OSError:  # none of these folders has to be there
        return []


def _is_aside(entry: Path) -> bool:
    """Return True if nobody takes a file for input: hidden, a backup, a text for people."""
    name = entry.name
    return name.startswith((".", "#")) or name.endswith((*_BACKUPS, ".md"))


def _beside(entry: Path, hosts_file: Path) -> Iterator[Problem]:
    if entry.is_dir():
        plain = entry.name.casefold().replace("_", "").replace("-", "")
        if entry.name != GROUP_DATA and plain in _GROUP_FOLDERS:
            text = f"nothing reads this: what hosts share is read from {GROUP_DATA}"
            yield _problem(entry, text)
    elif (
        entry.name != hosts_file.name
        and entry.suffix.casefold() in _HOSTS_ENDINGS
        and entry.stem.casefold() == hosts_file.stem.casefold()
    ):
        yield _problem(entry, f"nothing reads this: the hosts are read from {hosts_file.name}")


def _problem(entry: Path, text: str, near: str = "") -> Problem:
    return Problem(Where(shown(entry), 1, 1), "", text, near)
