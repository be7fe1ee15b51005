"""How a machine's disk is laid out, as data: partitions, file systems, GRUB's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from lab.uml import kernels

#: The layout of the images themselves; the others are made from it.
PLAIN: Final = "plain"


@dataclass(frozen=True, slots=True)
class Part:
    """One partition.

    Args:
        fs: file system.
        mount: where it is mounted.
        type: MBR type, in hex.
        size: as sfdisk takes it; empty = the rest of the disk.
        subvolume: btrfs subvolume that is mounted.
        volume: GROUP/VOLUME when the partition is a volume group's disk.
    """

    fs: str
    mount: str
    type: str
    size: str = ""
    subvolume: str = ""
    volume: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout.

    Args:
        device: partition or volume with GRUB's files, as grub-emu names it.
        prefix: GRUB's folder there.
        parts: partitions in order.
        root_sector: first sector of the root file system, in units of 512 bytes.
        root_options: options that a mount from there needs.
    """

    device: str
    prefix: str
    parts: tuple[Part, ...]
    root_sector: int
    root_options: str = ""

    def partition_table(self) -> str:
        """Return sfdisk's input."""
        lines = [
            f"{f'size={part.size}, ' if part.size else ''}type={part.type}{', bootable' * (not n)}"
            for n, part in enumerate(self.parts)
        ]
        return "\n".join(["label: dos", *lines]) + "\n"

    def table(self) -> str:
        """Return one line per partition for the installer: NUMBER FS MOUNT SUBVOLUME VOLUME.

        The root file system comes first, since the others are mounted in it.
        """
        rows = [
            f"{number} {part.fs} {part.mount} {part.subvolume or '-'} {part.volume or '-'}\n"
            for number, part in enumerate(self.parts, start=1)
        ]
        return "".join(sorted(rows, key=lambda row: row.split()[2]))


@cache
def layouts() -> Mapping[str, Layout]:
    """Return every layout by name."""
    found: dict[str, dict[str, Any]] = kernels.load()["layouts"]
    return {
        name: Layout(
            about["device"],
            about["prefix"],
            tuple(Part(**part) for part in about["parts"]),
            int(about["root"]["sector"]),
            about["root"].get("options", ""),
        )
        for name, about in found.items()
    }
