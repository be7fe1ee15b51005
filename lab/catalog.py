"""What the machines of each kind are made from: one row per kind that boots a kernel of its own.

Every machine needs its release's base image (`lab.image`); these need a disk image beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lab.diskimage import DiskImages
from lab.kinds import UML, VM, Kind
from lab.releases import Release
from lab.settings import Settings
from lab.uml.image import UmlImages
from lab.vm.image import VmImages


@dataclass(frozen=True, slots=True)
class Bootable:
    """What a kind of machine with a kernel of its own is made from.

    Args:
        sentence: what building the image does to this computer, for a person.
        archive: name of the mirror's archive with its kernels, for this computer's release.
        tools: program -> package that brings it, the same names on every known release.
        images: returns a release's image.
    """

    sentence: str
    archive: str
    tools: Mapping[str, str]
    images: Callable[[Settings, Release], DiskImages]


BOOTABLE: Final[Mapping[Kind, Bootable]] = {
    VM: Bootable(
        "build the {release} disk image of virtual machines: two kernels of the archive that apt "
        "uses here, fake B70 cards compiled for both (about 0.8 GB)",
        "kernels",
        {
            "qemu-system-x86_64": "qemu-system-x86",
            "qemu-img": "qemu-utils",
            "sfdisk": "fdisk",
            "mkfs.ext4": "e2fsprogs",
        },
        VmImages,
    ),
    UML: Bootable(
        "build the {release} disk image of User-mode Linux machines: two kernels built from "
        "Debian's source, fake B70 cards, GRUB 2.06 as a program of its own, an XFS in a sparse "
        "file where copies are cheap (about 4 GB)",
        "kernels-uml",
        {
            "gcc": "gcc",
            "make": "make",
            "strip": "binutils",
            "ccache": "ccache",
            "flex": "flex",
            "bison": "bison",
            "bc": "bc",
            "patch": "patch",
            "xz": "xz-utils",
            "depmod": "kmod",
            "sfdisk": "fdisk",
            "mkfs.ext4": "e2fsprogs",
            "mkfs.xfs": "xfsprogs",
            "setpriv": "util-linux",
        },
        UmlImages,
    ),
}
