"""All layers of a host, in order.

`b70` runs LAYERS one by one; stock pyinfra runs this file:
`pyinfra inventory/rigs.py deploys/site.py --limit lab1 --dry`.
"""

from __future__ import annotations

from typing import Final

from deploys.apt import apt
from deploys.base import base
from deploys.boot.commit import boot_commit
from deploys.boot.programs import boot_programs
from deploys.boot.stage import boot_set
from deploys.gpu_userspace import gpu_userspace
from deploys.host_settings import host_settings
from deploys.layer import Layer
from deploys.storage import storage
from deploys.swap import swap
from gates.boot_state import pending_reboot, unproven_boot

#: Disks come before what fills them; what only works on the booted set comes after the boot set.
LAYERS: Final = (
    Layer("apt", apt),
    Layer("base", base),
    Layer("storage", storage),
    Layer("swap", swap),
    Layer("boot-programs", boot_programs),
    Layer("boot-set", boot_set, boot=True, pending=pending_reboot, unproven=unproven_boot),
    Layer("boot-default", boot_commit, boot=True),
    Layer("host-settings", host_settings),
    Layer("gpu-userspace", gpu_userspace),
)


def site() -> None:
    """Bring a whole host to its declaration."""
    for layer in LAYERS:
        layer.deploy()


if __name__ != "deploys.site":  # run as a script by stock pyinfra, not imported
    site()
