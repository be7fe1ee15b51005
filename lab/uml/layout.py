"""How a machine's disk is laid out: which device holds GRUB's files. Reads uml.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from lab.uml import kernels


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout.

    Args:
        device: partition or volume with GRUB's files, as grub-emu names it.
        prefix: GRUB's folder there.
    """

    device: str
    prefix: str


@cache
def layouts() -> Mapping[str, Layout]:
    """Return every layout by name."""
    return {name: Layout(**about) for name, about in kernels.load()["layouts"].items()}
