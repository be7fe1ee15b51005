"""Which packages make up a stack's userspace, once the Level Zero loader has its owner. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from declaration.onhost import deb
from declaration.stack import Stack
from gates.world_userspace import LIBZE1

#: What the gate of the loader chooses: the archive's own libze1, or an empty package of that name.
REAL: Final = "real"
SHIM: Final = "shim"


@dataclass(frozen=True, slots=True)
class GpuSet:
    """The packages of one transaction.

    Args:
        versions: package -> exact version.
        removes: packages that leave, since they ship the loader of the other origin.
        debs: package -> path of our own .deb on the host: the loader shim, where there is one.
        owner: package that must own the loader, empty when the stack says nothing.
    """

    versions: Mapping[str, str]
    removes: tuple[str, ...] = ()
    debs: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""

    @property
    def excluded(self) -> tuple[str, ...]:
        """Return regular expressions of packages that must not come in by a dependency."""
        return tuple(f"^{name}$" for name in self.removes)


def gpu_set(stack: Stack, choice: str) -> GpuSet:
    """Return a stack's userspace set.

    Args:
        stack: the declared stack.
        choice: of the loader gate; not looked at when the stack declares no loader.
    """
    loader = stack.loader
    if loader is None:
        return GpuSet(stack.userspace.packages)
    versions = {**stack.userspace.packages, loader.owner: loader.version}
    if choice != SHIM:
        return GpuSet(versions, _others(loader.conflicts, versions), owner=loader.owner)
    versions[LIBZE1] = loader.shim_version
    shim = {LIBZE1: deb(LIBZE1, loader.shim_version)}
    return GpuSet(versions, _others(loader.conflicts, versions), shim, loader.owner)


def _others(conflicts: tuple[str, ...], versions: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in conflicts if name not in versions)


def oneapi_versions(stack: Stack) -> dict[str, str]:
    """Return the oneAPI packages, the compilers that stand side by side included."""
    compilers = {compiler.package: compiler.package_version for compiler in stack.compilers}
    return {**stack.oneapi.packages, **compilers}


def checks(stack: Stack) -> dict[str, str]:
    """Return command line -> text that its output must contain."""
    clinfo = {"clinfo --json": stack.verify.driver_version} if stack.verify.driver_version else {}
    return {**clinfo, **stack.verify.commands}
