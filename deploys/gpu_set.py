"""Which packages make up a stack's userspace, once the Level Zero loader has its owner. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from declaration.stack import Stack
from operations import loader_shim
from operations.loader_gate import SHIM


@dataclass(frozen=True, slots=True)
class GpuSet:
    """The packages of one transaction.

    Args:
        versions: package -> exact version.
        removes: packages that leave, since they ship the loader of the other origin.
        debs: package -> path of our own .deb on the host.
        owner: package that must own the loader, empty when the stack says nothing.
        shim: content of the loader shim, None when there is none.
    """

    versions: Mapping[str, str]
    removes: tuple[str, ...] = ()
    debs: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    shim: bytes | None = None

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
    versions[loader_shim.NAME] = loader.shim_version
    return GpuSet(
        versions,
        _others(loader.conflicts, versions),
        {loader_shim.NAME: loader_shim.path(loader.shim_version)},
        loader.owner,
        loader_shim.package(loader.shim_version, loader.version),
    )


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
