"""How much room a boot set needs on /boot, and which kernels could make room. Pure.

Preflight asks before anything is changed, and what stages a set asks again before it writes: both
get the same figure from here. Must not know how anything is written or removed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from declaration.boot import BootKernel
from facts.boot.loader import BootState, InstalledKernel
from facts.packages.dpkg import PackageState
from facts.value import Unknown, known
from gates.boots import boots_by_default, boots_now

_MIB: Final = 1024**2
#: Bytes for an update of files alone: GRUB's menu and environment are written beside the old ones.
FILES: Final = 4 * _MIB
#: Bytes beside kernels and initial RAM disks: System.map and config of one kernel (10 MiB where the
#: distribution ships a full map), GRUB's menu, and the file system's own blocks.
BESIDE: Final = 16 * _MIB
#: Bytes of a kernel where /boot has none to learn from: the 15 MiB of a generic kernel, rounded up.
KERNEL: Final = 16 * _MIB
#: Bytes of an initial RAM disk where /boot has none to learn from: 70 MiB with most modules, twice,
#: since firmware of graphics cards has doubled many.
INITRD: Final = 140 * _MIB
_RUNS: Final = re.compile(r"\d+|\D+")
#: Packages of a kernel that put files into /boot, beside the image: System.map and config.
_BESIDE_IMAGE: Final = "linux-modules-"


@dataclass(frozen=True, slots=True)
class Writes:
    """What will be written to /boot.

    Args:
        images: kernels.
        initrds: initial RAM disks.
        parts: the same for a person.
    """

    images: int = 0
    initrds: int = 0
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spare:
    """A kernel that could go.

    Args:
        release: what `uname -r` would say.
        packages: what to purge.
        size: bytes that its image and initial RAM disk have on /boot.
    """

    release: str
    packages: tuple[str, ...]
    size: int


def needed(kernels: Mapping[str, InstalledKernel], images: int, initrds: int) -> int:
    """Return the bytes that must be free on /boot.

    A kernel counts as the largest image that is there now, an initial RAM disk as the largest one:
    what is built tomorrow is built with the same settings.

    Args:
        kernels: release -> what is on /boot.
        images: kernels that will be written.
        initrds: initial RAM disks that will be written.
    """
    if not images and not initrds:
        return FILES
    image = max((kernel.image.size for kernel in kernels.values()), default=KERNEL)
    ram_disks = [file.size for kernel in kernels.values() if (file := known(kernel.initrd))]
    return images * image + initrds * max(ram_disks, default=INITRD) + BESIDE


def writes(
    wanted: BootKernel,
    wanted_set: str,
    boot: BootState,
    packages: PackageState | None,
    kept: Collection[str] = (),
) -> Writes:
    """Return what bringing a boot set to a host will write to /boot.

    Args:
        wanted: the declared kernel.
        wanted_set: name of the declared set, which its folder has.
        boot: what is there.
        packages: what is installed; None = not known: then a kernel on disk is the right one.
        kept: sets whose folders are complete.
    """
    there = frozenset(kept)
    due = []
    if _package_is_due(wanted, boot, packages):
        due.append(f"{wanted.package} with its initial RAM disk")
    if wanted_set not in there:
        due.append("the folder of the set")
    if not there - {wanted_set}:
        due.append("the folder of the fallback")
    return Writes(len(due), len(due), tuple(due))


def _package_is_due(wanted: BootKernel, boot: BootState, packages: PackageState | None) -> bool:
    """Return True if the package or its initial RAM disk will be written.

    Another version of the same release counts: dpkg unpacks beside the old file first.
    """
    there = boot.kernels.get(wanted.uname)
    if there is None or known(there.initrd) is None:
        return True
    installed = packages.installed.get(wanted.package) if packages is not None else None
    return installed is not None and installed.version != wanted.version


def spare_kernels(
    boot: BootState, packages: PackageState, running: str, keep: Collection[str] = ()
) -> tuple[Spare, ...]:
    """Return the kernels that a person could remove, the oldest first.

    Never one that runs, may be booted by default or once, is on hold, is the newest, is the only
    other one or belongs to no package. Where it cannot be said which one is the default, none can
    go.

    Args:
        boot: what is on /boot and in the menu.
        packages: what is installed.
        running: the release that runs.
        keep: further packages that stay, such as declared ones.
    """
    chosen = chosen_releases(boot)
    if chosen is None or not boot.kernels:
        return ()
    by_age = sorted(boot.kernels, key=natural)
    others = [release for release in by_age if release != running]
    stay = {running, by_age[-1], *others[-1:], *chosen}
    found = []
    for release in by_age:
        kernel = boot.kernels[release]
        package = known(kernel.package)
        if package is None or release in stay:
            continue
        names = (package, *_modules_of(release, packages))
        if any(name in packages.holds or name in keep for name in names):
            continue
        initrd = known(kernel.initrd)
        found.append(Spare(release, names, kernel.image.size + (initrd.size if initrd else 0)))
    return tuple(found)


def chosen_releases(boot: BootState) -> frozenset[str] | None:
    """Return the releases that GRUB boots now and by default, None when that is not known.

    The release of a boot set is none of them: the packages of every set are on hold.
    """
    found: set[str] = set()
    for boots in (boots_now(boot), boots_by_default(boot)):
        if isinstance(boots, Unknown):
            return None
        found.add(boots.entry.kernel.rpartition("/")[2].partition("-")[2])
    return frozenset(found)


def enough(spare: Iterable[Spare], missing: int) -> tuple[Spare, ...]:
    """Return the first kernels that together give back some bytes, all when that is too little."""
    chosen: list[Spare] = []
    for each in spare:
        if sum(one.size for one in chosen) >= missing:
            break
        chosen.append(each)
    return tuple(chosen)


def newer(releases: Iterable[str], than: str) -> tuple[str, ...]:
    """Return the releases that are newer than one, the oldest first."""
    later = (release for release in releases if natural(release) > natural(than))
    return tuple(sorted(later, key=natural))


def _modules_of(release: str, packages: PackageState) -> Iterable[str]:
    return sorted(
        name
        for name in packages.installed
        if name.startswith(_BESIDE_IMAGE) and name.endswith(f"-{release}")
    )


def natural(release: str) -> list[tuple[int, str]]:
    """Return what sorts releases by their age: numbers as numbers."""
    return [(int(run), "") if run.isdecimal() else (-1, run) for run in _RUNS.findall(release)]
