"""The disk image that every virtual machine of a release starts from, kept by its recipe.

One MBR partition with ext4 and GRUB, the older of two kernels, the fake cards for both. Beside the
disk lie the packages that the mirror offers on: both kernels, their drivers, the firmware.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from typing_extensions import override

from lab.diskimage import DiskImages, Image
from lab.image import Images
from lab.shell import run
from lab.vm import kernels, modules, recipe
from lab.vm.kernels import Apt, Kernel

#: First byte of the partition: sector 2048, as every partitioner does it; GRUB lies before it.
OFFSET: Final = 2048 * 512
_TIMEOUT_S: Final = 1800


class VmImages(DiskImages):
    """A release's disk image for virtual machines."""

    @property
    @override
    def place(self) -> Path:
        return self._settings.images

    @property
    @override
    def wanted(self) -> recipe.Recipe:
        return recipe.of(self._release)

    @override
    def build(self, say: Callable[[str], None]) -> Image:
        """See `DiskImages.build`."""
        return self.load() or self.keep(lambda partial: self._fill(partial, say))

    def _fill(self, partial: Path, say: Callable[[str], None]) -> tuple[Kernel, Kernel]:
        base = Images(self._settings, self._release).build(say) / "root"
        wanted = self.wanted
        installed, newer = self._fetch_and_compile(wanted, base, partial, say)
        say(f"disk image {wanted.digest}: fill, initramfs, GRUB")
        make_disk(partial / "disk.raw", wanted.disk_bytes, base, partial, installed.release)
        return installed, newer

    def _fetch_and_compile(
        self, wanted: recipe.Recipe, base: Path, partial: Path, say: Callable[[str], None]
    ) -> tuple[Kernel, Kernel]:
        """Fetch kernels, headers and tools; build drivers and firmware into `archive/`."""
        apt = Apt(partial / "apt", base / "var/lib/dpkg/status")
        apt.update(recipe.archive_lines(self._release))
        older, newer = kernels.available(apt, wanted.kernel, wanted.image)
        say(f"disk image {wanted.digest}: kernels {older.release} and {newer.release}")
        archive, install = partial / "archive", partial / "install"
        archive.mkdir()
        install.mkdir()
        own = [f"{older.package}={older.version}"]
        for package in apt.with_dependencies([*own, *wanted.packages]):
            package.rename(install / package.name)
        for kernel in (older, newer):
            if kernel.meta:
                apt.alone([f"{wanted.kernel}={kernel.meta}"], archive)
        for package in apt.with_dependencies([f"{newer.package}={newer.version}"]):
            if package.name.startswith("linux-"):  # the rest is in the image already
                package.rename(archive / package.name)
        for package in install.glob("linux-*.deb"):
            shutil.copy2(package, archive)
        firmware = modules.pack(modules.firmware_package(wanted.firmware), archive)
        shutil.copy2(firmware, install)
        tools = partial / "tools"
        tools.mkdir()
        wants = [
            kernels.headers(kernel, apt.show([f"linux-headers-{kernel.release}"]))
            for kernel in (older, newer)
        ]
        for package in apt.with_dependencies(
            sorted({name for want in wants for name in want.tools})
        ):
            package.rename(tools / package.name)
        apt.alone(sorted({name for want in wants for name in want.own}), tools)
        say(f"disk image {wanted.digest}: fake cards and driver for both kernels")
        built = modules.build(base, tools, (older, newer), partial / "compile")
        for kernel, both in zip((older, newer), built, strict=True):
            place = partial / "cards" / kernel.release
            place.mkdir(parents=True)
            shutil.copy2(both.cards, place / "fakeb70.ko")
            content = both.driver.read_bytes()
            driver = modules.pack(modules.driver_package(kernel, content, wanted.firmware), archive)
            if kernel == older:
                shutil.copy2(driver, install)
        return older, newer


def partition_script(size: int) -> str:
    """Return sfdisk's input for one bootable Linux partition to the end of the disk."""
    sectors = size // 512 - OFFSET // 512
    return f"label: dos\nstart={OFFSET // 512}, size={sectors}, type=83, bootable\n"


def make_filesystem(disk: Path, size: int, label: str) -> list[str]:
    """Return the words that make the root file system in its place; GRUB 2.06 can read it."""
    return [
        "mkfs.ext4",
        "-q",
        "-F",
        "-U",
        label,
        "-O",
        "^metadata_csum_seed,^orphan_file",
        "-E",
        f"offset={OFFSET},lazy_itable_init=1",
        str(disk),
        f"{(size - OFFSET) // 1024}k",
    ]


def make_disk(
    disk: Path,
    size: int,
    base: Path,
    parts: Path,
    kernel: str,
    own_setup: Path | None = None,
) -> None:
    """Make a disk with GRUB, a kernel and everything else that a machine boots.

    Args:
        disk: file to make.
        size: its size in bytes.
        base: root of the base image that it is filled with.
        parts: folder with the packages to install in `install/` and the fake cards in `cards/`.
        kernel: release of the kernel that is installed.
        own_setup: sh script of the kind of machine, run inside behind the common one.
    """
    label = str(uuid.uuid4())
    with disk.open("wb") as stream:
        stream.truncate(size)
    run(["sfdisk", "--quiet", str(disk)], input=partition_script(size))
    run(make_filesystem(disk, size, label))
    fill = ["unshare", "--mount", "--propagation=private", "sh", str(recipe.GUEST / "fill-disk.sh")]
    fill += [str(disk), str(OFFSET), str(base), label, str(parts / "install")]
    fill += [str(parts / "cards"), str(recipe.GUEST), kernel]
    environ = {**os.environ, "TMPDIR": str(parts), "OWN_SETUP": str(own_setup or "")}
    run(fill, timeout_s=_TIMEOUT_S, env=environ)
