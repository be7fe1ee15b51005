"""The machine itself: readable, ours to change, with room and a right clock. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from facts.disks.block import Block, Disks
from facts.registry import all_facts
from facts.system.clock import Clock
from facts.system.identity import Identity, Sudo
from facts.value import Absent, Unknown, known
from fleet.base.sudoers import sudo_line
from fleet.model.finding import Finding
from fleet.preflight.boot_room import boot_demand, boot_remedy
from fleet.preflight.model import Context, check

#: Bytes that must be free on / before anything is changed: the largest single package of the stack
#: (a oneAPI compiler) unpacks to more than 1 GiB, and a full root is the costliest surprise.
MIN_ROOT_FREE: Final = 2 * 1024**3
#: The same for lab machines, whose stand-in packages are a few KiB.
MIN_ROOT_FREE_LAB: Final = 64 * 1024**2
#: Seconds between two clocks that are worth telling a person about.
MAX_SKEW_S: Final = 5.0


@check("unreadable-fact", "machine")
def _unreadable(context: Context) -> Iterator[Finding]:
    """A whole domain of facts could not be read. Gates over it stay closed."""
    for domain, value in context.given.named().items():
        if isinstance(value, Unknown):
            name = context.spec.name
            # a fact that is asked about something has no domain of its own to be read by
            again = f"b70 facts {name} {domain}" if domain in all_facts() else f"b70 gates {name}"
            yield context.unknown(f"{domain} is unknown: {value.reason}", again)


@check("sudo", "machine")
def _sudo(context: Context) -> Iterator[Finding]:
    """The inventory's user must be able to run commands as root: without being asked, or with the
    declared `sudo_password`.
    """
    who = known(context.given[Identity])
    user = (known(who.user) if who else None) or context.spec.connection.user
    if context.without_root is not None:
        said, remedy = context.without_root
        why = said.removeprefix(f"{context.spec.name}: ")
        yield context.critical(f"sudo is refused for {user}: {why}", remedy, inhibits=True)
    elif who is not None and who.uid != 0 and who.sudo not in (Sudo.ROOT, Sudo.PASSWORDLESS):
        rule = sudo_line(f"{user} ALL=(ALL) NOPASSWD: ALL")
        yield context.critical(
            f"sudo is {who.sudo.value} for {user}", f"on the host, as root: {rule}", inhibits=True
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
    """Package and file changes need room on /; a boot set needs room for its kernels on /boot.

    What a boot set needs follows from what is on /boot: the largest kernel and the largest initial
    RAM disk there, once for the package when it is not installed yet, once for the folder of the
    set and once for that of the fallback. Without a declared boot set a few MiB are enough. Where
    /boot is no file system of its own, both have to fit on /.
    """
    storage = known(context.given[Block])
    if storage is None:
        return
    root = MIN_ROOT_FREE_LAB if context.spec.kind == "lab" else MIN_ROOT_FREE
    demand = boot_demand(context)
    shared = _on_one_file_system(storage, "/", "/boot")
    if (lack := _lack(storage, "/", root + (demand.size if shared else 0))) is not None:
        remedy = "apt-get clean; journalctl --vacuum-size=200M; "
        remedy += "du -xh --max-depth=2 / | sort -h | tail"
        yield context.critical(lack.text(demand.why if shared else ""), remedy, inhibits=True)
    if not shared and (lack := _lack(storage, "/boot", demand.size)) is not None:
        remedy = boot_remedy(context, lack.missing)
        yield context.critical(lack.text(demand.why), remedy, inhibits=True)


@dataclass(frozen=True, slots=True)
class _Lack:
    """Room that is missing: bytes needed and free."""

    path: str
    needed: int
    free: int

    @property
    def missing(self) -> int:
        return self.needed - self.free

    def text(self, why: str) -> str:
        """Return the sentence for a person; the need is rounded up, so that it is never equal."""
        needed = -(-self.needed // 1024**2)
        text = f"{self.path} has {self.free // 1024**2} MiB free, {needed} MiB are needed"
        return f"{text}: {why}" if why else text


def _lack(storage: Disks, path: str, needed: int) -> _Lack | None:
    room = storage.room_of(path)
    if isinstance(room, Absent | Unknown) or room.free >= needed:
        return None
    return _Lack(path, needed, room.free)


def _on_one_file_system(storage: Disks, *paths: str) -> bool:
    return len({storage.mount_of(path).device for path in paths}) == 1


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
