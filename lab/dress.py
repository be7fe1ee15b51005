"""Dresses a base image as a release whose archive is out of reach here, such as Ubuntu 26.04.

The machine is of the release that the image is made from: its packages come from that one's mirror.
What it is dressed as shows in its os-release and in the programs that it runs. Kept under a hash of
all that decides its content.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from facts.shelltext import shell_variables
from lab import image, releases
from lab.errors import LabError
from lab.image import Images
from lab.releases import Release
from lab.settings import Settings
from lab.shell import run
from lab.vm.kernels import Apt

_ROOM: Final = Path(__file__).parent
#: Where the packages lie while the image is made.
_DEBS: Final = "/root/dress"
#: Seconds; 10 s were measured on 2 busy cores.
_TIMEOUT_S: Final = 600


@dataclass(frozen=True, slots=True)
class Dress:
    """What a machine is dressed as.

    Args:
        name: codename of the release that it poses as.
        release: release that it is made from.
        packages: what is installed besides, from that release's archive.
    """

    name: str
    release: Release
    packages: tuple[str, ...]

    @property
    def script(self) -> str:
        """Return what is run inside the image, as root."""
        text = (_ROOM / "templates" / f"dress-{self.name}.sh").read_text()
        return shell_variables(debs=_DEBS) + text

    @property
    def digest(self) -> str:
        """Return the name under which the image is kept."""
        parts = [image.recipe(self.release).digest, *self.packages, self.script]
        return f"dress-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}"


def named(name: str) -> Dress:
    """Return a dress by name.

    Raises:
        LabError: there is none of that name.
    """
    data: dict[str, dict[str, Any]] = yaml.safe_load(releases.DATA.read_text())["dresses"]
    if name not in data:
        raise LabError(f"no machine is dressed as {name!r}", f"one of: {', '.join(data)}")
    about = data[name]
    return Dress(name, releases.named(about["release"]), tuple(about["packages"]))


def ensure(settings: Settings, dress: Dress, say: Callable[[str], None]) -> str:
    """Make the dressed image unless it is there, and return its name.

    The caller holds the lab's lock, and the base image is built.

    Args:
        settings: the lab.
        dress: what to make.
        say: gets one line per step.

    Raises:
        LabError: the archive cannot be reached, or the image could not be changed.
    """
    final = settings.images / dress.digest
    if final.is_dir():
        return final.name
    say(f"image {final.name}: {dress.release.codename} dressed as {dress.name}")
    partial = final.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    root, state = partial / "root", partial / "apt"
    state.mkdir(parents=True)
    base = Images(settings, dress.release).current() / "root"
    run(["cp", "-a", "--reflink=auto", str(base), str(root)], timeout_s=_TIMEOUT_S)
    inside = root / _DEBS.removeprefix("/")
    inside.mkdir()
    for package in _fetch(dress, state, root / "var/lib/dpkg/status"):
        shutil.move(package, inside)
    run(["chroot", str(root), "sh", "-eu"], input=dress.script, timeout_s=_TIMEOUT_S)
    shutil.rmtree(inside)
    shutil.rmtree(state)
    partial.rename(final)
    return final.name


def _fetch(dress: Dress, state: Path, status: Path) -> list[Path]:
    origin = releases.origin(dress.release)
    components = " ".join(releases.distributions()[dress.release.distribution].components)
    source = f"deb [signed-by={origin.keyring}] {origin.mirror} {dress.release.codename}"
    apt = Apt(state, status)
    apt.update([f"{source} {components}\n"])
    return apt.with_dependencies(dress.packages)
