"""A boot set's folder in /boot: made complete, or kept as it was found, and judged by what it says.

Only the folder of that one set is touched: what other sets boot stays as it is. A set that turned
incomplete is made again under the same name; whether a host in production may do that is not
decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.boot import BootSet
from declaration.onhost import BOOT_SETS
from facts.boot.kernel import Kernel
from facts.boot.loader import Boot, BootFile
from facts.boot.sets import BootSets, HostSets, SetOnHost
from facts.disks.block import Block
from facts.packages.dpkg import PackageState
from facts.reader import read
from facts.shelltext import shell_text
from gates.boot_sets import faults, other_build, way_back
from gates.stage import stage_obstacles
from operations.apt.package_state import package_state
from operations.boot.grub_menu import manifest_path
from operations.boot.kept_packages import fallback
from operations.boot.plain import PLAIN
from operations.operation import Commands, differs, operation, writes
from operations.require import require
from operations.script import Script

_MAKE: Final = PLAIN + shell_text(__file__)
#: What a set has to be.
_RIGHT: Final = "complete"


@dataclass(frozen=True, slots=True)
class InitramfsTool:
    """The program that builds initial RAM disks, as command lines.

    Args:
        name: as the manifest and a person call it.
        build: writes IMAGE for RELEASE.
        unpack: unpacks IMAGE into the working directory.
        raid_words: parameters of the kernel of which one must name the array that the root lies on;
            empty = the image finds arrays by itself.
    """

    name: str
    build: Sequence[str]
    unpack: Sequence[str]
    raid_words: Sequence[str] = ()


@operation()
def boot_set(
    wanted: BootSet, companions: Sequence[str], tool: InitramfsTool, own_options: Sequence[str] = ()
) -> Commands:
    """Keep a boot set complete: kernel, an initial RAM disk of its own, manifest.

    + wanted: its declaration
    + companions: names of packages that belong to a release, with `{release}` in them
    + tool: what builds an initial RAM disk here
    + own_options: files of module options that are ours
    """
    sets = require(read(BootSets), "which boot sets there are")
    state = package_state()
    _refuse_obstacles(wanted, tool, own_options)
    if other := other_build(wanted, sets):
        raise OperationError(
            f"boot set {other} has {wanted.kernel.uname} in another build, and its modules cannot "
            f"stand twice: b70 boot prune {host.name} {other}, or give the new build a release "
            "name of its own"
        )
    found = sets.sets.get(wanted.set_id)
    bad = _faults(found, sets, state)
    if not bad:
        host.noop(f"{wanted.set_id} is complete")
        return
    differs("boot set", _RIGHT, None if found is None else "; ".join(bad))
    writes(manifest_path(wanted.set_id))
    release = wanted.kernel.uname
    lines = [
        *(f"word {word}" for word in wanted.words),
        *(f"drop {pattern}" for pattern in wanted.left_out),
        *_packages([*wanted.kernel.packages], companions, release),
    ]
    yield Script(
        _MAKE,
        "b70-set",
        wanted.set_id,
        release,
        " ".join(wanted.initramfs.modules),
        " ".join(wanted.initramfs.firmware),
        "\n".join(lines),
        "",
        " ".join(tool.build),
        " ".join(tool.unpack),
        shown=("b70-set", wanted.set_id),
    )


def _refuse_obstacles(wanted: BootSet, tool: InitramfsTool, own_options: Sequence[str]) -> None:
    running, loader, storage = read(Kernel), read(Boot), read(Block)
    found = stage_obstacles(
        wanted,
        require(running, "what modprobe.d says"),
        require(loader, "what GRUB is set to"),
        require(storage, "where /boot lies"),
        own=own_options,
        raid_words=tool.raid_words,
    )
    if found:
        raise OperationError("; ".join(found))


@operation()
def kept_set(wanted: BootSet, companions: Sequence[str]) -> Commands:
    """Keep the system that is gone back to as a boot set of its own, as it is found.

    Its kernel and its initial RAM disk are copied, since they have booted. Nothing is due when
    another complete set can be gone back to.

    + wanted: the declared set
    + companions: names of packages that belong to a release, with `{release}` in them
    """
    sets = require(read(BootSets), "which boot sets there are")
    state = package_state()
    boot = require(read(Boot), "which kernels are on disk")
    if there := way_back(sets, state, wanted.set_id):
        host.noop(f"{there} can be gone back to")
        return
    way = fallback(wanted.kernel)
    kernel = boot.kernels.get(way.keep)
    if kernel is None or not isinstance(kernel.initrd, BootFile):
        host.noop(way.why if kernel is None else f"{way.keep} has no initial RAM disk to keep")
        return
    name = _kept_id(way.keep)
    found = sets.sets.get(name)
    differs("boot set", _RIGHT, None if found is None else "; ".join(_faults(found, sets, state)))
    writes(manifest_path(name))
    lines = ["kept yes", *_packages(way.packages, companions, way.keep)]
    yield Script(
        _MAKE,
        "b70-set",
        name,
        way.keep,
        "",
        "",
        "\n".join(lines),
        kernel.initrd.path,
        "",
        "",
        shown=("cp", kernel.image.path, kernel.initrd.path, f"{BOOT_SETS}/{name}/"),
    )


def fallback_set(wanted: BootSet) -> str:
    """Return the set that the current host goes back to from another, "" when there is none.

    One that `kept_set` makes in the same run counts.

    Args:
        wanted: the set to go back from.
    """
    sets = require(read(BootSets), "which boot sets there are")
    boot = require(read(Boot), "which kernels are on disk")
    if there := way_back(sets, package_state(), wanted.set_id):
        return there
    release = fallback(wanted.kernel).keep
    kernel = boot.kernels.get(release)
    return "" if kernel is None or not isinstance(kernel.initrd, BootFile) else _kept_id(release)


def _kept_id(release: str) -> str:
    """Return the name of the set that keeps a release as it was found."""
    return f"b70-{release}-found"


def _packages(names: Sequence[str], companions: Sequence[str], release: str) -> list[str]:
    """Return the manifest's lines of packages; their versions are looked up when it is written."""
    all_names = [*names, *(name.format(release=release) for name in companions)]
    return [f"package {name}" for name in dict.fromkeys(all_names)]


def _faults(found: SetOnHost | None, sets: HostSets, state: PackageState) -> list[str]:
    return ["it is not there"] if found is None else faults(found, state, timed=sets.timed)
