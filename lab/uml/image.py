"""The disk image that every User-mode Linux machine of a release starts from, kept by its recipe.

It is an emulated machine's disk with another kernel: one MBR partition with ext4 and GRUB's files,
the older of two kernels, the fake cards for both. Beside it lie the packages that the mirror
offers.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from typing_extensions import override

from lab.diskimage import DiskImages, Image
from lab.grub.tools import GrubTools
from lab.image import Images
from lab.releases import Release
from lab.settings import Settings
from lab.uml import disks, recipe
from lab.uml.kernels import Built, Kernels
from lab.vm import recipe as emulated
from lab.vm.image import make_disk
from lab.vm.kernels import Apt, Kernel


class UmlImages(DiskImages):
    """A release's disk image for User-mode Linux machines."""

    def __init__(self, settings: Settings, release: Release | None = None) -> None:
        super().__init__(settings, release)
        self._emulated = emulated.of(self._release)
        self.kernels = Kernels(settings, self._emulated.firmware)

    @property
    @override
    def place(self) -> Path:
        return self._settings.uml / "images"

    @property
    @override
    def wanted(self) -> recipe.Recipe:
        return recipe.of(self._release, self.kernels)

    @override
    def is_built(self) -> bool:
        """See `DiskImages.is_built`."""
        return (
            disks.room_is_ready(self._settings)
            and GrubTools(self._settings).is_there()
            and self.kernels.is_built()
            and self.load() is not None
        )

    @override
    def build(self, say: Callable[[str], None]) -> Image:
        """See `DiskImages.build`; what the image is built from is built too."""
        disks.make_room(self._settings)
        GrubTools(self._settings).ensure(say)
        pair = self.kernels.build(say)
        return self.load() or self.keep(lambda partial: self._fill(partial, pair, say))

    def _fill(
        self, partial: Path, pair: tuple[Built, Built], say: Callable[[str], None]
    ) -> tuple[Kernel, Kernel]:
        base = Images(self._settings, self._release).build(say) / "root"
        wanted, installed = self.wanted, pair[0].kernel
        say(f"disk image {wanted.digest}: packages, initramfs, GRUB")
        self._gather(wanted, base, pair, partial)
        make_disk(
            partial / "disk.raw",
            self._emulated.disk_bytes,
            base,
            partial,
            installed.release,
            own_setup=recipe.GUEST / "setup.sh",
        )
        return installed, pair[1].kernel

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
