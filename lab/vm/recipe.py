"""What decides the content of a release's disk image for virtual machines.

Reads vm.yaml and the guest files.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lab import image, releases
from lab.errors import LabError
from lab.releases import Release

_ROOM: Final = Path(__file__).parent
SOURCES: Final = _ROOM.parent / "fakeb70"
GUEST: Final = _ROOM / "guest"


@dataclass(frozen=True, slots=True)
class Firmware:
    """The package of stand-in firmware: path -> version that the file carries."""

    package: str
    version: str
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the content of a disk image (the archive's address and its day do not).

    Args:
        release: codename.
        base: digest of the base image that the disk is filled with.
        kernel: meta package of the kernels.
        image: pattern of the names of image packages.
        pockets: suites that hold kernels -> address when apt itself names none.
        packages: what is installed beside a kernel.
        disk_bytes: size of the disk.
        firmware: stand-in firmware.
        files: name -> SHA-256 of everything of the lab's own that decides what is in the image.
    """

    release: str
    base: str
    kernel: str
    image: str
    pockets: dict[str, str]
    packages: tuple[str, ...]
    disk_bytes: int
    firmware: Firmware
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Return the name under which the image is kept."""
        text = json.dumps(asdict(self), sort_keys=True)
        return f"vm-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def of(release: Release) -> Recipe:
    """Return the recipe for a release.

    Raises:
        LabError: the lab knows no kernels of its distribution.
    """
    data, about = _described(release)
    own = [path for folder in (SOURCES, GUEST) for path in sorted(folder.iterdir())]
    own += [_ROOM / name for name in ("image.py", "kernels.py", "modules.py")]
    return Recipe(
        release.codename,
        image.recipe(release).digest,
        about["kernel"],
        about["image"],
        {
            pocket.format(suite=release.codename): str(address)
            for pocket, address in about["pockets"].items()
        },
        tuple(data["packages"]),
        int(data["disk_bytes"]),
        Firmware(**data["firmware"]),
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in own},
    )


def archive_lines(release: Release) -> list[str]:
    """Return the sources.list lines of every pocket, by the mirrors that this computer uses."""
    _, about = _described(release)
    components = " ".join(releases.distributions()[release.distribution].components)
    lines = []
    for pocket, address in about["pockets"].items():
        origin = releases.origin(release, pocket, str(address))
        suite = pocket.format(suite=release.codename)
        lines.append(f"deb [signed-by={origin.keyring}] {origin.mirror} {suite} {components}\n")
    return lines


def _described(release: Release) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return vm.yaml, and its part about a release's distribution."""
    data: dict[str, Any] = yaml.safe_load((_ROOM / "vm.yaml").read_text())
    about: dict[str, Any] | None = data["distributions"].get(release.distribution)
    if about is None:
        raise LabError(f"the lab knows no kernel packages of {release.distribution!r}")
    return data, about
