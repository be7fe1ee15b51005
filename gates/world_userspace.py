"""The userspace part of the world: the Level Zero loader, the device name, the toolchain. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cmp_to_key
from typing import Final

from declaration.host import HostSpec
from facts.boot.kernel import Kernel
from facts.packages.apt_policy import AptPolicy, Policy
from facts.packages.debian_version import version_compare
from facts.packages.dpkg import Packages, PackageState
from facts.pci.clinfo import Clinfo, ClPlatform
from facts.pci.gpu_link import GpuLinks
from facts.readings import Readings, then
from facts.value import ABSENT, Absent, Reading, Unknown, known
from gates.vocabulary import TermValue

#: The package that `AptPolicy` must be asked about.
LIBZE1: Final = "libze1"
#: Package whose version names the graphics compiler that compiled caches depend on.
_GRAPHICS_COMPILER: Final = "intel-igc-core-2"
#: Names that the compute runtime gave a B70 so far; without a product name it prints the PCI id.
_B70_NAME: Final = re.compile(r"\bB70\b|\[0xe223\]")


def userspace(spec: HostSpec, given: Readings) -> dict[str, Reading[TermValue]]:
    """Return the names of the GPU userspace."""
    packages = given[Packages]
    name = _device_name(spec, packages, given)
    return {
        "gpu.device_name": name,
        "gpu.device_file_name": then(name, lambda known: known.replace(" ", "_")),
        "toolchain.id": then(packages, lambda state: _toolchain(state, given)),
        "loader.owners": then(packages, lambda state: state.loader.owners),
        "loader.owner_count": then(packages, _owner_count),
        "loader.version": then(packages, _loader_version),
        "loader.libze1_candidate": _libze1_candidate(given),
    }


def _device_name(
    spec: HostSpec, packages: PackageState | Absent | Unknown, given: Readings
) -> Reading[str]:
    """Ask OpenCL; else take the stack's word, when exactly its userspace is installed."""
    platforms = given[Clinfo]
    if not isinstance(platforms, Unknown | Absent):
        return _opencl_name(platforms, given)
    if spec.stack is None or not spec.stack.device_name:
        return Unknown("clinfo was not read, and no stack names the device")
    name, wanted = spec.stack.device_name, spec.stack.userspace.packages
    return then(
        packages,
        lambda state: (
            name
            if wanted and all(_is_installed(state, *package) for package in wanted.items())
            else Unknown("clinfo was not read, and the installed userspace is not the stack's")
        ),
    )


def _is_installed(packages: PackageState, name: str, version: str) -> bool:
    """Return True if a package has the declared version (any, where the snapshot decides)."""
    found = packages.version(name)
    return found is not None and version in ("", found)


def _opencl_name(platforms: tuple[ClPlatform, ...], given: Readings) -> Reading[str]:
    """Return what Intel's compute runtime calls the B70, whatever other GPUs it lists.

    Which device is a B70 is told by its PCI address, where there is none by its name.
    """
    gpus = [
        device
        for platform in platforms
        if platform.is_compute_runtime
        for device in platform.devices
        if device.is_gpu and device.unified is not True
    ]
    cards = known(given[GpuLinks]) or ()
    b70s = {card.bdf for card in cards if card.is_b70}
    placed = [device for device in gpus if device.bdf in b70s]
    named = [device for device in gpus if _B70_NAME.search(device.name)]
    unplaced = [device for device in gpus if device.bdf is ABSENT or not cards]
    names = {device.name for device in placed or named or unplaced}
    if len(names) == 1:
        return names.pop()
    seen = ", ".join(sorted({device.name for device in gpus})) or "none"
    return Unknown(f"which of its GPUs is the B70, clinfo does not tell: {seen}")


def _toolchain(packages: PackageState, given: Readings) -> Reading[str]:
    compiler = packages.version(_GRAPHICS_COMPILER)
    if compiler is None:
        return ABSENT
    kernel = given[Kernel]
    return then(kernel, lambda running: f"{running.release}_igc{compiler}")


def _owner_count(packages: PackageState) -> Reading[int]:
    return len(packages.loader.owners) if packages.loader.owners else ABSENT


def _loader_version(packages: PackageState) -> Reading[str]:
    owners = packages.loader.owners
    if not owners:
        return ABSENT
    if len(owners) > 1:
        return Unknown(f"libze_loader.so.1 has {len(owners)} owners: {', '.join(owners)}")
    version = packages.version(owners[0])
    return Unknown(f"{owners[0]} is not completely installed") if version is None else version


def _libze1_candidate(given: Readings) -> Reading[str]:
    policies = given[AptPolicy]
    return policies if isinstance(policies, Unknown) else _newest_offer(policies)


def _newest_offer(policies: Mapping[str, Policy]) -> Reading[str]:
    """Return the newest libze1 of an archive; what is only installed may be our own shim."""
    policy = policies.get(LIBZE1)
    if not isinstance(policy, Policy):
        return Unknown("apt was not asked about libze1")
    offered = [v.version for v in policy.versions if any(o.site for o in v.origins)]
    if not offered:
        return Unknown("no archive that apt knows offers libze1")
    return max(offered, key=cmp_to_key(version_compare))
