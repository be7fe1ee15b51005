"""Makes disk images with other layouts: a machine copies itself to a second disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from lab.shell import run
from lab.uml import disks, workshop
from lab.uml.image import UmlImages
from lab.uml.layout import PLAIN, layouts
from lab.uml.recipe import GUEST

_SCRIPT: Final = GUEST / "install.sh"
_TARGET: Final = "/dev/disk/by-id/virtio-extra1"
#: Seconds; 40 s were measured on 2 busy cores.
_TIMEOUT_S: Final = 600


def folder(images: UmlImages, layout: str) -> Path:
    """Return the folder of the image with a layout, made or not.

    Args:
        images: of a release.
        layout: name of the layout.
    """
    if layout == PLAIN:
        return images.current()
    made_from = json.dumps(asdict(layouts()[layout])) + _SCRIPT.read_text()
    return workshop.place(images, layout, made_from)


def ensure(images: UmlImages, layout: str, say: Callable[[str], None]) -> Path:
    """Make the image with a layout unless it is there, and return its folder.

    The caller holds the lab's lock, and the plain image is built.

    Args:
        images: of a release.
        layout: name of the layout.
        say: gets one line per step.

    Raises:
        LabError: the installer failed.
    """
    final = folder(images, layout)
    if final.is_dir():
        return final
    say(f"disk image {final.name}: install")
    about = layouts()[layout]
    size = (images.current() / "disk.raw").stat().st_size
    with workshop.machine(images, [str(size)]) as machine:
        target = machine.folder / disks.files(machine.record.extra)["extra1"]
        run(["sfdisk", "--quiet", str(target)], input=about.partition_table())
        machine.start()
        machine.wait_ready()
        machine.write("/run/b70lab-table", about.table())
        machine.write("/run/b70lab-install", _SCRIPT.read_text())
        machine.run(f"sh /run/b70lab-install {_TARGET} /run/b70lab-table", timeout_s=_TIMEOUT_S)
        machine.stop()
        workshop.keep(target, final)
    return final
