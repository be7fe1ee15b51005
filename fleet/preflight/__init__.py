"""Preflight findings: what stands in the way of changing a host, or will bite later. Pure.

Each check is one function; its docstring is the long text of `b70 explain ID`. An inhibitor forbids
every converge until a person has dealt with it. A reading that is UNKNOWN never inhibits by itself
and never counts as good: it becomes a finding of its own.
"""

from fleet.preflight import (  # noqa: F401 - their checks register
    apt_keys,
    boot,
    boot_sets,
    card_driver,
    card_presence,
    cards,
    counters,
    gpu_sources,
    gpu_userspace,
    grub_defaults,
    health,
    kernel_packages,
    machine,
    odd_lines,
    settings,
    software,
    witnesses,
)
from fleet.preflight.model import Context, explanations, inhibitors, inspect

__all__ = ["Context", "explanations", "inhibitors", "inspect"]
