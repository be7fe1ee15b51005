"""The disks of User-mode Linux machines: raw files, since GRUB's own code opens them.

They lie on a file system with reflinks: on the lab's own when it has them, else on an XFS in a
sparse file. Where neither is to be had, copies take their time and work all the same.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from lab import disk
from lab.settings import Settings
from lab.shell import run
from lab.uml.layout import PLAIN, layouts
from lab.vm import disks as emulated
from lab.vm.disks import OWN, copy

SYSTEM: Final = "system.raw"
STATES: Final = "states"
#: Bytes of the file behind the XFS; it is sparse, and a machine takes about 1 GB of it.
_ROOM_BYTES: Final = 64 << 30
_TIMEOUT_S: Final = 300


def room_is_ready(settings: Settings) -> bool:
    """Return True if copies are cheap in the folder, or cannot be made cheap on this computer."""
    folder = settings.uml
    return folder.is_dir() and ((folder / "room-is-slow").exists() or disk.has_reflinks(folder))


def make_room(settings: Settings) -> None:
    """Make the folder for machines and images, on an XFS of its own where that is needed."""
    folder, file = settings.uml, settings.root / "uml.xfs"
    folder.mkdir(parents=True, exist_ok=True)
    if disk.has_reflinks(folder):
        return
    if not file.exists():
        fresh = file.with_suffix(".new")
        with fresh.open("wb") as stream:
            stream.truncate(_ROOM_BYTES)
        run(["mkfs.xfs", "-q", "-f", "-m", "reflink=1", str(fresh)], timeout_s=_TIMEOUT_S)
        fresh.rename(file)
    mounted = run(["mount", "-o", "loop,noatime,nodiratime", str(file), str(folder)], check=False)
    if mounted.returncode:  # this computer's kernel has no XFS
        (folder / "room-is-slow").touch()


def personalise(
    image: Path,
    folder: Path,
    name: str,
    settings: Settings,
    number: int,
    layout: str = PLAIN,
) -> None:
    """Make the machine's own disk from the image unless it is there.

    Args:
        image: folder of the image.
        folder: the machine's folder.
        name: host name.
        settings: the lab, for its key and network.
        number: the machine's host number.
        layout: how the image is laid out.
    """
    about = layouts()[layout]
    root = f"offset={about.root_sector * 512},{about.root_options}".rstrip(",")
    emulated.personalise(image / "disk.raw", folder, name, settings, number, root)


def renew(folder: Path, extra: tuple[str, ...]) -> None:
    """Make the system disk and every extra disk as new; saved states go with them.

    Args:
        folder: the machine's folder.
        extra: sizes of the extra disks as truncate takes them, such as "2G".
    """
    shutil.rmtree(folder / STATES, ignore_errors=True)
    for old in disks(folder):
        old.unlink()
    copy(folder / OWN, folder / SYSTEM)
    for number, size in enumerate(extra, start=1):
        run(["truncate", "-s", size, str(folder / f"extra{number}.raw")])


def disks(folder: Path) -> list[Path]:
    """Return the disks in a folder that a machine writes to."""
    return sorted(path for path in folder.glob("*.raw") if path.name != OWN)


def files(extra: tuple[str, ...], pulled: tuple[int, ...] = ()) -> dict[str, str]:
    """Return the disk files by serial number as the guest sees it: system, extra1, extra2, ...

    Args:
        extra: sizes of the extra disks.
        pulled: numbers of extra disks that are not in the machine now.
    """
    numbers = (number for number in range(1, len(extra) + 1) if number not in pulled)
    return {"system": SYSTEM, **{f"extra{number}": f"extra{number}.raw" for number in numbers}}


def save(folder: Path, name: str) -> None:
    """Keep the disks as they are now under a name; nobody may write to them meanwhile."""
    state = folder / STATES / name
    fresh = state.with_name(f"{name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for file in disks(folder):
        copy(file, fresh / file.name)
    shutil.rmtree(state, ignore_errors=True)
    fresh.rename(state)


def bring_back(folder: Path, name: str) -> None:
    """Exchange the disks for those of a saved state."""
    for file in disks(folder / STATES / name):
        copy(file, folder / file.name)
