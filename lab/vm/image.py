"""The disk image that every virtual machine of a release starts from, kept by its recipe.

One MBR partition with ext4 and GRUB, the older of two kernels, the fake cards for both. Beside the
disk lie the packages that the mirror offers on: both kernels, their drivers, the firmware.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from lab import disk, releases
from lab.image import Images
from lab.releases import Release
from lab.settings import Settings
from lab.shell import run
from lab.vm import kernels, modules, recipe
from lab.vm.kernels import Apt, Kernel

#: First byte of the partition: sector 2048, as every partitioner does it; GRUB lies before it.
OFFSET: Final = 2048 * 512
_TIMEOUT_S: Final = 1800


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


class VmImages:
    """A release's disk image in a lab's folder.

    Args:
        settings: the lab.
        release: the release; None = this computer's.
    """

    def __init__(self, settings: Settings, release: Release | None = None) -> None:
        self._settings = settings
        self._folder = settings.images
        self._release = release or releases.here()

    def current(self) -> Path:
        """Return the folder of the image, built or not."""
        return self._folder / recipe.of(self._release).digest

    def is_built(self) -> bool:
        """Return True if the image is complete."""
        return (self.current() / "kernels.json").exists()

    def load(self) -> Image | None:
        """Return the image; None when it is not built."""
        folder = self.current()
        try:
            pair = json.loads((folder / "kernels.json").read_text())
        except (OSError, ValueError):
            return None
        return Image(folder, Kernel(**pair["installed"]), Kernel(**pair["newer"]))

    def build(self, say: Callable[[str], None]) -> Image:
        """Build the image unless it is there.

        Args:
            say: gets one line per step.

        Raises:
            LabError: a step failed.
        """
        found = self.load()
        if found:
            return found
        wanted = recipe.of(self._release)
        base = Images(self._settings, self._release).build(say) / "root"
        final = self._folder / wanted.digest
        partial = final.with_suffix(".partial")
        disk.unmount(partial)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        image = self._fetch_and_compile(wanted, base, partial, say)
        say(f"disk image {wanted.digest}: fill, initramfs, GRUB")
        make_disk(image.disk, wanted.disk_bytes, base, partial, image.installed.release)
        for scratch in ("apt", "tools", "compile", "cards", "install"):
            shutil.rmtree(partial / scratch, ignore_errors=True)
        (partial / "recipe.json").write_text(json.dumps(asdict(wanted), indent=1))
        pair = {"installed": asdict(image.installed), "newer": asdict(image.newer)}
        (partial / "kernels.json").write_text(json.dumps(pair, indent=1))
        partial.rename(final)
        for other in outdated(self._folder, final, wanted.release):
            shutil.rmtree(other)  # machines have copies of their own
        return Image(final, image.installed, image.newer)

    def _fetch_and_compile(
        self, wanted: recipe.Recipe, base: Path, partial: Path, say: Callable[[str], None]
    ) -> Image:
        """Fetch kernels, headers and tools; build drivers and firmware into `archive/`."""
        apt = Apt(partial / "apt", base / "var/lib/dpkg/status")
        apt.update(recipe.archive_lines(self._release))
        older, newer = kernels.available(apt, wanted.kernel, wanted.image)
        image = Image(partial, older, newer)
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
        return image


def outdated(images: Path, current: Path, codename: str) -> list[Path]:
    """Return the folders of the images that one takes the place of: all others of its release.

    An image whose recipe names no release is older than the choice: it is of this computer's.

    Args:
        images: folder with one sub-folder per image.
        current: the image.
        codename: its release.
    """
    found = []
    for file in images.glob("vm-*/recipe.json"):
        release = json.loads(file.read_text()).get("release", releases.here().codename)
        if file.parent != current and release == codename:
            found.append(file.parent)
    return found


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
