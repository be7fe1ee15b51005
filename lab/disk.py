"""A machine's disk: an overlay over the base image; without its upper layer it is new again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from lab.shell import run


def mounted_below(folder: Path) -> list[Path]:
    """Return the mount points in and below `folder`, deepest first."""
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        # the kernel writes blanks in mount points as octal escapes
        point = Path(line.split()[4].encode().decode("unicode_escape"))
        if point == folder or folder in point.parents:
            points.append(point)
    return sorted(points, key=lambda point: len(point.parts), reverse=True)


def filesystem(path: Path) -> str:
    """Return the type of the file system that `path` lies on, or would lie on."""
    kinds = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ", 1)
        kinds[Path(before.split()[4])] = after.split()[0]  # later mounts hide earlier ones
    return next(kinds[point] for point in (path, *path.parents) if point in kinds)


def has_reflinks(folder: Path) -> bool:
    """Return True if files in a folder can be copied by sharing their blocks."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        one = Path(scratch) / "one"
        one.write_bytes(b"x")
        words = ["cp", "--reflink=always", str(one), str(one.with_name("two"))]
        return run(words, check=False).returncode == 0


def mount(image_root: Path, folder: Path) -> Path:
    """Mount the overlay of the machine in `folder` and return its root.

    Args:
        image_root: the base image's file system, read only.
        folder: the machine's folder; gets `upper`, `work` and `root`.
    """
    root = folder / "root"
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    if root not in mounted_below(root):
        layers = f"lowerdir={image_root},upperdir={folder / 'upper'},workdir={folder / 'work'}"
        run(["mount", "-t", "overlay", "overlay", "-o", layers, str(root)])
    return root


def unmount(folder: Path) -> None:
    """Unmount everything in and below a machine's folder."""
    for point in mounted_below(folder):
        run(["umount", str(point)])


def throw_away(folder: Path) -> None:
    """Unmount a machine's disk and forget what was written to it."""
    unmount(folder)
    for name in ("upper", "work"):
        shutil.rmtree(folder / name, ignore_errors=True)
