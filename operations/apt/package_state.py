"""What dpkg says about wanted packages: the questions that several operations ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from facts.packages.dpkg import Packages, PackageState
from facts.reader import read
from operations.operation import differs
from operations.require import require

#: States that `dpkg --configure -a` ends; the version is already the one that will be there.
CONFIGURABLE: Final = frozenset(
    {"unpacked", "half-configured", "triggers-awaited", "triggers-pending"}
)


def package_state() -> PackageState:
    """Return what dpkg knows on the current host.

    Raises:
        OperationError: the reading is UNKNOWN; nothing is installed or removed on a guess.
    """
    return require(read(Packages), "which packages are installed")


def unconfigured(state: PackageState) -> tuple[str, ...]:
    """Return the packages that wait for `dpkg --configure -a`."""
    return tuple(
        name
        for name, package in state.installed.items()
        if package.status in CONFIGURABLE and not package.reinstall
    )


def differing(state: PackageState, versions: Mapping[str, str]) -> dict[str, str | None]:
    """Return the packages that are not there in the wanted version, with what is there, or None.

    A package that only waits to be configured counts as there: that is another resource's work.
    So does a name that an installed package provides, where no version is wanted: that is what a
    dependency on it would ask for, and apt would install nothing for it.

    Args:
        versions: name -> exact version, empty = any.
    """
    found: dict[str, str | None] = {}
    for name, wanted in versions.items():
        own = state.found(name)
        package = state.installed[own] if own else None
        if package is None:
            if wanted or not state.standing_for(name):
                found[name] = None
        elif package.reinstall or package.status not in CONFIGURABLE | {"installed"}:
            found[name] = f"{package.version} {package.status}"
        elif wanted and package.version != wanted:
            found[name] = package.version
    return found


def stand_ins(state: PackageState, names: Iterable[str]) -> tuple[str, ...]:
    """Return `name (provided by others)` for each name that is there under another name alone."""
    return tuple(
        f"{name} (provided by {', '.join(state.standing_for(name))})"
        for name in sorted(names)
        if state.found(name) is None and state.standing_for(name)
    )


def say_differing(found: Mapping[str, str | None], versions: Mapping[str, str]) -> None:
    """Say that packages are not as wanted.

    Args:
        found: from `differing`.
        versions: name -> exact version, empty = any.
    """
    for name, seen in sorted(found.items()):
        differs(f"package {name}", versions[name] or "installed", seen)


def targets(names: Iterable[str], versions: Mapping[str, str]) -> tuple[str, ...]:
    """Return `name=version` (or the bare name) as apt-get takes it, sorted."""
    return tuple(
        f"{name}={versions[name]}" if versions.get(name) else name for name in sorted(names)
    )
