"""The packages of every boot set and of the kernel to go back to: on hold and marked as chosen.

/lib/modules/RELEASE cannot stand twice, so nothing may upgrade or remove them while a set needs
them; an unattended run removed the fallback of one rig (docs/evidence.md#unattended-upgrades).
Which kernel is gone back to follows from the declaration, else from what runs before the first boot
set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.boot import BootKernel
from facts.boot.kernel import Kernel
from facts.boot.loader import Boot, InstalledKernel
from facts.boot.sets import BootSets, Manifest
from facts.packages.apt_marks import AutomaticPackages
from facts.packages.dpkg import PackageState
from facts.reader import read
from gates.boot_room import natural
from operations.apt.apt_command import waiting
from operations.apt.package_state import package_state
from operations.operation import Commands, differs, operation
from operations.require import require


@dataclass(frozen=True, slots=True)
class Fallback:
    """What stays installed, and why it is that one.

    Args:
        packages: image packages, none when no kernel can be gone back to.
        why: for a person.
        releases: releases that these packages carry.
        keep: the release to keep as it is found; "" = there is none.
    """

    packages: tuple[str, ...]
    why: str
    releases: tuple[str, ...] = ()
    keep: str = ""


def fallbacks_for(
    wanted: BootKernel, running: str, kernels: Mapping[str, InstalledKernel], state: PackageState
) -> Fallback:
    """Return the fallback of a boot set. Pure.

    Args:
        running: release that runs now.
        kernels: what is on disk.

    Raises:
        OperationError: a declared fallback is not installed, or the set would replace the files of
            the only kernel there is, or the owner of the fallback is UNKNOWN.
    """
    owners = {
        release: kernel.package
        for release, kernel in kernels.items()
        if isinstance(kernel.package, str)
    }
    if wanted.fallbacks:
        for name in wanted.fallbacks:
            if name not in state.installed:
                raise OperationError(f"the declared fallback {name} is not installed")
        releases = tuple(r for r, package in owners.items() if package in wanted.fallbacks)
        return Fallback(wanted.fallbacks, "declared", releases, releases[0] if releases else "")
    others = [r for r in sorted(kernels, key=natural) if r != wanted.uname]
    if running != wanted.uname and running in kernels:
        return _of(running, kernels, "it runs now")
    held = [r for r in others if owners.get(r) in state.holds]
    if held:
        return _of(held[-1], kernels, "it is on hold already")
    if others:
        return _of(others[-1], kernels, "it is the newest other kernel")
    installed = state.installed.get(wanted.package)
    if running == wanted.uname and (installed is None or installed.version != wanted.version):
        raise OperationError(
            f"{wanted.package} {wanted.version} would replace the files of {running}, which runs "
            "now and is the only kernel: install a second one first (kernel.fallbacks)"
        )
    keep = running if running in kernels else ""
    return Fallback((), "no other kernel is installed: this one is kept as it is found", keep=keep)


def _of(release: str, kernels: Mapping[str, InstalledKernel], why: str) -> Fallback:
    owner = require(kernels[release].package, f"the package of {release}, to be held as fallback,")
    if not isinstance(owner, str):
        why = f"{release} belongs to no package, so none removes it ({why})"
        return Fallback((), why, (), release)
    return Fallback((owner,), why, (release,), release)


def fallback(wanted: BootKernel) -> Fallback:
    """Return the fallback of a boot set on the current pyinfra host.

    Raises:
        OperationError: a reading is UNKNOWN, or see `fallbacks_for`.
    """
    state = package_state()
    found, listed = read(Kernel), read(Boot)
    running = require(found, "which kernel runs")
    boot = require(listed, "which kernels are on disk")
    return fallbacks_for(wanted, running.release, boot.kernels, state)


@operation()
def kept_packages(
    kernel: BootKernel, companions: Sequence[str] = (), lock_timeout_s: int = 300
) -> Commands:
    """Hold the packages of every boot set and of the fallback, and mark them as chosen.

    + kernel: the wanted one
    + companions: names of packages that belong to a release, with `{release}` in them
    + lock_timeout_s: seconds to wait for another dpkg or apt
    """
    state = package_state()
    marks, listed = read(AutomaticPackages), read(BootSets)
    found = fallback(kernel)
    automatic = require(marks, "what apt may remove by itself")
    sets = require(listed, "which boot sets there are")
    releases = dict.fromkeys((*found.releases, found.keep, kernel.uname))
    parts = (name.format(release=each) for each in releases if each for name in companions)
    named = [*found.packages, *parts, *kernel.packages]
    for each in sets.sets.values():
        named += each.manifest.packages if isinstance(each.manifest, Manifest) else ()
    # what is still to be installed is held by the transaction that brings it
    names = [name for name in dict.fromkeys(named) if name in state.installed]
    if marked := [name for name in names if name in automatic]:
        for name in marked:
            differs(f"mark of {name}", "manual", "automatic")
        yield waiting(("apt-mark", "manual", *marked), lock_timeout_s)
    if unheld := [name for name in names if name not in state.holds]:
        for name in unheld:
            differs(f"hold of {name}", "on hold", "not on hold")
        yield waiting(("apt-mark", "hold", *unheld), lock_timeout_s)
    if not marked and not unheld:
        host.noop(f"{', '.join(names)}: {found.why}" if names else found.why)
