"""Makes disk images with other layouts: a machine copies itself to a second disk.

The image is kept beside the plain one that it is made from, by both their contents.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from lab import shapes, store
from lab.releases import Release
from lab.settings import Settings
from lab.shell import run
from lab.uml import disks
from lab.uml.image import UmlImages
from lab.uml.layout import PLAIN, layouts
from lab.uml.machine import UmlMachine
from lab.uml.recipe import GUEST
from lab.uml.record import UmlRecord
from lab.vm import smbios

_SCRIPT: Final = GUEST / "install.sh"
#: Name of the machine that installs; no machine of a user can have it.
_NAME: Final = "_install"
_TARGET: Final = "/dev/disk/by-id/virtio-extra1"
#: Seconds; 40 s were measured on 2 busy cores.
_TIMEOUT_S: Final = 600


def folder(images: UmlImages, layout: str) -> Path:
    """Return the folder of the image with a layout, made or not.

    Args:
        images: of a release.
        layout: name of the layout.
    """
    plain = images.current()
    if layout == PLAIN:
        return plain
    made_from = json.dumps(asdict(layouts()[layout])) + _SCRIPT.read_text()
    digest = hashlib.sha256(made_from.encode()).hexdigest()[:8]
    return plain.with_name(f"{plain.name}-{layout}-{digest}")


def ensure(settings: Settings, release: Release, layout: str, say: Callable[[str], None]) -> Path:
    """Make the image with a layout unless it is there, and return its folder.

    The caller holds the lab's lock, and the plain image is built.

    Args:
        settings: the lab.
        release: release of the image.
        layout: name of the layout.
        say: gets one line per step.

    Raises:
        LabError: the installer failed.
    """
    images = UmlImages(settings, release)
    final = folder(images, layout)
    if final.is_dir():
        return final
    say(f"disk image {final.name}: install")
    plain, about = images.current(), layouts()[layout]
    size = (plain / "disk.raw").stat().st_size
    record = UmlRecord(
        _NAME,
        store.free_number(store.numbers(settings)),
        plain.name,
        release.codename,
        smbios.fitted(shapes.HEALTHY_GEN5, "LABVM-INSTALL"),
        (str(size),),
        memory_mib=512,
        seccomp=images.kernels.seccomp,
    )
    machine = UmlMachine(settings, record)
    machine.remove()  # what an installation that was killed left
    store.save(machine.folder, record)
    try:
        disks.personalise(plain, machine.folder, _NAME.strip("_"), settings, record.number)
        disks.renew(machine.folder, record.extra)
        target = machine.folder / disks.files(record.extra)["extra1"]
        run(["sfdisk", "--quiet", str(target)], input=about.partition_table())
        machine.start()
        machine.wait_ready()
        machine.write("/run/b70lab-table", about.table())
        machine.write("/run/b70lab-install", _SCRIPT.read_text())
        machine.run(f"sh /run/b70lab-install {_TARGET} /run/b70lab-table", timeout_s=_TIMEOUT_S)
        machine.stop()
        partial = final.with_name(f"{final.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        target.rename(partial / "disk.raw")
        partial.rename(final)
    finally:
        machine.remove()
    return final
