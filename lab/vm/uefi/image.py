"""The disk image of virtual machines that boot by UEFI, beside the plain one that it is made from.

The root lies where it did; behind it lies an EFI system partition with shim and the distribution's
signed GRUB. Beside the disk lie the firmware and its variables, with Microsoft's keys enrolled.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lab import disk, releases
from lab.errors import LabError
from lab.releases import Release
from lab.shell import run
from lab.vm import recipe
from lab.vm.disks import CODE, NEW_VARIABLES
from lab.vm.image import OFFSET, VmImages
from lab.vm.kernels import Apt

_ROOM: Final = Path(__file__).parent
_DATA: Final = _ROOM.parent / "vm.yaml"
#: Bytes behind the last partition, for GPT's second table.
_TABLE_BYTES: Final = 1 << 20
_TIMEOUT_S: Final = 600


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the content of an image, beside the plain one; see vm.yaml.

    Args:
        vendor: the distribution's folder on the EFI system partition.
        packages: what is installed.
        esp_bytes: size of the EFI system partition.
        firmware: what the machine's firmware is: release, package, file of the code, file of the
            variables.
        scripts: text of everything that is run for it.
    """

    vendor: str
    packages: tuple[str, ...]
    esp_bytes: int
    firmware: dict[str, str]
    scripts: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Return what its name ends with."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def of(release: Release) -> Recipe:
    """Return the recipe for a release.

    Raises:
        LabError: the lab has no such machines of its distribution.
    """
    data: dict[str, Any] = yaml.safe_load(_DATA.read_text())
    vendor = data["distributions"].get(release.distribution, {}).get("efi")
    if vendor is None:
        raise LabError(f"the lab has no machines of {release.distribution} that boot by UEFI")
    about = data["uefi"]
    scripts = tuple((_ROOM / name).read_text() for name in ("fill-disk.sh", "setup.sh"))
    return Recipe(
        vendor, tuple(about["packages"]), int(about["esp_bytes"]), about["firmware"], scripts
    )


def partition_script(size: int, esp_bytes: int) -> str:
    """Return sfdisk's input: the root in its old place, the EFI system partition behind it.

    Args:
        size: bytes of the disk as it was, whose last partition is the root.
        esp_bytes: bytes of the EFI system partition.
    """
    root = f"2: start={OFFSET // 512}, size={(size - OFFSET) // 512}, type=linux\n"
    return f"label: gpt\n1: start={size // 512}, size={esp_bytes // 512}, type=uefi\n{root}"


def ensure(images: VmImages, say: Callable[[str], None]) -> Path:
    """Make the image unless it is there, and return its folder.

    The caller holds the lab's lock, and the plain image is built.

    Args:
        images: of a release.
        say: gets one line per step.

    Raises:
        LabError: the archive cannot be reached, or a step failed.
    """
    wanted, plain = of(images.release), images.current()
    final = plain.with_name(f"{plain.name}-uefi-{wanted.digest}")
    if final.is_dir():
        return final
    say(f"disk image {final.name}: firmware, shim, signed GRUB")
    partial = final.with_name(f"{final.name}.partial")
    disk.unmount(partial)  # what was killed
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    with tempfile.TemporaryDirectory(prefix="b70lab-", dir=partial) as scratch:
        _fetch_firmware(wanted, Path(scratch) / "firmware", partial)
        _make_disk(images, wanted, Path(scratch), partial / "disk.raw")
    partial.rename(final)
    return final


def _fetch_firmware(wanted: Recipe, scratch: Path, target: Path) -> None:
    """Unpack the firmware; nothing of it is installed on this computer."""
    about = wanted.firmware
    scratch.mkdir()
    status = scratch / "status"
    status.touch()
    apt = Apt(scratch / "apt", status)
    apt.update(recipe.archive_lines(releases.named(about["release"])))
    (package,) = apt.alone([about["package"]], scratch / "package")
    run(["dpkg-deb", "--extract", str(package), str(scratch / "root")])
    for name, file in ((CODE, about["code"]), (NEW_VARIABLES, about["variables"])):
        shutil.copyfile(scratch / "root" / file, target / name)


def _make_disk(images: VmImages, wanted: Recipe, scratch: Path, target: Path) -> None:
    plain, packages = images.current() / "disk.raw", scratch / "packages"
    packages.mkdir()
    apt = Apt(scratch / "apt", _status(plain, scratch))
    apt.update(recipe.archive_lines(images.release))
    for package in apt.with_dependencies([*wanted.packages, "mtools"]):
        name = "mtools.deb" if package.name.startswith("mtools_") else package.name
        package.rename(packages / name)
    size = plain.stat().st_size
    run(["cp", "--reflink=auto", "--sparse=always", str(plain), str(target)], timeout_s=_TIMEOUT_S)
    os.truncate(target, size + wanted.esp_bytes + _TABLE_BYTES)
    with target.open("r+b") as stream:
        stream.write(bytes(OFFSET))  # GRUB for a BIOS
    run(["sfdisk", "--quiet", str(target)], input=partition_script(size, wanted.esp_bytes))
    fill = ["unshare", "--mount", "--propagation=private", "sh", str(_ROOM / "fill-disk.sh")]
    fill += [str(target), str(OFFSET), str(size), str(wanted.esp_bytes), str(packages)]
    fill += [wanted.vendor, str(_ROOM / "setup.sh")]
    run(fill, timeout_s=_TIMEOUT_S, env={**os.environ, "TMPDIR": str(scratch)})


def _status(plain: Path, scratch: Path) -> Path:
    """Return a copy of dpkg's status file of a disk."""
    point, status = scratch / "point", scratch / "status"
    point.mkdir()
    run(["mount", "-o", f"ro,noload,loop,offset={OFFSET}", str(plain), str(point)])
    try:
        shutil.copyfile(point / "var/lib/dpkg/status", status)
    finally:
        run(["umount", str(point)])
    return status
