"""Signs that a host is not well, or not as its cards' figures were measured. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from facts.boot.kernel import Kernel
from facts.boot.loader import Boot
from facts.disks.block import Block
from facts.pci.gpu_link import GpuLinks
from facts.system.clock import Clock, Sync
from facts.system.os_release import OsRelease
from facts.system.units import Units
from facts.value import Absent, Unknown, known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check

#: Files that must still fit on a file system: the documentation of one package can be a thousand.
MIN_INODES: Final = 1000
#: Seconds after boot in which a clock may be set for the first time: a time service asks again
#: after half a minute at first, and the network may come late.
SYNC_S: Final = 600.0
#: Bits of /proc/sys/kernel/tainted that tell of a fault (Documentation/admin-guide/
#: tainted-kernels.rst); the others tell of modules and of what a person did.
_FAULTS: Final = {
    4: "a machine check: the processor or memory reported an error",
    5: "a page of memory is bad",
    7: "the kernel died in a part of it (oops or BUG)",
    14: "a processor was stuck (soft lockup)",
}


@check("no-inodes", "machine")
def _no_inodes(context: Context) -> Iterator[Finding]:
    """A file system can be full of files while it has room: no new one can be made then."""
    storage = known(context.given[Block])
    if storage is None:
        return
    mounts = dict.fromkeys(storage.mount_of(path).target for path in ("/", "/boot"))
    for path in mounts:
        room = storage.room_of(path)
        if isinstance(room, Absent | Unknown) or room.inodes == 0:
            continue  # btrfs and the like have no such limit
        if room.inodes_free < MIN_INODES:
            yield context.critical(
                f"{path} has room for {room.inodes_free} more files (inodes), of {room.inodes}",
                f"find {path} -xdev -printf '%h\\n' | sort | uniq -c | sort -n | tail",
                inhibits=True,
            )


@check("clock-unsynced", "machine")
def _clock_unsynced(context: Context) -> Iterator[Finding]:
    """Nobody keeps the host's clock: it drifts until TLS and apt refuse what is not yet valid.

    A container's clock is its host's, and a while after boot the first answer may be missing.
    """
    clock, system = known(context.given[Clock]), known(context.given[OsRelease])
    if (
        clock is None
        or clock.uptime_s < SYNC_S
        or (system is not None and system.is_container is True)
    ):
        return
    if isinstance(clock.sync, Sync) and not clock.sync.synchronized:
        yield context.warning(
            f"the clock is not synchronised, says {clock.sync.witness}",
            "timedatectl status; systemctl status systemd-timesyncd chrony",
        )


@check("failed-units", "machine")
def _failed_units(context: Context) -> Iterator[Finding]:
    """systemd units that failed. Those that are declared are started again by a converge."""
    units = known(context.given[Units])
    if units is not None and units.failed:
        yield context.info(f"failed: {', '.join(units.failed)} (systemctl --failed)")


@check("kernel-taint", "machine")
def _kernel_taint(context: Context) -> Iterator[Finding]:
    """The running kernel marked itself after a fault. What it does since is not to be trusted."""
    kernel = known(context.given[Kernel])
    if kernel is None or not isinstance(kernel.taint, int):
        return
    for bit, meaning in _FAULTS.items():
        if kernel.taint >> bit & 1:
            yield context.warning(
                f"the kernel is tainted (bit {bit}): {meaning}",
                "journalctl -k -b -p err; then reboot",
            )


@check("reboot-due", "machine")
def _reboot_due(context: Context) -> Iterator[Finding]:
    """Packages that were upgraded ask for a reboot: what runs is not what is installed."""
    boot = known(context.given[Boot])
    if boot is not None and isinstance(boot.reboot_required, tuple):
        by = ", ".join(dict.fromkeys(boot.reboot_required)) or "a package that gave no name"
        yield context.info(f"a reboot is due, asked for by {by}")


@check("virtual-functions", "cards")
def _virtual_functions(context: Context) -> Iterator[Finding]:
    """A card is split into virtual functions (SR-IOV): they take VRAM from it."""
    for card in known(context.given[GpuLinks]) or ():
        if card.is_b70 and isinstance(card.sriov_numvfs, int) and card.sriov_numvfs > 0:
            yield context.warning(
                f"{card.bdf} is split into {card.sriov_numvfs} virtual functions",
                "stop what uses them, then on the host: "
                f"echo 0 > /sys/bus/pci/devices/{card.bdf}/sriov_numvfs",
            )
