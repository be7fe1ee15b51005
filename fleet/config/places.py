"""Where a fleet's files are: the hosts file, the fleet's own group_data, the product's.

Paths only; reads directory listings, never contents.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet.base.errors import ConfigError

HOSTS_FILE: Final = "hosts.yaml"
GROUP_DATA: Final = "group_data"
#: The checkout that this file belongs to; its group_data lies below every fleet's own.
PRODUCT: Final = Path(__file__).resolve().parents[2]
#: What a fleet's group_data may hold beside all.yaml.
LAYER_FOLDERS: Final = ("groups", "stacks", "profiles")


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


def layer_files(group_data: Path, folder: str) -> dict[str, Path]:
    """Return name -> file of one kind of layer, by name."""
    found = sorted((group_data / folder).glob("*.yaml"))
    return {path.stem: path for path in found if not path.name.startswith(".")}
