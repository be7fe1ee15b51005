"""Kernel settings: one drop-in for the next boot, and the live value of each key."""

from __future__ import annotations

from declaration.system import Base
from deploys.base_paths import BANNER, SYSCTL
from deploys.templates import render
from facts.reader import read
from facts.system.crash_capture import CrashCapture
from gates import lockup as base_lockup
from operations.files.file import file
from operations.settings.sysctl import sysctl


def kernel_settings(base: Base) -> None:
    """Declare the sysctl drop-in and every live value."""
    declared = base.sysctl
    capture = read(CrashCapture)
    policy = base_lockup.policy_for(capture, declared.get("kernel.panic"))
    values = {base_lockup.KEY: policy.value, **declared}
    file(
        path=SYSCTL,
        content=render("base/sysctl.conf.j2", banner=BANNER, values=dict(sorted(values.items()))),
        name=f"File[{SYSCTL}]",
    )
    for key, value in sorted(values.items()):
        chosen = key == base_lockup.KEY and key not in declared
        sysctl(
            key=key,
            value=str(value),
            drop_in=SYSCTL,
            why=policy.reason if chosen else "declared",
            # not every kernel can detect lockups; a declared key must exist, it may be a typo
            optional=chosen,
            name=f"Sysctl[{key}]",
        )
