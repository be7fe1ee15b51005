"""What waits for the declared boot set, because it reads or uses the running kernel.

A new host installs everything in one run and boots once, so what only the new kernel can show (the
cards' runtime, their sensors) is no resource to fail on before that boot.
"""

from __future__ import annotations

from typing import Any, Final

from declaration.host import HostSpec
from facts.base import HostFact
from facts.boot.kernel import Kernel
from facts.boot.loader import Boot
from facts.disks.block import Block
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_log import GpuLog
from facts.reader import read
from facts.readings import Readings
from gates.boot_state import pending_reboot, unproven_boot
from gates.one_shot import OneShot, one_shot

#: The facts that both judgements look at.
_FACTS: Final[tuple[type[HostFact[Any]], ...]] = (Kernel, GpuLog, GpuLinks)


def waits_for_boot(spec: HostSpec) -> tuple[str, ...]:
    """Return why the current host does not run its declared boot set yet; empty when it does."""
    if spec.stack is None or spec.stack.boot is None:
        return ()
    return tuple(pending_reboot(spec, _readings()))


def unproven_here(spec: HostSpec) -> tuple[str, ...]:
    """Return what of the declared boot set cannot be compared with what runs here."""
    return tuple(unproven_boot(spec, _readings()))


def one_shot_here() -> OneShot:
    """Return whether the current host's GRUB can boot an entry once."""
    return one_shot(read(Boot), read(Block))


def _readings() -> Readings:
    return Readings({fact: read(fact) for fact in _FACTS})
