"""The GPU userspace and oneAPI layer: a stack's sets, one transaction each, then the proof."""

from __future__ import annotations

from typing import Final

from declaration.host import HostSpec
from declaration.onhost import DEBS, VERIFIED
from declaration.stack import Stack
from deploys.apt import repositories
from deploys.boot.wait import waits_for_boot
from deploys.distribution import distribution
from deploys.layer import declaration, deploy
from gates.gpu_set import REAL, GpuSet, checks, gpu_set, oneapi_versions
from operations.apt import loader_shim
from operations.apt.hold import hold
from operations.apt.loader_gate import decided, loader_gate
from operations.apt.package_file import package_file
from operations.apt.package_set import package_set
from operations.apt.packages import packages
from operations.apt.verified import mark_path, verified
from operations.files.file import directory, file
from operations.files.setvars import setvars_unsourced

#: Seconds that a download and unpacking of the oneAPI set may take (some 3 GB over 20 Mbit/s).
_TRANSACTION_S: Final = 3600
#: Name of the proof that covers both sets.
_PROOF: Final = "gpu-userspace"
_COMPILERS: Final = "/opt/intel/oneapi/compiler"


@deploy("gpu userspace")
def gpu_userspace() -> None:
    """Declare the GPU userspace and oneAPI of the current host; nothing without a stack."""
    spec = declaration()
    stack = spec.stack
    if stack is None:
        return
    archives = repositories(spec)
    choice = decided(stack.loader, archives) if stack.loader else REAL
    gpu = gpu_set(stack, choice)
    if stack.loader:
        loader_gate(
            loader=stack.loader, repositories=archives, planned=choice, name="Gate[loader-shim]"
        )
    _userspace(spec, stack, gpu)
    _oneapi(spec, stack, gpu)
    if spec.hardware.cards and checks(stack):
        _proof(spec, stack, gpu)


def _userspace(spec: HostSpec, stack: Stack, gpu: GpuSet) -> None:
    wait = spec.apt.lock_timeout_s
    boot = distribution().boot_packages
    if stack.loader and gpu.debs:
        directory(path=DEBS, name=f"Directory[{DEBS}]")
        shim = loader_shim.package(stack.loader.shim_version, stack.loader.version)
        for path in gpu.debs.values():
            file(path=path, content=shim, name=f"File[{path}]")
    package_set(
        versions=gpu.versions,
        removes=gpu.removes,
        debs=gpu.debs,
        hold=stack.userspace.hold,
        loader_owner=gpu.owner,
        protected=(*boot, *gpu.excluded),
        proof=mark_path(_PROOF),
        lock_timeout_s=wait,
        name="Packages[gpu-userspace]",
        _timeout=_TRANSACTION_S,
    )
    if stack.userspace.hold:
        hold(packages=sorted(gpu.versions), lock_timeout_s=wait, name="Hold[gpu-userspace]")


def _oneapi(spec: HostSpec, stack: Stack, gpu: GpuSet) -> None:
    wait = spec.apt.lock_timeout_s
    versions = oneapi_versions(stack)
    if versions:
        package_set(
            versions=versions,
            hold=stack.oneapi.hold,
            protected=(*distribution().boot_packages, *gpu.excluded),
            proof=mark_path(_PROOF),
            lock_timeout_s=wait,
            name="Packages[oneapi]",
            _timeout=_TRANSACTION_S,
        )
        if stack.oneapi.hold:
            hold(packages=sorted(versions), lock_timeout_s=wait, name="Hold[oneapi]")
    for compiler in stack.compilers:
        path = f"{_COMPILERS}/{compiler.version}/env/vars.sh"
        package_file(
            path=path,
            package=compiler.package,
            version=compiler.package_version,
            lock_timeout_s=wait,
            name=f"File[{path}]",
            _timeout=_TRANSACTION_S,
        )
    setvars_unsourced(name="ShellStart[setvars.sh]")


def _proof(spec: HostSpec, stack: Stack, gpu: GpuSet) -> None:
    packages(
        names=stack.verify.tools,
        lock_timeout_s=spec.apt.lock_timeout_s,
        name="Packages[gpu-tools]",
    )
    directory(path=VERIFIED, name=f"Directory[{VERIFIED}]")
    verified(
        set_name=_PROOF,
        packages=sorted({*gpu.versions, *oneapi_versions(stack)}),
        checks=checks(stack),
        timeout_s=stack.verify.timeout_s,
        waits_for=waits_for_boot(spec),
        # only a lab host has one; its stand-in tools lie there
        tools=f"{spec.probe_root}/usr/bin" if spec.probe_root else "",
        name="Verified[gpu-userspace]",
    )
