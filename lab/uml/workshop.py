"""Disk images that a machine makes out of a plain one: it is started for that and gone afterwards.

Such an image is kept beside the plain one, named by the contents of both, and goes with it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lab import shapes, store
from lab.uml import disks
from lab.uml.image import UmlImages
from lab.uml.machine import UmlMachine
from lab.uml.record import UmlRecord
from lab.vm import smbios

#: Name of the machine; no machine of a user can have it.
_NAME: Final = "_install"


def place(images: UmlImages, variant: str, made_from: str) -> Path:
    """Return the folder of an image that is made out of the plain one, made or not.

    Args:
        images: of a release.
        variant: what is different, for a person.
        made_from: everything that decides how it differs.
    """
    plain = images.current()
    digest = hashlib.sha256(made_from.encode()).hexdigest()[:8]
    return plain.with_name(f"{plain.name}-{variant}-{digest}")


@contextmanager
def machine(images: UmlImages, extra: Sequence[str]) -> Iterator[UmlMachine]:
    """Make a machine of the plain image, not started yet; it is gone at the end.

    The caller holds the lab's lock, and the plain image is built.

    Args:
        images: of a release.
        extra: sizes of its extra disks.
    """
    settings, plain = images.settings, images.current()
    record = UmlRecord(
        _NAME,
        store.free_number(store.numbers(settings)),
        plain.name,
        images.release.codename,
        smbios.fitted(shapes.HEALTHY_GEN5, "LABVM-INSTALL"),
        tuple(extra),
        memory_mib=512,
        seccomp=images.kernels.seccomp,
    )
    made = UmlMachine(settings, record)
    made.remove()  # what one that was killed left
    store.save(made.folder, record)
    try:
        disks.personalise(plain, made.folder, _NAME.strip("_"), settings, record.number)
        disks.renew(made.folder, record.extra)
        yield made
    finally:
        made.remove()


def keep(disk: Path, final: Path) -> None:
    """Make a disk the one of an image, whole or not at all.

    Args:
        disk: raw disk; it is moved away.
        final: folder of the image.
    """
    partial = final.with_name(f"{final.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    disk.rename(partial / "disk.raw")
    partial.rename(final)
