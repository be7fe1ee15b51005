"""Disk images that machines with a kernel of their own start from, kept by their recipe's digest.

What an image consists of is its kind's affair (`lab.vm.image`, `lab.uml.image`).
"""

from __future__ import annotations

import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

from lab import disk, releases
from lab.releases import Release
from lab.settings import Settings
from lab.vm.kernels import Kernel

#: Folders of an image that only its making needs.
_SCRATCH: Final = ("apt", "cards", "compile", "install", "tools")
_RECIPE: Final = "recipe.json"
_KERNELS: Final = "kernels.json"


@dataclass(frozen=True, slots=True)
class Image:
    """A built image.

    Args:
        folder: where it lies.
        installed: the kernel in the image.
        newer: the kernel that only the mirror has.
    """

    folder: Path
    installed: Kernel
    newer: Kernel

    @property
    def disk(self) -> Path:
        """Return the raw disk."""
        return self.folder / "disk.raw"

    @property
    def packages(self) -> list[Path]:
        """Return the packages for the mirror."""
        return sorted((self.folder / "archive").glob("*.deb"))

    def of_older_snapshot(self, package: Path) -> bool:
        """Tell whether a package was there before the newer kernel came out."""
        return not any(
            word in package.name for word in (self.newer.release, f"_{self.newer.version}_")
        )


class Recipe(Protocol):
    """What decides the content of an image: a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def release(self) -> str: ...

    @property
    def digest(self) -> str: ...


class DiskImages(ABC):
    """A release's disk image of one kind in a lab's folder.

    Args:
        settings: the lab.
        release: the release; None = this computer's.
    """

    def __init__(self, settings: Settings, release: Release | None = None) -> None:
        self._settings = settings
        self._release = release or releases.here()

    @property
    def settings(self) -> Settings:
        """Return the lab."""
        return self._settings

    @property
    def release(self) -> Release:
        """Return the release of the image."""
        return self._release

    @property
    @abstractmethod
    def place(self) -> Path:
        """Return the folder with one folder per image."""

    @property
    @abstractmethod
    def wanted(self) -> Recipe:
        """Return what decides the content of the image."""

    @abstractmethod
    def build(self, say: Callable[[str], None]) -> Image:
        """Build the image unless it is there.

        Args:
            say: gets one line per step.

        Raises:
            LabError: a step failed.
        """

    def current(self) -> Path:
        """Return the folder of the image, built or not."""
        return self.place / self.wanted.digest

    def is_built(self) -> bool:
        """Return True if the image is complete, and what its machines need beside it."""
        return self.load() is not None

    def load(self) -> Image | None:
        """Return the image; None when it is not built."""
        folder = self.current()
        try:
            pair = json.loads((folder / _KERNELS).read_text())
        except (OSError, ValueError):
            return None
        return Image(folder, Kernel(**pair["installed"]), Kernel(**pair["newer"]))

    def keep(self, fill: Callable[[Path], tuple[Kernel, Kernel]]) -> Image:
        """Make the image whole or not at all; it takes the place of its release's older ones.

        Args:
            fill: fills an empty folder; returns the kernel in the image and the newer one.

        Raises:
            LabError: a step failed.
        """
        wanted = self.wanted
        final = self.place / wanted.digest
        partial = final.with_suffix(".partial")
        disk.unmount(partial)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        installed, newer = fill(partial)
        for scratch in _SCRATCH:
            shutil.rmtree(partial / scratch, ignore_errors=True)
        (partial / _RECIPE).write_text(json.dumps(asdict(wanted), indent=1))
        pair = {"installed": asdict(installed), "newer": asdict(newer)}
        (partial / _KERNELS).write_text(json.dumps(pair, indent=1))
        partial.rename(final)
        for older in outdated(final, wanted.release):
            shutil.rmtree(older)  # machines have copies of their own
        return Image(final, installed, newer)


def outdated(current: Path, codename: str) -> list[Path]:
    """Return the folders that an image takes the place of: all others of its release and kind.

    An image whose recipe names no release is older than the choice: it is of this computer's. What
    was made from an image has its name at the beginning (layouts), and goes with it.

    Args:
        current: the image; what stands before the first `-` of its name is its kind.
        codename: its release.
    """
    found = []
    for file in current.parent.glob(f"{current.name.partition('-')[0]}-*/{_RECIPE}"):
        release = json.loads(file.read_text()).get("release", releases.here().codename)
        if file.parent != current and release == codename:
            found += [file.parent, *sorted(current.parent.glob(f"{file.parent.name}-*"))]
    return found
