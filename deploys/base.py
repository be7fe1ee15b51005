"""The base layer: everything below the GPU, as a list; each entry has a module beside this one."""

from __future__ import annotations

from declaration.host import HostSpec
from deploys.base_account import account, limits
from deploys.base_clock import clock, keeper
from deploys.base_fence import fence
from deploys.base_journal import journal
from deploys.base_sysctl import kernel_settings
from deploys.distribution import Distribution, distribution
from deploys.layer import declaration, deploy
from operations.apt.hold import hold
from operations.apt.packages import packages


@deploy("base")
def base() -> None:
    """Declare the base layer of the current host."""
    spec = declaration()
    table = distribution()
    daemon = keeper(spec.base.time_sync, table)

    # first, so that no unattended run starts between here and the end of the site
    fence(spec.base.fence, table)
    packages(
        names=sorted({*spec.base.packages, *table.packages, *daemon.packages}),
        lock_timeout_s=spec.apt.lock_timeout_s,
        name="Packages[base]",
    )
    if spec.base.fence.enabled and spec.base.fence.hold:
        hold(
            packages=spec.base.fence.hold,
            kernels=table.boot_packages,
            installs=_kernel_of(spec, table),
            lock_timeout_s=spec.apt.lock_timeout_s,
            name="Hold[base]",
        )
    account(spec)
    limits(spec.base)
    journal(spec.base.journal, table)
    clock(spec.base.time_sync, daemon)
    kernel_settings(spec.base)


def _kernel_of(spec: HostSpec, table: Distribution) -> list[str]:
    """Return the packages of the declared boot set: a later layer installs them."""
    boot = spec.stack.boot if spec.stack else None
    if boot is None:
        return []
    parts = (name.format(release=boot.kernel.uname) for name in table.boot.companions)
    return sorted({*boot.kernel.packages, *boot.kernel.fallbacks, *parts})
