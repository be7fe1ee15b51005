"""Boot sets that nothing needs any more, removed in an order that any cut leaves bootable.

First the manifest goes, so that the set gets no menu entry; then its entry, then the holds of
packages that it alone needed, its files at last: until then its folder says what is left to do.
What boots by default is never touched. Each step asks again who needs the set, under the lock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.boot import BootKernel, BootSet
from declaration.onhost import BOOT_SETS
from facts.boot.kernel import Kernel
from facts.boot.loader import Boot, BootState, InstalledKernel
from facts.boot.pruned import PRUNED, PrunedPackages
from facts.boot.sets import BootSets, HostSets, Manifest, SetOnHost
from facts.packages.apt_marks import AutomaticPackages
from facts.packages.dpkg import PackageState
from facts.reader import read
from facts.shelltext import shell_text
from facts.value import Unknown
from gates.boot_roles import roles, why_it_stays
from operations.apt.apt_command import waiting
from operations.apt.package_state import package_state
from operations.boot.grub_menu import MENU, written_menu
from operations.boot.kept_packages import fallbacks_for
from operations.operation import Commands, differs, operation, writes
from operations.require import require
from operations.script import Script

_HIDE: Final = shell_text(__file__, "_hide")
_REMOVE: Final = shell_text(__file__, "_remove")


@dataclass(frozen=True, slots=True)
class Needs:
    """Who else needs packages.

    Args:
        kernel: the declared one; None = none is declared.
        companions: names of packages that belong to a release, with `{release}` in them.
        named: packages that the declaration names elsewhere.
    """

    kernel: BootKernel | None = None
    companions: Sequence[str] = ()
    named: Collection[str] = ()


@operation()
def hidden_set(set_id: str, wanted: BootSet | None) -> Commands:
    """Take the manifest of a boot set away: from here on it gets no menu entry.

    + set_id: name of the set
    + wanted: the declared set
    """
    sets = _unneeded(set_id, wanted)
    found = sets.sets.get(set_id)
    if found is None or not isinstance(found.manifest, Manifest | Unknown):
        host.noop(f"{set_id} has no manifest")
        return
    differs("manifest", None, "there")
    source, target = f"{BOOT_SETS}/{set_id}/manifest", f"{BOOT_SETS}/{set_id}/{PRUNED}"
    yield Script(_HIDE, "b70-hide", set_id, PRUNED, shown=("mv", source, target))


@operation()
def menu_without(set_ids: Sequence[str], update: Sequence[str]) -> Commands:
    """Write GRUB's menu anew while it has entries of sets that go.

    + set_ids: names of the sets
    + update: command line that writes the menu to the file that is named behind it
    """
    boot = require(read(Boot), "GRUB's menu")
    listed = entries_of(set_ids, boot)
    if not listed:
        host.noop("the menu has none of them")
        return
    for name in listed:
        differs(f"entry of {name}", None, "in the menu")
    writes(MENU)
    yield written_menu(update, set_ids)


@operation()
def ended_holds(set_ids: Sequence[str], needs: Needs, lock_timeout_s: int = 300) -> Commands:
    """End the holds of packages that only sets which go have needed, and let apt remove them.

    + set_ids: names of the sets
    + needs: who else needs packages
    + lock_timeout_s: seconds to wait for another dpkg or apt
    """
    state = package_state()
    marks, listed, loader, running = (
        read(AutomaticPackages),
        read(BootSets),
        read(Boot),
        read(Kernel),
    )
    automatic = require(marks, "what apt may remove by itself")
    sets = require(listed, "which boot sets there are")
    boot = require(loader, "which kernels are on disk")
    release = require(running, "which kernel runs").release
    own = {package for name in set_ids for package in _packages_of(name, sets)}
    others = [found for name, found in sets.sets.items() if name not in set_ids]
    free = free_packages(own, others, state, boot.kernels, release, needs)
    held = [name for name in free.packages if name in state.holds]
    if held:
        for name in held:
            differs(f"hold of {name}", None, "on hold")
        yield waiting(("apt-mark", "unhold", *held), lock_timeout_s)
    if manual := [name for name in free.packages if name not in automatic]:
        for name in manual:
            differs(f"mark of {name}", "automatic", "manual")
        yield waiting(("apt-mark", "auto", *manual), lock_timeout_s)
    if not held and not manual:
        host.noop(free.stay or "no hold is due to end")


@operation()
def absent_set(set_id: str, wanted: BootSet | None) -> Commands:
    """Remove what lies in the folders of a boot set.

    + set_id: name of the set
    + wanted: the declared set
    """
    found = _unneeded(set_id, wanted).sets.get(set_id)
    if found is None:
        host.noop(f"{set_id} is not there")
        return
    differs(f"{BOOT_SETS}/{set_id}", None, "there")
    folder = f"{BOOT_SETS}/{set_id}"
    yield Script(_REMOVE, "b70-remove", set_id, shown=("rm", "-rf", "--one-file-system", folder))


@dataclass(frozen=True, slots=True)
class Free:
    """Packages that nothing needs any more.

    Args:
        packages: those that are installed, sorted.
        stay: why there may be more; "" when there are not.
    """

    packages: tuple[str, ...]
    stay: str = ""


def free_packages(
    own: Collection[str],
    others: Iterable[SetOnHost],
    state: PackageState,
    kernels: Mapping[str, InstalledKernel],
    running: str,
    needs: Needs,
) -> Free:
    """Return the packages of sets that go which nothing else needs. Pure.

    Args:
        own: packages of the sets that go.
        others: the sets that stay; while it is not known what one of them needs, every package
            stays as it is.
        kernels: what is on disk.
        running: release that runs now.
        needs: who else needs packages.

    Raises:
        OperationError: a declared fallback is not installed.
    """
    needed = {*needs.named, *_of_release(running, kernels, needs.companions)}
    for found in others:
        if not isinstance(found.manifest, Manifest):
            return Free((), f"all packages stay as they are: what {found.name} needs is not known")
        needed |= found.manifest.packages.keys()
    left = {name for name in own if name in state.installed} - needed
    if needs.kernel is not None:
        needed |= needs.kernel.packages.keys() | set(needs.kernel.fallbacks)
        needed |= set(_of_release(needs.kernel.uname, kernels, needs.companions))
        way = fallbacks_for(needs.kernel, running, kernels, _without_holds(state, left - needed))
        needed |= set(way.packages)
        for release in way.releases:
            needed |= set(_of_release(release, kernels, needs.companions))
    return Free(tuple(sorted(left - needed)))


def entries_of(names: Sequence[str], boot: BootState) -> list[str]:
    """Return which of these sets the menu has an entry of. Pure."""
    entries = boot.entries if isinstance(boot.entries, tuple) else ()
    listed = {entry.path.rpartition(">")[2] for entry in entries}
    return [name for name in names if name in listed]


def _of_release(
    release: str, kernels: Mapping[str, InstalledKernel], companions: Sequence[str]
) -> Iterator[str]:
    kernel = kernels.get(release)
    if kernel is not None and isinstance(kernel.package, str):
        yield kernel.package
    for name in companions:
        yield name.format(release=release)


def _without_holds(state: PackageState, ended: Collection[str]) -> PackageState:
    return replace(state, holds=tuple(name for name in state.holds if name not in ended))


def _packages_of(name: str, sets: HostSets) -> Iterable[str]:
    """Return the packages of a set on the current host, from what is left of its manifest too."""
    found = sets.sets.get(name)
    if found is None:
        return ()
    if isinstance(found.manifest, Manifest):
        return tuple(found.manifest.packages)
    left: tuple[str, ...] | Unknown = host.get_fact(PrunedPackages, set_id=name)
    return require(left, f"what {name} needed")


def _unneeded(name: str, wanted: BootSet | None) -> HostSets:
    """Return the sets of the current host.

    Raises:
        OperationError: something needs the one of this name, or that is UNKNOWN.
    """
    sets = require(read(BootSets), "which boot sets there are")
    if name in sets.sets:
        found = roles(sets, read(Boot), read(Kernel), wanted)
        if why := why_it_stays(name, found, sets, package_state()):
            raise OperationError(f"{name} stays: {why}")
    return sets
