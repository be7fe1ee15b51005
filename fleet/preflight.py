"""Preflight findings: what stands in the way of changing a host, or will bite later. Pure.

Each check is one function; its docstring is the long text of `b70 explain ID`. An inhibitor forbids
every converge until a person has dealt with it. A reading that is UNKNOWN never inhibits by itself
and never counts as good: it becomes a finding of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from facts.block import Storage
from facts.clock import ClockState
from facts.identity import Sudo, Who
from facts.kernel import RunningKernel
from facts.mirrors import Mirror
from facts.packages import PackageState
from facts.updaters import UpdaterState
from facts.value import Absent, Unknown
from spec.host import HostSpec

#: Bytes that must be free on / before anything is changed: the largest single package of the stack
#: (a oneAPI compiler) unpacks to more than 1 GiB, and a full root is the costliest surprise.
MIN_ROOT_FREE: Final = 2 * 1024**3
#: The same for lab machines, whose stand-in packages are a few KiB.
MIN_ROOT_FREE_LAB: Final = 64 * 1024**2
#: Bytes for one more kernel with its initramfs on /boot.
MIN_BOOT_FREE: Final = 300 * 1024**2
#: Seconds between two clocks that are worth telling a person about.
MAX_SKEW_S: Final = 5.0


class Level(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that preflight found.

    Attributes:
        id: stable; `b70 explain ID` expands it.
        text: one sentence with the values seen.
        remedy: what to do, preferably a command.
        inhibitor: True forbids to change the host.
    """

    id: str
    level: Level
    text: str
    remedy: str
    inhibitor: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What the checks look at."""

    spec: HostSpec
    readings: Mapping[str, object]
    #: controller's clock when the facts were read, seconds since the epoch; None = not compared
    now: float | None = None


Check = Callable[[Context], Iterator[Finding]]
_CHECKS: Final[dict[str, Check]] = {}
_T = TypeVar("_T")


def check(name: str) -> Callable[[Check], Check]:
    """Register a check under the id of its findings."""

    def register(function: Check) -> Check:
        _CHECKS[name] = function
        return function

    return register


def explanations() -> dict[str, str]:
    """Return finding id -> long text."""
    return {name: (function.__doc__ or "").strip() for name, function in _CHECKS.items()}


def inspect(
    spec: HostSpec, readings: Mapping[str, object], now: float | None = None
) -> list[Finding]:
    """Return every finding, worst first, in a stable order."""
    context = Context(spec, readings, now)
    found = [finding for function in _CHECKS.values() for finding in function(context)]
    order = {level: rank for rank, level in enumerate(reversed(Level))}
    return sorted(found, key=lambda f: (not f.inhibitor, order[f.level]))


def inhibitors(spec: HostSpec, readings: Mapping[str, object]) -> list[Finding]:
    """Return the findings that forbid to change the host."""
    return [finding for finding in inspect(spec, readings) if finding.inhibitor]


def _read(context: Context, domain: str, kind: type[_T]) -> _T | None:
    value = context.readings.get(domain)
    return value if isinstance(value, kind) else None


@check("unreadable-fact")
def _unreadable(context: Context) -> Iterator[Finding]:
    """A whole domain of facts could not be read. Gates over it stay closed."""
    for domain, value in context.readings.items():
        if isinstance(value, Unknown):
            yield Finding(
                "unreadable-fact",
                Level.WARNING,
                f"{domain} is unknown: {value.reason}",
                f"b70 facts {context.spec.name} {domain}",
            )


@check("sudo")
def _sudo(context: Context) -> Iterator[Finding]:
    """The inventory's user must be able to run commands as root without being asked."""
    who = _read(context, "identity", Who)
    if who is not None and who.uid != 0 and who.sudo not in (Sudo.ROOT, Sudo.PASSWORDLESS):
        user = context.spec.connection.user
        yield Finding(
            "sudo",
            Level.CRITICAL,
            f"sudo is {who.sudo.value} for {user}",
            f"b70 bootstrap {context.spec.name} --ask-sudo-pass",
            inhibitor=True,
        )


@check("root-read-only")
def _root_read_only(context: Context) -> Iterator[Finding]:
    """A root file system that turned read-only usually met an I/O error: look at the disk first."""
    storage = _read(context, "block", Storage)
    if storage is not None and storage.root_read_only:
        yield Finding(
            "root-read-only",
            Level.CRITICAL,
            "/ is mounted read-only",
            "journalctl -k -b | grep -iE 'ext4|nvme|I/O error'; then fsck and reboot",
            inhibitor=True,
        )


@check("disk-full")
def _disk_full(context: Context) -> Iterator[Finding]:
    """Package and file changes need room on /; a new kernel needs room on /boot."""
    storage = _read(context, "block", Storage)
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
        yield Finding(
            "disk-full",
            Level.CRITICAL,
            f"{path} has {room.free // 1024**2} MiB free, {needed // 1024**2} MiB are needed",
            "apt-get clean; journalctl --vacuum-size=200M; du -xh --max-depth=2 / | sort -h | tail",
            inhibitor=True,
        )


@check("dpkg-interrupted")
def _dpkg_interrupted(context: Context) -> Iterator[Finding]:
    """dpkg was interrupted. The next converge repairs it, visibly (dpkg --configure -a)."""
    packages = _read(context, "packages", PackageState)
    if packages is not None and (packages.interrupted or packages.half_configured):
        names = ", ".join(packages.half_configured) or "journal left behind"
        yield Finding(
            "dpkg-interrupted",
            Level.WARNING,
            f"dpkg was interrupted: {names}",
            f"b70 plan --limit {context.spec.name}   # shows the repair as a step",
        )


@check("dpkg-locked")
def _dpkg_locked(context: Context) -> Iterator[Finding]:
    """Another program is using apt or dpkg. A converge waits for it, and never deletes its lock."""
    packages = _read(context, "packages", PackageState)
    if packages is None or not isinstance(packages.locks, tuple):
        return
    for holder in packages.locks:
        yield Finding(
            "dpkg-locked",
            Level.WARNING,
            f"{holder.lock} is held by pid {holder.pid}: {holder.command}",
            "wait for it; a converge waits "
            f"{context.spec.apt.lock_timeout_s} s (apt.lock_timeout_s)",
        )


@check("clock-skew")
def _clock_skew(context: Context) -> Iterator[Finding]:
    """Nothing here compares two machines' clocks, but TLS and apt do: a wrong one breaks both."""
    clock = _read(context, "clock", ClockState)
    if clock is None:
        return
    if context.now is not None and abs(skew := clock.epoch_s - context.now) > MAX_SKEW_S:
        yield Finding(
            "clock-skew",
            Level.WARNING,
            f"the host's clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}",
            "timedatectl status; systemctl status systemd-timesyncd chrony",
        )


@check("secure-boot")
def _secure_boot(context: Context) -> Iterator[Finding]:
    """With Secure Boot on, a self-built kernel or module loads only when its key is enrolled."""
    kernel = _read(context, "kernel", RunningKernel)
    if kernel is not None and kernel.secure_boot is True:
        yield Finding(
            "secure-boot",
            Level.WARNING,
            "Secure Boot is on: unsigned kernels and modules will not load",
            "turn it off in the firmware, or enrol a key (mokutil --import)",
        )


@check("b70-alias")
def _alias(context: Context) -> Iterator[Finding]:
    """The running kernel's xe module has no alias for 8086:e223, so it will never bind a B70."""
    kernel = _read(context, "kernel", RunningKernel)
    if kernel is None or not context.spec.hardware.cards or kernel.knows_b70 is True:
        return
    reason = kernel.knows_b70.reason if isinstance(kernel.knows_b70, Unknown) else "no alias"
    yield Finding(
        "b70-alias",
        Level.CRITICAL,
        f"kernel {kernel.release} does not know the B70 (8086:e223): {reason}",
        "install a kernel whose `modinfo xe` lists d0000E223 "
        "(Ubuntu 24.04: linux-generic-hwe-24.04)",
    )


@check("nomodeset")
def _nomodeset(context: Context) -> Iterator[Finding]:
    """`nomodeset` on the kernel command line keeps xe from binding any card."""
    kernel = _read(context, "kernel", RunningKernel)
    if kernel is not None and isinstance(kernel.tokens, tuple) and "nomodeset" in kernel.tokens:
        yield Finding(
            "nomodeset",
            Level.CRITICAL,
            "the running kernel was booted with nomodeset",
            "remove the token from /etc/default/grub, update-grub, reboot",
        )


@check("mirror-unreachable")
def _mirror(context: Context) -> Iterator[Finding]:
    """An apt source did not answer; a converge that needs it will fail there."""
    mirrors = context.readings.get("mirrors")
    if not isinstance(mirrors, tuple):
        return
    for mirror in mirrors:
        if isinstance(mirror, Mirror) and not mirror.reachable:
            yield Finding(
                "mirror-unreachable",
                Level.WARNING,
                f"{mirror.uri} {mirror.suite}: {mirror.problem}",
                "on the host: apt-get update; "
                f"b70 inventory explain {context.spec.name} apt.sources",
            )


@check("foreign-updater")
def _updaters(context: Context) -> Iterator[Finding]:
    """Something else than this tool may change kernel or GPU packages behind a rollout's back."""
    state = _read(context, "updaters", UpdaterState)
    if state is None:
        return
    for name, item in state.updaters.items():
        if item.active is True and not item.fenced_by:
            yield Finding(
                "foreign-updater",
                Level.WARNING,
                f"{name} may change {item.can_change} packages by itself: "
                f"{', '.join(item.evidence)}",
                f"b70 converge --limit {context.spec.name}   # the base layer fences it",
            )
