"""Takes a file out of a disk as GRUB reads it: no mount, no journal replay, every file system that
GRUB knows, LVM too. Standard library only: a machine's supervisor imports this file.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lab.grub.errors import GrubError

#: Seconds: an initramfs of 60 MB takes 0.2 s; a disk that hangs must not hang the caller.
_TIMEOUT_S: Final = 120


def read(command: Sequence[str], disk: Path, device: str, path: str, target: Path) -> None:
    """Copy a file of the disk to `target`.

    Args:
        command: words that run grub-fstest.
        disk: raw image of the whole disk.
        device: partition or volume as grub-emu names it: `hd0,msdos1`, `lvm/vg0-boot`.
        path: absolute path there, or with a device of its own: `(hd0,msdos1)/vmlinuz`.
        target: file to write.

    Raises:
        GrubError: the file cannot be read, in GRUB's words.
    """
    words = [*command, str(disk), "cp", name(device, path), str(target)]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GrubError(f"cannot run {words[0]}: {error}") from error
    if done.returncode:
        target.unlink(missing_ok=True)
        said = done.stderr.strip().rpartition("error: ")[2] or f"status {done.returncode}"
        raise GrubError(f"GRUB cannot read {name(device, path)} of {disk.name}: {said}")


def name(device: str, path: str) -> str:
    """Return a file's name for grub-fstest, whose only disk is called loop0 instead of hd0."""
    full = path if path.startswith("(") else f"({device}){path}"
    return re.sub(r"^\(hd0\b", "(loop0", full)
