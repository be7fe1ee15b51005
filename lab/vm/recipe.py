"""What decides the content of a virtual machine's disk image. Reads vm.yaml and the guest files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lab import aptsources, image
from lab.aptsources import ArchiveLine
from lab.errors import LabError

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
        base: digest of the base image that the disk is filled with.
        kernel: meta package of the kernels.
        image: pattern of the names of image packages.
        pockets: suites that hold kernels -> address when apt itself names none.
        packages: what is installed beside a kernel.
        disk_bytes: size of the disk.
        firmware: stand-in firmware.
        files: name -> SHA-256 of everything of the lab's own that decides what is in the image.
    """

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


def here() -> Recipe:
    """Return the recipe for the release that this computer runs.

    Raises:
        LabError: not Debian or Ubuntu.
    """
    base, _ = image.here()
    data: dict[str, Any] = yaml.safe_load((_ROOM / "vm.yaml").read_text())
    known = data["distributions"].get(base.distribution)
    if known is None:
        raise LabError(f"the lab knows no kernel packages of {base.distribution!r}")
    own = [path for folder in (SOURCES, GUEST) for path in sorted(folder.iterdir())]
    own += [_ROOM / name for name in ("image.py", "kernels.py", "modules.py")]
    return Recipe(
        base.digest,
        known["kernel"],
        known["image"],
        {
            suite.replace("{suite}", base.suite): str(address)
            for suite, address in known["pockets"].items()
        },
        tuple(data["packages"]),
        int(data["disk_bytes"]),
        Firmware(**data["firmware"]),
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in own},
    )


def archive_lines(recipe: Recipe) -> list[str]:
    """Return the sources.list lines of every pocket, by the mirrors that this computer uses."""
    base, origin = image.here()
    configured = aptsources.configured()
    lines = []
    for suite, address in recipe.pockets.items():
        found = aptsources.choose(configured, suite, lambda path: Path(path).read_text())
        line = found or ArchiveLine(address, suite, base.components)
        keyring = line.signed_by or origin.keyring
        lines.append(f"deb [signed-by={keyring}] {line.uri} {suite} {' '.join(base.components)}\n")
    return lines
