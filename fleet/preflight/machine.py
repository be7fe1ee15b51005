"""The machine itself: readable, ours to change, with room and a right clock. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from facts.disks.block import Block
from facts.system.clock import Clock
from facts.system.identity import Identity, Sudo
from facts.value import Absent, Unknown, known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check

#: Bytes that must be free on / before anything is changed: the largest single package of the stack
#: (a oneAPI compiler) unpacks to more than 1 GiB, and a full root is the costliest surprise.
MIN_ROOT_FREE: Final = 2 * 1024**3
#: The same for lab machines, whose stand-in packages are a few KiB.
MIN_ROOT_FREE_LAB: Final = 64 * 1024**2
#: Bytes for one more kernel with its initramfs on /boot.
MIN_BOOT_FREE: Final = 300 * 1024**2
#: Seconds between two clocks that are worth telling a person about.
MAX_SKEW_S: Final = 5.0


@check("unreadable-fact", "machine")
def _unreadable(context: Context) -> Iterator[Finding]:
    """A whole domain of facts could not be read. Gates over it stay closed."""
    for domain, value in context.given.named().items():
        if isinstance(value, Unknown):
            yield context.unknown(
                f"{domain} is unknown: {value.reason}",
                f"b70 facts {context.spec.name} {domain}",
            )


@check("sudo", "machine")
def _sudo(context: Context) -> Iterator[Finding]:
    """The inventory's user must be able to run commands as root without being asked."""
    who = known(context.given[Identity])
    if who is not None and who.uid != 0 and who.sudo not in (Sudo.ROOT, Sudo.PASSWORDLESS):
        user = context.spec.connection.user
        yield context.critical(
            f"sudo is {who.sudo.value} for {user}",
            f"b70 bootstrap {context.spec.name} --ask-sudo-pass",
            inhibits=True,
        )


@check("root-read-only", "machine")
def _root_read_only(context: Context) -> Iterator[Finding]:
    """A root file system that turned read-only usually met an I/O error: look at the disk first."""
    storage = known(context.given[Block])
    if storage is not None and storage.root_read_only:
        yield context.critical(
            "/ is mounted read-only",
            "journalctl -k -b | grep -iE 'ext4|nvme|I/O error'; then fsck and reboot",
            inhibits=True,
        )


@check("disk-full", "machine")
def _disk_full(context: Context) -> Iterator[Finding]:
    """Package and file changes need room on /; a new kernel needs room on /boot."""
    storage = known(context.given[Block])
    if storage is None:
        return
    lab = context.spec.kind == "lab"
    for path, needed in (
        ("/", MIN_ROOT_FREE_LAB if lab else MIN_ROOT_FREE),
        ("/boot", MIN_ROOT_FREE_LAB if lab else MIN_BOOT_FREE),
    ):
        room = storage.room_of(path)
        if isinstance(room, Absent | Unknown) or room.free >= needed:
            continue
        yield context.critical(
            f"{path} has {room.free // 1024**2} MiB free, {needed // 1024**2} MiB are needed",
            "apt-get clean; journalctl --vacuum-size=200M; du -xh --max-depth=2 / | sort -h | tail",
            inhibits=True,
        )


@check("clock-skew", "machine")
def _clock_skew(context: Context) -> Iterator[Finding]:
    """Nothing here compares two machines' clocks, but TLS and apt do: a wrong one breaks both."""
    clock = known(context.given[Clock])
    if clock is None:
        return
    if context.now is not None and abs(skew := clock.epoch_s - context.now) > MAX_SKEW_S:
        yield context.warning(
            f"the host's clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}",
            "timedatectl status; systemctl status systemd-timesyncd chrony",
        )
