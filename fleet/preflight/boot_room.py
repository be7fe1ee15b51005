"""How a lack of room on /boot is told: what needs it, and which kernel could go. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from facts.boot.kernel import Kernel
from facts.boot.loader import Boot
from facts.boot.sets import BootSets
from facts.packages.dpkg import Packages
from facts.value import known
from fleet.preflight.model import Context
from gates.boot_room import FILES, enough, needed, spare_kernels, writes
from gates.boot_sets import incomplete

_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Demand:
    """Bytes that must be free on /boot, and what for; an update of files is not worth telling."""

    size: int
    why: str = ""


def boot_demand(context: Context) -> Demand:
    """Return what a converge of a host will need on /boot.

    What is on /boot is UNKNOWN: no boot set is changed then, so nothing is needed for one.
    """
    stack, boot = context.spec.stack, known(context.given[Boot])
    if stack is None or stack.boot is None or boot is None:
        return Demand(FILES)
    packages = known(context.given[Packages])
    sets = known(context.given[BootSets]) if BootSets in context.given else None
    complete = frozenset[str]()
    if sets is not None:
        complete = frozenset(sets.sets.keys() - incomplete(sets, packages).keys())
    due = writes(stack.boot.kernel, stack.boot.set_id, boot, packages, complete)
    size = needed(boot.kernels, due.images, due.initrds)
    return Demand(size, " and ".join(due.parts))


def boot_remedy(context: Context, missing: int) -> str:
    """Return the command that makes room on /boot, or why there is none."""
    by_hand = "on the host: ls -lhS /boot shows what takes the room"
    boot, packages = known(context.given[Boot]), known(context.given[Packages])
    running = known(context.given[Kernel])
    if boot is None or packages is None or running is None:
        return f"{by_hand}; which kernels could go is UNKNOWN"
    spare = enough(spare_kernels(boot, packages, running.release, _declared(context)), missing)
    if not spare:
        return (
            f"{by_hand}; none of the kernels there can go: each runs, is the default, is on hold, "
            "is the newest or belongs to no package. Make the file system larger"
        )
    names = [name for each in spare for name in each.packages]
    command = f"apt-get purge {shlex.join(names)}"
    freed = sum(each.size for each in spare)
    if freed >= missing:
        return command
    return (
        f"{command}   # gives back {freed // _MIB} of {-(-missing // _MIB)} MiB; for the rest make "
        "the file system larger"
    )


def _declared(context: Context) -> frozenset[str]:
    boot = context.spec.stack.boot if context.spec.stack else None
    if boot is None:
        return frozenset()
    return frozenset({*boot.kernel.packages, *boot.kernel.fallbacks})
