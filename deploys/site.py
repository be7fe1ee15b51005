"""All layers of a host, in order.

`b70` runs LAYERS one by one; stock pyinfra runs this file:
`pyinfra inventory/rigs.py deploys/site.py --limit lab1 --dry`.
"""

from __future__ import annotations

from typing import Final

from deploys.apt import apt
from deploys.base import base
from deploys.gpu_userspace import gpu_userspace
from deploys.layer import Layer

LAYERS: Final = (
    Layer("apt", apt),
    Layer("base", base),
    Layer("gpu-userspace", gpu_userspace),
)


def site() -> None:
    """Bring a whole host to its declaration."""
    for layer in LAYERS:
        layer.deploy()


if __name__ != "deploys.site":  # run as a script by stock pyinfra, not imported
    site()
