"""Where a fleet's files are: the hosts file, the fleet's own group_data, the product's.

Paths only; reads directory listings, never contents.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet.base.errors import ConfigError
from fleet.config.problems import Problem, Where, likely

HOSTS_FILE: Final = "hosts.yaml"
GROUP_DATA: Final = "group_data"
#: The checkout that this file belongs to; its group_data lies below every fleet's own.
PRODUCT: Final = Path(__file__).resolve().parents[2]
#: What a fleet's group_data may hold: layers first, then tables that other rooms read.
LAYER_FOLDERS: Final = ("groups", "stacks", "profiles")
_KNOWN: Final = ("all.yaml", *LAYER_FOLDERS)
#: What only the product's own group_data holds, and what a fleet does in its place.
_PRODUCT_ALONE: Final = {
    "distributions": "a release is described in the product's group_data/distributions",
    "gates": "gate rows are read from the product's group_data/gates alone",
    "models": "models are not read yet",
    "builds": "builds are not read yet",
}


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one fleet.

    Attributes:
        directory: paths in the declaration (keys, secrets) are relative to it.
        group_data: the fleet's own, None when it has none (or when it is the product's).
    """

    name: str
    hosts_file: Path
    directory: Path
    group_data: Path | None


def locate(chosen: Path) -> Places:
    """Find a fleet from a directory, or from a hosts file with group_data beside or above it.

    Raises:
        ConfigError: there is no fleet there.
    """
    path = chosen.expanduser().resolve()
    if path.is_dir():
        if not (path / HOSTS_FILE).is_file():
            raise ConfigError(f"{shown(path)}: no {HOSTS_FILE} in this directory", _hint(path))
        path = path / HOSTS_FILE
    elif not path.is_file():
        raise ConfigError(
            f"{shown(path)}: no such file or directory",
            f"start a fleet there: b70 init {shown(path)}",
        )
    folder = path.parent
    own = next((d for d in (folder / GROUP_DATA, folder.parent / GROUP_DATA) if d.is_dir()), None)
    if own == PRODUCT / GROUP_DATA:
        own = None
    name = folder.name if path.name == HOSTS_FILE else path.stem
    return Places(name, path, folder, own)


def _hint(directory: Path) -> str:
    others = sorted(p for p in directory.glob("*.y*ml") if p.is_file())
    if others:
        return f"name the file, for example: -i {shown(others[0])}"
    return f"start a fleet there: b70 init {shown(directory)}"


def shown(path: Path) -> str:
    """Return a path as a person reads it: relative when it is below the current directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def strangers(group_data: Path) -> list[Problem]:
    """Return a problem for each name in a fleet's group_data that nothing would ever read."""
    found = []
    for entry in sorted(group_data.iterdir()):
        if entry.name.startswith(".") or entry.name in _KNOWN or entry.suffix == ".md":
            continue
        where = Where(shown(entry), 1, 1)
        if reason := _PRODUCT_ALONE.get(entry.name):
            found.append(Problem(where, "", f"nothing reads this here: {reason}", ""))
        else:
            found.append(Problem(where, "", "nothing reads this", likely(entry.name, _KNOWN)))
    for folder in LAYER_FOLDERS:
        for entry in sorted((group_data / folder).glob("*")):
            if entry.suffix not in (".yaml", ".md") and not entry.name.startswith("."):
                where = Where(shown(entry), 1, 1)
                found.append(Problem(where, "", "nothing reads this", f"{entry.stem}.yaml"))
    return found


def layer_files(group_data: Path, folder: str) -> dict[str, Path]:
    """Return name -> file of one kind of layer, by name."""
    return {path.stem: path for path in sorted((group_data / folder).glob("*.yaml"))}
