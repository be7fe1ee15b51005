"""The disk image that every User-mode Linux machine of a release starts from, kept by its recipe.

It is an emulated machine's disk with another kernel: one MBR partition with ext4 and GRUB's files,
the older of two kernels, the fake cards for both. Beside it lie the packages that the mirror
offers.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from lab import disk, releases
from lab.grub.tools import GrubTools
from lab.image import Images
from lab.releases import Release
from lab.settings import Settings
from lab.uml import disks, recipe
from lab.uml.kernels import Built, Kernels
from lab.vm import recipe as emulated
from lab.vm.image import Image, make_disk
from lab.vm.kernels import Apt, Kernel


class UmlImages:
    """A release's disk image in a lab's folder.

    Args:
        settings: the lab.
        release: the release; None = this computer's.
    """

    def __init__(self, settings: Settings, release: Release | None = None) -> None:
        self._settings = settings
        self._release = release or releases.here()
        self._emulated = emulated.of(self._release)
        self.kernels = Kernels(settings, self._emulated.firmware)
        self._folder = settings.uml / "images"

    def current(self) -> Path:
        """Return the folder of the image, built or not."""
        return self._folder / recipe.of(self._release, self.kernels).digest

    def is_built(self) -> bool:
        """Return True if the image is complete."""
        return (
            disks.room_is_ready(self._settings)
            and GrubTools(self._settings).is_there()
            and self.kernels.is_built()
            and self.load() is not None
        )

    def load(self) -> Image | None:
        """Return the image; None when it is not built."""
        folder = self.current()
        try:
            pair = json.loads((folder / "kernels.json").read_text())
        except (OSError, ValueError):
            return None
        return Image(folder, Kernel(**pair["installed"]), Kernel(**pair["newer"]))

    def build(self, say: Callable[[str], None]) -> Image:
        """Build the image unless it is there, and what it is built from.

        Args:
            say: gets one line per step.

        Raises:
            LabError: a step failed.
        """
        disks.make_room(self._settings)
        GrubTools(self._settings).ensure(say)
        installed, newer = self.kernels.build(say)
        found = self.load()
        if found:
            return found
        wanted = recipe.of(self._release, self.kernels)
        base = Images(self._settings, self._release).build(say) / "root"
        final = self._folder / wanted.digest
        partial = final.with_suffix(".partial")
        disk.unmount(partial)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        say(f"disk image {wanted.digest}: packages, initramfs, GRUB")
        self._gather(wanted, base, (installed, newer), partial)
        make_disk(
            partial / "disk.raw",
            self._emulated.disk_bytes,
            base,
            partial,
            installed.kernel.release,
            own_setup=recipe.GUEST / "setup.sh",
        )
        for scratch in ("apt", "install", "cards"):
            shutil.rmtree(partial / scratch)
        (partial / "recipe.json").write_text(json.dumps(asdict(wanted), indent=1))
        pair = {"installed": asdict(installed.kernel), "newer": asdict(newer.kernel)}
        (partial / "kernels.json").write_text(json.dumps(pair, indent=1))
        partial.rename(final)
        for file in self._folder.glob("uml-*/recipe.json"):
            release = json.loads(file.read_text())["release"]
            if release == wanted.release and file.parent != final:
                for made in self._folder.glob(f"{file.parent.name}*"):  # layouts are made from it
                    shutil.rmtree(made)  # machines have copies of their own
        return Image(final, installed.kernel, newer.kernel)

    def _gather(
        self, wanted: recipe.Recipe, base: Path, pair: tuple[Built, Built], partial: Path
    ) -> None:
        """Fetch tools; lay out what is installed, what the mirror offers, the cards."""
        archive, install = partial / "archive", partial / "install"
        for folder in (archive, install):
            folder.mkdir()
        apt = Apt(partial / "apt", base / "var/lib/dpkg/status")
        apt.update(emulated.archive_lines(self._release))
        for package in apt.with_dependencies(wanted.packages):
            package.rename(install / package.name)
        for built in pair:
            place = partial / "cards" / built.kernel.release
            place.mkdir(parents=True)
            shutil.copy2(built.cards, place / "fakeb70.ko")
            for package in built.packages:
                shutil.copy2(package, archive)
        for package in pair[0].packages:
            shutil.copy2(package, install)
