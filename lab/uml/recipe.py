"""What decides the content of a User-mode Linux machine's disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from lab.releases import Release
from lab.uml import kernels
from lab.uml.kernels import ROOM
from lab.vm import recipe as emulated

GUEST: Final = ROOM / "guest"
_FILES: Final = (GUEST / "setup.sh", ROOM / "image.py")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the content of a disk (the archive's address and its day do not).

    Args:
        release: codename.
        emulated: recipe of an emulated machine's disk, which this one is but for its kernel.
        kernels: folder names of the kernels' build and release.
        packages: what is installed beside a kernel.
        files: name -> SHA-256 of everything else of the lab's own that is in the disk.
    """

    release: str
    emulated: str
    kernels: str
    packages: tuple[str, ...]
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Return the name under which the image is kept."""
        text = json.dumps(asdict(self), sort_keys=True)
        return f"uml-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def of(release: Release, built: kernels.Kernels) -> Recipe:
    """Return the recipe for a release.

    Args:
        release: the release.
        built: the kernels, built or not.
    """
    base = emulated.of(release)
    return Recipe(
        release.codename,
        base.digest,
        built.digest,
        (*base.packages, *kernels.load()["packages"]),
        {path.name: _sha256(path) for path in _FILES},
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
