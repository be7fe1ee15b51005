"""Builds the kernels of User-mode Linux machines, kept by what they are made from.

One tree of Debian's source is built (minutes); every release of it differs in its name only and
costs seconds. What comes out has the shape of Debian's own: an image package with its hooks, the
driver in a package beside it. The archive's day does not decide: a kernel that is there is not
built again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from facts.packages.debian_version import version_compare
from lab import aptsources, debs
from lab.aptsources import ArchiveLine
from lab.errors import LabError
from lab.settings import Settings
from lab.shell import run, search_path
from lab.vm import modules
from lab.vm.kernels import Apt, Kernel, Stanza
from lab.vm.recipe import SOURCES, Firmware

ROOM: Final = Path(__file__).parent
KERNEL: Final = ROOM / "kernel"
#: What a tree is made from.
_TREE: Final = ("uml.config", "um.patch", "um-older.patch", "b70lab.c", "build.sh")
#: Seconds; 4 to 7 minutes were measured on 2 cores.
_TIMEOUT_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Source:
    """Where the kernel's source comes from; see uml.yaml."""

    package: str
    seccomp_from: str
    keyring: str
    mirror: str
    suites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Built:
    """One kernel release, built.

    Args:
        kernel: its names.
        folder: with the packages in `archive/`, the fake cards in `fakeb70.ko`.
    """

    kernel: Kernel
    folder: Path

    @property
    def image(self) -> Path:
        """Return the package of the kernel itself."""
        return self.folder / "archive" / f"{self.kernel.package}_{self.kernel.version}_amd64.deb"

    @property
    def packages(self) -> list[Path]:
        """Return the packages for the mirror."""
        return sorted((self.folder / "archive").glob("*.deb"))

    @property
    def cards(self) -> Path:
        """Return the module that shows the fake cards."""
        return self.folder / "fakeb70.ko"


def load() -> dict[str, Any]:
    """Return what uml.yaml says."""
    data: dict[str, Any] = yaml.safe_load((ROOM / "uml.yaml").read_text())
    return data


def source() -> Source:
    """Return where the kernel's source comes from."""
    data = load()["source"]
    return Source(**data | {"suites": tuple(data["suites"])})


def newest(stanzas: Iterable[Stanza]) -> Stanza:
    """Return the newest of some source packages.

    Raises:
        LabError: there is none.
    """
    by_version = functools.cmp_to_key(version_compare)
    found = sorted(stanzas, key=lambda stanza: by_version(stanza["Version"]))
    if not found:
        raise LabError("the archive holds no kernel source", "see `source` in lab/uml/uml.yaml")
    return found[-1]


def has_seccomp(version: str, seccomp_from: str) -> bool:
    """Return True if a kernel of this version runs its processes without ptrace."""
    return version_compare(version, seccomp_from) >= 0


def names(base: str, number: int) -> Kernel:
    """Return the names of a release, as Debian gives them.

    Args:
        base: version of the source, such as 7.3.4.
        number: number of the release.
    """
    release = f"{base}-{number}-uml-amd64"
    return Kernel(release, f"linux-image-{release}", f"{base}-{number}")


def _digest(*paths: Path) -> str:
    found = hashlib.sha256()
    for path in paths:
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


class Kernels:
    """The kernels of one lab.

    Args:
        settings: the lab.
        firmware: package of stand-in firmware that the driver's package depends on.
    """

    def __init__(self, settings: Settings, firmware: Firmware) -> None:
        self._settings = settings
        self._firmware = firmware
        tree = _digest(*(KERNEL / name for name in _TREE))
        self.folder = settings.images / f"linux-{tree}"
        cards = [path for path in sorted(SOURCES.iterdir()) if path.suffix in (".c", ".h")]
        own = [*cards, SOURCES / "Makefile", KERNEL / "release.sh", Path(modules.__file__)]
        self._releases = self.folder / "releases" / _digest(*own)

    @property
    def digest(self) -> str:
        """Return the name of what these kernels are made from."""
        return f"{self.folder.name}/{self._releases.name}"

    @property
    def base(self) -> str:
        """Return the version of the source, such as 7.3.4."""
        return str(self._about()["base"])

    @property
    def seccomp(self) -> bool:
        """Return True if these kernels run their processes without ptrace."""
        return bool(self._about()["seccomp"])

    def is_built(self) -> bool:
        """Return True if the tree and both releases of the machines are there."""
        if not (self.folder / "tree.json").exists():
            return False
        return all(
            self._is_whole(names(self.base, number)) for number in load()["releases"].values()
        )

    def pair(self) -> tuple[Built, Built]:
        """Return the release of the disk images and the newer one.

        Raises:
            LabError: they are not built.
        """
        if not self.is_built():
            raise LabError(
                "the kernels of User-mode Linux machines are not built", "b70 lab up --uml NAME"
            )
        numbers = load()["releases"]
        installed, newer = (self._built(numbers[name]) for name in ("installed", "newer"))
        return installed, newer

    def build(self, say: Callable[[str], None]) -> tuple[Built, Built]:
        """Build the tree and both releases unless they are there.

        Raises:
            LabError: a step failed.
        """
        if not (self.folder / "tree.json").exists():
            self._build_tree(say)
        for number in load()["releases"].values():
            self.release(number, say)
        return self.pair()

    def release(self, number: int, say: Callable[[str], None]) -> Built:
        """Build a release of the tree unless it is there.

        Args:
            number: what stands behind the version, such as 57.
            say: gets one line per step.
        """
        kernel = names(self.base, number)
        built = self._built(number)
        if self._is_whole(kernel):
            return built
        say(f"kernel {kernel.release}: name, package, fake cards and driver")
        partial = built.folder.with_name(f"{kernel.release}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        script = [str(KERNEL / "release.sh"), str(self._tree), kernel.release, kernel.version]
        run([*script, str(SOURCES), str(partial)], timeout_s=_TIMEOUT_S, env=self._environ())
        archive = partial / "archive"
        archive.mkdir()
        for package in partial.glob("*.deb"):
            package.rename(archive / package.name)
        driver = (partial / "xe.ko").read_bytes()
        debs.build(modules.driver_package(kernel, driver, self._firmware), archive)
        modules.pack(modules.firmware_package(self._firmware), archive)
        shutil.rmtree(built.folder, ignore_errors=True)
        partial.rename(built.folder)
        return built

    # -- private ----------------------------------------------------------------------------------

    @property
    def _tree(self) -> Path:
        # a fixed place: ccache knows an object again by the path that it was made in
        return self._settings.root / "cache" / self.folder.name

    def _built(self, number: int) -> Built:
        kernel = names(self.base, number)
        return Built(kernel, self._releases / kernel.release)

    def _is_whole(self, kernel: Kernel) -> bool:
        return (self._releases / kernel.release / "archive").is_dir()

    def _about(self) -> dict[str, Any]:
        about: dict[str, Any] = json.loads((self.folder / "tree.json").read_text())
        return about

    def _environ(self) -> dict[str, str]:
        """Return the environment of a build, with a compiler that remembers."""
        cache = self._settings.root / "cache" / "ccache"
        return {
            **os.environ,
            "PATH": search_path(),
            "CC": "ccache gcc",
            "CCACHE_DIR": str(cache),
            # the compiler says what a file depends on: on a miss nothing is preprocessed twice
            "CCACHE_DEPEND": "1",
            "CCACHE_MAXSIZE": "1G",
        }

    def _build_tree(self, say: Callable[[str], None]) -> None:
        wanted, state = source(), self.folder / "apt"
        shutil.rmtree(state, ignore_errors=True)
        apt = Apt(state, Path("/dev/null"))
        apt.update(archive_lines(wanted, aptsources.configured()))
        chosen = newest(apt.show(apt.search(wanted.package)))
        say(f"kernel source: {chosen['Package']} {chosen['Version']}")
        (deb,) = apt.alone([f"{chosen['Package']}={chosen['Version']}"], state / "source")
        say("kernel source: build (4 to 7 minutes on 2 cores when nothing of it is in ccache)")
        shutil.rmtree(self._tree, ignore_errors=True)
        build = [str(KERNEL / "build.sh"), str(deb), str(self._tree), str(KERNEL)]
        run(build, timeout_s=_TIMEOUT_S, env=self._environ())
        base = run(["make", "-s", "-C", str(self._tree), "ARCH=um", "kernelversion"]).stdout.strip()
        shutil.rmtree(state)
        about = {
            "package": chosen["Package"],
            "version": chosen["Version"],
            "base": base,
            "seccomp": has_seccomp(base, wanted.seccomp_from),
        }
        (self.folder / "tree.json").write_text(json.dumps(about, indent=1) + "\n")
        for other in (*self._tree.parent.glob("linux-*"), *self._settings.images.glob("linux-*")):
            if other.name != self.folder.name:  # its packages are in the images that need them
                shutil.rmtree(other)


def archive_lines(wanted: Source, configured: Iterable[ArchiveLine]) -> list[str]:
    """Return the sources.list lines of every suite, by this computer's own mirror of Debian.

    Args:
        wanted: the suites.
        configured: every source of this computer's apt.
    """
    own = [line.uri for line in configured if re.search(r"/debian/?$", line.uri)]
    mirror = next((uri for uri in own if uri.startswith("http")), wanted.mirror)
    return [f"deb [signed-by={wanted.keyring}] {mirror} {suite} main\n" for suite in wanted.suites]
