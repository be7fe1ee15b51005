"""Which two kernels the machines have, and fetching them: one installed, a newer one to move to.

Choosing is pure; `fetch` runs apt with a state of its own and touches no package of this computer.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from facts.packages.debian_version import version_compare
from lab.errors import LabError
from lab.shell import run

#: Headers of a kernel that those of one flavour share; they have its version, too.
_COMMON: Final = re.compile(r"^linux-headers-.*common")
#: What headers ask for and a build does without.
_NOT_FOR_BUILDS: Final = re.compile(r"^linux-(image|base)\b")
#: Seconds; 90 MB have to come over the line.
_TIMEOUT_S: Final = 1800


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel: what `uname -r` says, its image package and version, its meta package if any."""

    release: str
    package: str
    version: str
    meta: str = ""

    @property
    def modules(self) -> str:
        """Return the package with the B70 driver, named as on Ubuntu, where it is apart too."""
        return f"linux-modules-extra-{self.release}"


Stanza = Mapping[str, str]


def stanzas(text: str) -> list[Stanza]:
    """Read control stanzas; continuation lines are left out."""
    found: list[Stanza] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        pairs = (line.split(":", 1) for line in block.splitlines() if line[:1].isalpha())
        found.append({pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2})
    return found


def depends(stanza: Stanza) -> list[str]:
    """Return the names of the packages that a stanza depends on, first alternatives only."""
    words = stanza.get("Depends", "").split(",")
    return [word.split("|")[0].split("(")[0].split(":")[0].strip() for word in words if word]


def choose(metas: Sequence[Stanza], images: Sequence[Stanza]) -> tuple[Kernel, Kernel]:
    """Return the kernel to install and the newer one to move to.

    The newer one is the newest there is. The older one is what an older version of the meta package
    stands for, since that is how an update really looks; else the next newest image.

    Args:
        metas: every version of the meta package.
        images: every image package.

    Raises:
        LabError: the archive holds fewer than two kernels.
    """
    meta_of = {name: meta["Version"] for meta in metas for name in depends(meta)}
    found = {(stanza["Package"], stanza["Version"]) for stanza in images}
    by_version = functools.cmp_to_key(version_compare)
    newest_first = sorted(found, key=lambda image: by_version(image[1]), reverse=True)
    kernels = [
        Kernel(package.removeprefix("linux-image-"), package, version, meta_of.get(package, ""))
        for package, version in newest_first
    ]
    if not kernels:
        raise LabError("the archive holds no kernel", "see distributions in lab/vm/vm.yaml")
    newest = kernels[0]
    older = [kernel for kernel in kernels if kernel.release != newest.release]
    if not older:
        raise LabError(f"the archive holds one kernel only, {newest.release}")
    return next((kernel for kernel in older if kernel.meta), older[0]), newest


class Apt:
    """apt with sources, lists and cache of its own in `state`.

    Args:
        state: folder to use.
        status: dpkg status file that dependencies are solved against.
    """

    def __init__(self, state: Path, status: Path) -> None:
        self._options = [
            f"-oDir::Etc::sourcelist={state / 'sources.list'}",
            "-oDir::Etc::sourceparts=/dev/null",
            f"-oDir::State={state}",
            f"-oDir::State::status={status}",
            f"-oDir::Cache={state}",
            "-oAPT::Sandbox::User=root",
            "-oDebug::NoLocking=1",
        ]
        self._state = state

    def update(self, lines: Iterable[str]) -> None:
        """Read the indexes of these sources."""
        for name in ("lists/partial", "archives/partial"):
            (self._state / name).mkdir(parents=True, exist_ok=True)
        (self._state / "sources.list").write_text("".join(lines))
        run(["apt-get", *self._options, "update"], timeout_s=_TIMEOUT_S)

    def search(self, pattern: str) -> list[str]:
        """Return the package names that match."""
        said = run(["apt-cache", *self._options, "--names-only", "search", pattern]).stdout
        return [line.split()[0] for line in said.splitlines() if line]

    def show(self, names: Sequence[str]) -> list[Stanza]:
        """Return the stanzas of every version of some packages."""
        return stanzas(run(["apt-cache", *self._options, "show", *names]).stdout)

    def with_dependencies(self, packages: Sequence[str]) -> list[Path]:
        """Fetch packages and what they need beyond the status file, and return these alone."""
        archives = self._state / "archives"
        for earlier in archives.glob("*.deb"):
            earlier.unlink()
        words = ["apt-get", *self._options, "-y", "--no-install-recommends", "--download-only"]
        run([*words, "install", *packages], timeout_s=_TIMEOUT_S)
        return sorted(archives.glob("*.deb"))

    def alone(self, packages: Sequence[str], folder: Path) -> list[Path]:
        """Fetch packages without what they need into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        run(["apt-get", *self._options, "download", *packages], cwd=folder, timeout_s=_TIMEOUT_S)
        return sorted(folder.glob("*.deb"))


def available(apt: Apt, meta: str, image: str) -> tuple[Kernel, Kernel]:
    """Return the two kernels of the archive that the machines get."""
    return choose(apt.show([meta]), apt.show(apt.search(image)))


@dataclass(frozen=True, slots=True)
class Headers:
    """What modules of a kernel are compiled with.

    Args:
        own: the headers, as `name=version`.
        tools: compiler and helpers; these are wanted with all that they need.
    """

    own: tuple[str, ...]
    tools: tuple[str, ...]


def headers(kernel: Kernel, known: Iterable[Stanza]) -> Headers:
    """Return the packages that modules of a kernel are compiled with.

    Args:
        kernel: the kernel.
        known: every version of `linux-headers-RELEASE`.
    """
    own, tools = [f"linux-headers-{kernel.release}={kernel.version}"], ["make"]
    for stanza in known:
        if stanza["Version"] != kernel.version:
            continue
        for name in depends(stanza):
            if _COMMON.match(name):
                own.append(f"{name}={kernel.version}")
            elif not _NOT_FOR_BUILDS.match(name):
                tools.append(name)
    return Headers(tuple(own), tuple(tools))
