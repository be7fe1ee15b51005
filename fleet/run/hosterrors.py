"""Why a host was refused or lost: a sentence each, and the translation of what the host said."""

from __future__ import annotations

from collections.abc import Callable

from declaration import onhost
from declaration.host import HostSpec
from fleet.base.errors import FleetError, Refused, Unreachable
from fleet.base.exitcodes import ExitCode
from fleet.host import deadman, lock
from fleet.host.cache import HeadRefused, NoAnswer


class IdentityChanged(Refused):
    """The machine behind this address is not the pinned one (DHCP swap, reinstall, restore)."""

    id = "identity-changed"


class Locked(Refused):
    """Another run holds this host."""

    id = "locked"


class OtherLock(Refused):
    """The lock on the host is not the one that was to be removed; it stands as it was.

    The run that was named has given its lock back or lost it, and another run took it since. Remove
    that one only if it is dead: the message says whose it is.
    """

    id = "other-lock"


class NotJournaled(FleetError):
    """The host was changed as planned, but it could not write the end of the run into its journal.

    Its disk may be full, or its root file system read-only. There is no certificate, and the run's
    lock may stand. The ledger has the run.
    """

    id = "not-journaled"


class StateNotWritable(Refused):
    """The host's state directory cannot be written: a full or read-only root file system."""

    id = "state-not-writable"


class Inhibited(Refused):
    """A preflight finding forbids to change this host now."""

    id = "inhibited"


class Stale(Refused):
    """The saved plan no longer matches the host: what would be done, or why, has changed since."""

    id = "stale"


class Aborted(FleetError):
    """The run was aborted: by a second Ctrl-C, or its controller died.

    A host on which work had begun is uncertain: what was running there may still finish, and where
    the run had taken the host's lock, that stands until its lease ends (20 minutes) or
    `b70 unlock` removes it. A host whose turn never came is as it was.
    """

    id = "aborted"


class NotIdempotent(FleetError):
    """A resource wanted the same change again right after it was made; there is no certificate.

    The resource is named. Either something else on the host undoes the change, or the operation
    compares with the wrong thing: its plan shows what it wants again.
    """

    id = "not-idempotent"


class NotShown(FleetError):
    """A plan was applied as it was shown, and it made something else due that was not in it.

    Nothing was done about that. The next plan shows it; a converge that nobody was shown a plan for
    (-y) does both in one run.
    """

    id = "not-shown"
    exit_code = ExitCode.PENDING


class BootSetDrift(Refused):
    """The boot set of a host in production differs from its declaration.

    Kernel, firmware, command line and module options of a host that serves change only through a
    rollout, which drains it, boots the new set once, and has a way back. Nothing was changed.
    """

    id = "boot-set-drift"

    @classmethod
    def of(cls, name: str, what: str) -> BootSetDrift:
        """Return the error for a host."""
        return cls(
            f"{name} is in production and its boot set differs: {what}; only a rollout changes it, "
            "and rollouts are not built yet",
            f"b70 plan --limit {name}   # what differs; declare what runs there, or leave it",
        )


class RebootPending(FleetError):
    """Everything is in place, but the host still runs its old boot.

    A converge reboots a new host only when it is told to with --allow-reboot. There is no
    certificate until the declared boot set has booted.
    """

    id = "reboot-pending"
    exit_code = ExitCode.PENDING


class NotArmed(Refused):
    """The declared boot set could not be armed for one boot: the host's own program said why.

    It reads every file of the set again, asks whether the menu has its entry once, whether another
    entry is armed already, and whether a system sleeps on disk that would be woken by the wrong
    kernel. Nothing was changed and the host was not rebooted.
    """

    id = "not-armed"


class NotBootedAsDeclared(FleetError):
    """The host rebooted, and what runs is still not the declared boot set.

    A set that was armed for one boot and did not come up is forgotten by GRUB: the next boot is the
    default entry again.
    """

    id = "not-booted-as-declared"


class BootNotProven(FleetError):
    """It is not known whether a new host runs its declared boot set, so it gets no certificate.

    A log that does not reach back to the boot, or a module that hides its options, proves nothing.
    A host in production keeps its certificate; `b70 doctor` shows the same as a finding there.
    """

    id = "boot-not-proven"


class WrongBoot(Refused):
    """A reboot would not start the declared boot set, or it is not known what it would start.

    Another entry is armed for one boot, GRUB waits for a password, the default is another system's,
    a recovery entry or another kernel, or the firmware starts another boot loader. The host was not
    rebooted. `b70 doctor HOST` shows each reason with its file and line, and what to do about it.
    """

    id = "wrong-boot"


class ChangeTakenBack(FleetError):
    """A change to sshd, sudoers or nftables was not confirmed over a new connection.

    The host brings the old files back by itself.
    """

    id = "change-taken-back"

    @classmethod
    def of(cls, name: str) -> ChangeTakenBack:
        """Return the error for a host."""
        return cls(
            f"{name}: a change to sshd, sudoers or nftables could not be confirmed over a new "
            f"connection; the host takes it back within {deadman.WINDOW_S} s",
            f"b70 plan --limit {name}",
        )


def head_error(spec: HostSpec, refusal: HeadRefused, is_gone: Callable[[str], bool]) -> FleetError:
    """Return why a host did not let a run begin.

    Args:
        is_gone: returns True if the process of a run is known to have ended.
    """
    if refusal.status == lock.IDENTITY:
        found = refusal.lines[0] if refusal.lines else "unreadable"
        return IdentityChanged(
            f"{spec.name}: machine-id is {found}, pinned is {spec.identity.machine_id}",
            f"is {spec.connection.address} still that machine? "
            f"if it was reinstalled: b70 bootstrap {spec.name} --rekey --login USER"
            "   # an account that is there now",
        )
    owner = lock.parse_owner(refusal.lines)
    if owner is not None:
        gone = is_gone(owner.run)
        why = f"what it had begun: b70 history show {owner.run}" if gone else "if that run is dead"
        return Locked(
            f"{spec.name}: locked by {owner.who}, run {owner.run}, "
            f"{owner.age_s} s ago, expires in {owner.left_s} s"
            f"{'; that process is gone' if gone else ''}",
            f"{unlock_command(spec.name, owner.run)}   # {'' if gone else 'only '}{why}",
        )
    if refusal.status == lock.LOCKED:
        return Locked(
            f"{spec.name}: another program is taking or removing the lock right now",
            f"in a minute, the same again; who it is: fuser -v {onhost.MUTEX} on the host",
        )
    return StateNotWritable(
        f"{spec.name}: cannot write {onhost.STATE}: {' '.join(refusal.lines) or 'no message'}",
        f"b70 doctor {spec.name}",
    )


def unlock_error(spec: HostSpec, refusal: HeadRefused, wanted: str) -> FleetError:
    """Return why a lock was not removed.

    Args:
        wanted: the run whose lock was to go.
    """
    other = next((line.split("\t") for line in refusal.lines if line.startswith("other\t")), None)
    if other is None or len(other) != 3:
        return head_error(spec, refusal, lambda _: False)
    _, run, who = other
    return OtherLock(
        f"{spec.name}: the lock there is of run {run} ({who}), not of {wanted}; it was not removed",
        f"{unlock_command(spec.name, run)}   # only if that run is dead",
    )


def unlock_command(host: str, run: str) -> str:
    """Return the command that removes a run's lock."""
    return f'b70 unlock {host} --lock {run} --reason "..."'


def silence_error(spec: HostSpec, silence: NoAnswer) -> FleetError:
    """Return the error for a program that began and ended before it printed what it is for."""
    said = str(silence).splitlines()
    return Unreachable(
        f"{spec.name}: the program that reads the host ended before it printed anything "
        f"(exit status {silence.output.status}): {said[-1] if said else 'no message'}",
        f"b70 doctor {spec.name}",
    )
