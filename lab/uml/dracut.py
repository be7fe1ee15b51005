"""Makes disk images with dracut instead of initramfs-tools, which the plain ones have.

A plain machine is given dracut's packages on a disk, exchanges the one for the other, and its own
disk is the new image.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.grub.read import read
from lab.grub.tools import GrubTools
from lab.shell import run
from lab.uml import disks, kernels, workshop
from lab.uml.image import UmlImages
from lab.uml.layout import PLAIN, layouts
from lab.uml.recipe import GUEST
from lab.vm import recipe as emulated
from lab.vm.kernels import Apt

#: What the images come with.
INITRAMFS_TOOLS: Final = "initramfs-tools"
DRACUT: Final = "dracut"
_FILES: Final = GUEST / "dracut"
_CARRIER: Final = "/dev/disk/by-id/virtio-extra1"
_INSIDE: Final = "/run/b70lab-dracut"
#: Seconds; 25 s were measured on 2 busy cores.
_TIMEOUT_S: Final = 600


@cache
def makers() -> Mapping[str, tuple[str, ...]]:
    """Return who can make an initramfs beside initramfs-tools, and the releases where it can."""
    found: dict[str, list[str]] = kernels.load()["initramfs"]
    return {name: tuple(codenames) for name, codenames in found.items()}


def check(maker: str, codename: str, layout: str) -> None:
    """Refuse what no machine can have.

    Args:
        maker: what makes its initramfs.
        codename: its release.
        layout: of its disk.

    Raises:
        LabError: there is no such machine.
    """
    if maker == INITRAMFS_TOOLS:
        return
    if maker not in makers():
        names = ", ".join([INITRAMFS_TOOLS, *makers()])
        raise LabError(f"no machine makes its initramfs with {maker!r}", f"one of: {names}")
    if codename not in makers()[maker]:
        hint = f"with {maker}: {', '.join(makers()[maker])}"
        raise LabError(f"{codename} has no machines that make their initramfs with {maker}", hint)
    if layout != PLAIN:
        raise LabError(f"a machine with {maker} has the layout {PLAIN}, not {layout}")


def folder(images: UmlImages) -> Path:
    """Return the folder of the image with dracut, made or not."""
    made_from = [path.name + path.read_text() for path in sorted(_FILES.iterdir())]
    return workshop.place(images, DRACUT, json.dumps(made_from))


def ensure(images: UmlImages, say: Callable[[str], None]) -> Path:
    """Make the image with dracut unless it is there, and return its folder.

    The caller holds the lab's lock, and the plain image is built.

    Args:
        images: of a release.
        say: gets one line per step.

    Raises:
        LabError: the archive cannot be reached, or the exchange failed.
    """
    final = folder(images)
    if final.is_dir():
        return final
    say(f"disk image {final.name}: exchange initramfs-tools for dracut")
    with workshop.machine(images, ["1M"]) as machine:
        carrier = machine.folder / disks.files(machine.record.extra)["extra1"]
        with tempfile.TemporaryDirectory(prefix="b70lab-", dir=machine.folder) as scratch:
            packages = _fetch(images, Path(scratch))
            tar = ["tar", "-cf", str(carrier), "-C", str(packages), ".", "-C", str(_FILES), "."]
            run(tar)
        machine.start()
        machine.wait_ready()
        machine.run(f"mkdir {_INSIDE} && tar -C {_INSIDE} -xf {_CARRIER}")
        machine.run(f"sh {_INSIDE}/convert.sh {_INSIDE}", timeout_s=_TIMEOUT_S)
        machine.stop()
        workshop.keep(machine.folder / disks.SYSTEM, final)
    return final


def _fetch(images: UmlImages, scratch: Path) -> Path:
    """Fetch what the plain image lacks for dracut, and return the folder with the packages."""
    state, unpacked, packages = (scratch / name for name in ("apt", "unpacked", "packages"))
    state.mkdir()
    packages.mkdir()
    status, place = state / "status", layouts()[PLAIN].device
    fstest = GrubTools(images.settings).command("grub-fstest")
    read(fstest, images.current() / "disk.raw", place, "/var/lib/dpkg/status", status)
    apt = Apt(state, status)
    apt.update(emulated.archive_lines(images.release))
    for package in apt.with_dependencies([DRACUT]):
        package.rename(packages / package.name)
    (own,) = packages.glob(f"{DRACUT}_*.deb")
    run(["dpkg-deb", "--raw-extract", str(own), str(unpacked)])
    control = unpacked / "DEBIAN/control"
    control.write_text(stand_in(control.read_text()))
    run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(unpacked), str(own)])
    return packages


def stand_in(control: str) -> str:
    """Return dracut's control file as one that also satisfies those who ask for initramfs-tools.

    The lab's kernel packages ask for that by name, where Debian's take any linux-initramfs-tool.

    Args:
        control: as the archive has it.
    """
    return re.sub(r"^(Provides:.*)$", rf"\1, {INITRAMFS_TOOLS}", control, flags=re.MULTILINE)
