"""A virtual machine's disks: a raw one with its identity, and overlays that are thrown away."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from lab import identity
from lab.settings import Settings
from lab.shell import run
from lab.vm import tap
from lab.vm.image import OFFSET

#: The machine's own copy of the image, with its identity; never written after that.
OWN: Final = "own.raw"
SYSTEM: Final = "system.qcow2"
#: UEFI firmware, its variables as a new machine has them, and the machine's own: a disk like the
#: others, so that saved states have them too.
CODE: Final = "code.fd"
NEW_VARIABLES: Final = "vars.fd"
VARIABLES: Final = "vars.qcow2"
_TIMEOUT_S: Final = 300


def copy(source: Path, target: Path) -> None:
    """Copy a disk, sharing its blocks where the file system can."""
    run(["cp", "--reflink=auto", "--sparse=always", str(source), str(target)], timeout_s=_TIMEOUT_S)


def personalise(
    image: Path,
    folder: Path,
    name: str,
    settings: Settings,
    number: int,
    root: str = f"offset={OFFSET}",
) -> None:
    """Make the machine's own disk from the image unless it is there.

    Args:
        image: raw disk of the image.
        folder: the machine's folder.
        name: host name.
        settings: the lab, for its key and network.
        number: the machine's host number.
        root: mount options that find the root file system in the disk.
    """
    own = folder / OWN
    if own.exists():
        return
    fresh = folder / f"{OWN}.new"
    copy(image, fresh)
    identity.ensure(folder / "identity")
    authorized = identity.public_line(settings.key)
    with tempfile.TemporaryDirectory(prefix="b70lab-", dir=folder) as point:
        run(["mount", "-o", f"loop,{root}", str(fresh), point])
        try:
            identity.plant(folder / "identity", Path(point), name, authorized, root_login=True)
            target = Path(point) / tap.GUEST_FILE
            target.write_text(tap.guest_network(settings, number))
        finally:
            run(["umount", point])
    fresh.rename(own)


def renew(folder: Path, extra: tuple[str, ...]) -> None:
    """Make the system disk, extra disks and UEFI variables as new; snapshots go with them.

    Args:
        folder: the machine's folder.
        extra: sizes of the extra disks as qemu-img takes them, such as "2G".
    """
    for old in folder.glob("*.qcow2"):
        old.unlink()
    if (folder / NEW_VARIABLES).exists():
        variables = [str(folder / NEW_VARIABLES), str(folder / VARIABLES)]
        run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", *variables])
    backing = ["-b", OWN, "-F", "raw"]
    run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(folder / SYSTEM)])
    for number, size in enumerate(extra, start=1):
        disk = str(folder / extra_file(number))
        run(["qemu-img", "create", "-q", "-f", "qcow2", disk, size])


def extra_file(number: int) -> str:
    """Return the file name of an extra disk, counted from 1."""
    return f"extra{number}.qcow2"


def files(extra: tuple[str, ...], pulled: tuple[int, ...] = ()) -> dict[str, str]:
    """Return the disk files by serial number as the guest sees it: system, extra1, extra2, ...

    Args:
        extra: sizes of the extra disks.
        pulled: numbers of extra disks that are not in the machine now.
    """
    numbers = (number for number in range(1, len(extra) + 1) if number not in pulled)
    return {"system": SYSTEM, **{f"extra{number}": extra_file(number) for number in numbers}}
