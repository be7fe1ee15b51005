"""Does the driver work? One card's state from sysfs and the kernel log together. Pure.

sysfs says which driver is bound now, the log what became of it: a driver that is bound can have
failed, and a card without one was kept from it, or its probe failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from facts.boot.kernel import RunningKernel
from facts.pci.gpu import Gpu
from facts.pci.gpu_card import Card
from facts.pci.gpu_fault import Fault
from facts.pci.gpu_log import CardLog
from facts.value import ABSENT, Absent, Reading, Unknown
from gates.card_keepers import Keeper, keepers

#: The driver of a B70.
XE: Final = "xe"
#: Families of fault lines that a driver leaves which could not take a card.
_PROBE: Final = ("probe", "firmware", "power", "device-lost", "wedged", "survivability", "guc")
_NO_BLOB: Final = re.compile(r"firmware load for (\S+) failed with error -2\b")
_COLD: Final = "save `journalctl -k -b`, then power off and boot cold"


class DriverState(StrEnum):
    """What a card's driver is up to."""

    DRIVEN = "driven"
    #: bound to a driver that is not xe
    OTHER = "other-driver"
    #: no driver, and something keeps xe away
    KEPT = "kept-away"
    #: no driver, since xe tried and failed
    PROBE_FAILED = "probe-failed"
    #: no driver, for no reason that was found
    NONE = "no-driver"
    #: xe is bound, and failed
    FAILED = "failed"
    WEDGED = "wedged"
    SURVIVABILITY = "survivability"


@dataclass(frozen=True, slots=True)
class Driven:
    """A state, why it is so, and what to do; no step for a card that works."""

    state: DriverState
    reason: str
    step: str | Absent = ABSENT
    #: tokens of the kernel's command line that are to blame
    words: tuple[str, ...] = ()


def driver_of(
    card: Card,
    log: CardLog | Unknown,
    kernel: RunningKernel | Unknown,
    gpu: Gpu | None,
    power_step: str,
) -> Driven | Unknown:
    """Return what a card's driver is up to.

    Args:
        card: as sysfs shows it.
        log: what the kernel log of this boot says about it and the ports above it.
        kernel: the running kernel, for what it was told.
        gpu: its driver_override; None when that was not read.
        power_step: the way back for a card that was switched off.
    """
    if isinstance(card.driver, Unknown):
        return card.driver
    heard = None if isinstance(log, Unknown) else log
    holding = () if isinstance(kernel, Unknown) else keepers(kernel, gpu)
    if card.driver is ABSENT:
        return _without(card, heard, kernel, holding, power_step)
    if card.driver != XE:
        return _other(str(card.driver), holding)
    if not isinstance(card.survivability, Absent):
        reason = f"xe only waits for new firmware (survivability mode: {card.survivability})"
        return Driven(
            DriverState.SURVIVABILITY,
            reason,
            f"{_COLD}; if it stays, flash the card's firmware by the maker's instructions",
        )
    failure = None if heard is None else heard.failure or _of_ports(heard)
    if failure is not None:
        state = DriverState.WEDGED if failure.kind == "wedged" else DriverState.FAILED
        reason = f"xe is bound, but said: {failure.line.strip()}"
        return Driven(state, reason, _step_after(failure, power_step))
    if any(hop.depth == 0 and hop.all_ones for hop in card.hops):
        reason = "xe is bound, and the card answers with ones only: it is off, or gone"
        return Driven(DriverState.FAILED, reason, power_step)
    if card.drm_render is ABSENT:
        reason = "xe is bound and gives no render node (/dev/dri/renderD*)"
        return Driven(DriverState.FAILED, reason, _COLD)
    return Driven(DriverState.DRIVEN, "xe is bound")


def _of_ports(log: CardLog) -> Fault | None:
    """Return the fault of a port above the card that cut it off."""
    faults = log.faults if isinstance(log.faults, tuple) else ()
    cut_off = ("power", "device-lost")
    found = (f for f in faults if f.bdf != log.bdf and f.kind in cut_off and f.last > log.started)
    return next(found, None)


def _step_after(failure: Fault, power_step: str) -> str:
    if failure.kind == "power":
        return power_step
    if blob := _NO_BLOB.search(failure.line):
        return (
            f"{blob[1]} was not where the kernel looked: install it below /lib/firmware (package "
            "linux-firmware, or a blob of the boot set: stack.boot.guc), rebuild the initial RAM "
            "disk, then boot"
        )
    if failure.kind == "firmware":
        return (
            f"{_COLD}; if the card refuses the blob again, declare one that was tested with this "
            "kernel (stack.boot.guc) and boot that set"
        )
    return f"stop what serves, {_COLD}; a reset of the single card has not helped"


def _other(driver: str, holding: tuple[Keeper, ...]) -> Driven:
    bound = f"bound to {driver}, not to xe"
    if holding:
        return _held(DriverState.OTHER, bound, holding)
    return Driven(
        DriverState.OTHER,
        f"{bound}; neither the command line nor modprobe.d asks for it",
        "a program bound it, such as a virtual machine that owns the card (virsh list --all, "
        "qm list): take the card out of that machine, then boot",
    )


def _held(state: DriverState, seen: str, holding: tuple[Keeper, ...]) -> Driven:
    return Driven(
        state,
        f"{seen}: {'; '.join(keeper.what for keeper in holding)}",
        "; ".join(dict.fromkeys(keeper.step for keeper in holding)),
        tuple(keeper.word for keeper in holding if keeper.word),
    )


def _without(
    card: Card,
    log: CardLog | None,
    kernel: RunningKernel | Unknown,
    holding: tuple[Keeper, ...],
    power_step: str,
) -> Driven:
    faults = log.faults if log is not None and isinstance(log.faults, tuple) else ()
    refused = next((fault for fault in faults if fault.kind == "refused"), None)
    tried = [fault for fault in faults if fault.kind in _PROBE]
    if tried and not (refused and holding):
        return _probe_failed(tried, power_step)
    if holding:
        return _held(DriverState.KEPT, "no driver", holding)
    if refused is not None:
        step = "boot a kernel whose xe supports the card (b70 explain b70-alias)"
        return Driven(DriverState.KEPT, f"no driver: {refused.line.strip()}", step)
    return _unexplained(card, log, kernel)


def _probe_failed(tried: list[Fault], power_step: str) -> Driven:
    """Name the probe's own error, and the fault before it that tells more."""
    probe = next((fault for fault in reversed(tried) if fault.kind == "probe"), tried[-1])
    others = [fault for fault in tried if fault is not probe]
    worst = min(others, key=lambda fault: _CAUSES.index(fault.kind), default=None)
    reason = f"no driver: {probe.line.strip()}"
    if worst is not None:
        step = _step_after(worst, power_step)
        return Driven(DriverState.PROBE_FAILED, f"{reason} (before: {worst.line.strip()})", step)
    if probe.kind != "probe":
        return Driven(DriverState.PROBE_FAILED, reason, _step_after(probe, power_step))
    return Driven(
        DriverState.PROBE_FAILED,
        reason,
        f"{_COLD}; if the probe fails again with the same error, the fault is this kernel's: boot "
        "the kernel that drove the card before (its entry in the menu), and keep that one",
    )


#: Which fault tells more about why a probe failed.
_CAUSES: Final = ("power", "firmware", "device-lost", "survivability", "wedged", "guc", "probe")


def _unexplained(card: Card, log: CardLog | None, kernel: RunningKernel | Unknown) -> Driven:
    reason = "no driver"
    if isinstance(kernel, Unknown):
        return Driven(DriverState.NONE, f"{reason}; the running kernel is {kernel}", _COLD)
    if kernel.knows_b70 is False:
        return Driven(
            DriverState.NONE,
            f"{reason}: kernel {kernel.release} has none for 8086:e223",
            "boot a kernel whose `modinfo xe` lists d0000E223",
        )
    gaps = list(_gaps(log, kernel))
    if kernel.xe is ABSENT:
        return Driven(
            DriverState.NONE,
            "; ".join((f"{reason}: the module xe is not loaded", *gaps)),
            "`modprobe -n -v xe` says what loading it would do; mend that, then boot",
        )
    reason = f"{reason}, though xe is loaded; nothing was found that keeps it away"
    step = f"somebody may have unbound {card.bdf}; {_COLD}"
    return Driven(DriverState.NONE, "; ".join((reason, *gaps)), step)


def _gaps(log: CardLog | None, kernel: RunningKernel) -> Iterator[str]:
    """Yield what could not be looked at, one clause each."""
    if log is None or isinstance(log.faults, Unknown):
        yield "the kernel log of this boot cannot tell more"
    if isinstance(kernel.tokens, Unknown):
        yield "the command line cannot be read"
    yield from (f"{path} cannot be read" for path in kernel.modprobe.denied)


def reading(driven: Driven | Unknown) -> Reading[str]:
    """Return the state as a word that gates compare."""
    return driven if isinstance(driven, Unknown) else driven.state.value
