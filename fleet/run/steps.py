"""What is done to one host, a step each; a recipe puts them in order.

A step takes the visit and leaves what it found there. It raises what ends the visit.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from declaration.onhost import BOOT_COMMIT
from facts.base import HostFact
from facts.boot.efi import Efi
from facts.boot.loader import Boot
from facts.disks.block import Block
from facts.registry import batch_facts
from facts.value import Unknown
from fleet.base.errors import FleetError, Unreachable
from fleet.host import lock, reboot
from fleet.host.cache import HeadRefused, NoAnswer
from fleet.host.keys import FactKey, fact_key
from fleet.host.refusal import SudoRefused
from fleet.host.session import CommandTimeout, LostContact
from fleet.model.events import Note, Phase, Waiting
from fleet.model.plan import HostState, ResourceStatus, certificate
from fleet.run import outcome, refuse, verify
from fleet.run.ending import begun, fail
from fleet.run.hosterrors import (
    NotArmed,
    NotJournaled,
    head_error,
    silence_error,
    unlock_error,
)
from fleet.run.visit import TEXT_S, Visit
from gates.boots import boots_by_default
from gates.needed import KEYED
from gates.one_shot import one_shot

#: Seconds for arming a boot set, which reads every file of it: an initial RAM disk of 455 MiB has
#: been seen, and a disk under load reads some 50 MiB in a second.
ARM_S: Final = 300


def read(visit: Visit) -> None:
    """Read the facts; where sudo refuses, as the ordinary user: what needs root is UNKNOWN then."""
    try:
        look(visit)
    except SudoRefused as error:
        visit.without_root = error
        visit.connect(privileged=False)
        look(visit)


def look(visit: Visit) -> None:
    """Read the facts and who holds the host; writes nothing."""
    lines = _probe(visit, f"{_identity(visit)}\n{lock.peek()}")
    if owner := lock.parse_owner(lines):
        gone = "; that process is gone" if visit.gone(owner.run) else ""
        visit.emit(Note(visit.name, f"run {owner.run} of {owner.who} holds this host{gone}"))


def take(visit: Visit) -> None:
    """Check identity, take the lock and read all facts in one exec."""
    acquire = lock.acquire(visit.run.id, visit.run.who)
    # from here on it may stand there, whether the answer arrives or not
    visit.may_hold_lock = True
    try:
        visit.fence = _fence_of(_probe(visit, f"{_identity(visit)}\n{acquire}"))
    except FleetError as error:
        visit.may_hold_lock = isinstance(error, LostContact | CommandTimeout)
        raise


def plan(visit: Visit) -> None:
    """Evaluate every resource of the layers and say what would change, and why not if it cannot."""
    visit.enter(Phase.PLAN)
    visit.planned = visit.begin_work().planner.plan(visit.layers)
    outcome.describe_plan(visit)
    refuse.broken(visit, visit.planned)


def plan_alone(visit: Visit) -> None:
    """Evaluate the resources of the visit's own layers; one that cannot be had is refused."""
    visit.planned = visit.begin_work().planner.plan(visit.layers)
    refuse.impossible(visit)
    outcome.describe_plan(visit)


def pending(visit: Visit) -> None:
    """Count a reboot that is due as a change that is pending."""
    if visit.result.reboot_pending:
        visit.result.state = HostState.PENDING


def announce(visit: Visit) -> None:
    """Put on record what is about to be changed: it is there whatever becomes of this process."""
    if any(item.status is not ResourceStatus.IN_SYNC for item in visit.result.resources):
        visit.keep(begun(visit, locks=True))


def apply_whole(visit: Visit) -> None:
    """Apply what the plan found until a re-plan with every normal fact is empty."""
    if any(item.status is not ResourceStatus.IN_SYNC for item in visit.result.resources):
        verify.apply_until_empty(visit, visit.reads)


def apply_alone(visit: Visit) -> None:
    """Apply what the plan found until a re-plan with the facts that it read is empty."""
    if visit.result.state is HostState.PENDING:
        verify.apply_until_empty(visit, ())


def certify(visit: Visit) -> None:
    """Write down the empty plan as the certificate."""
    result = visit.result
    if result.state.good:
        result.certificate = certificate(visit.name, visit.declared, result.resources)


def arm(visit: Visit) -> None:
    """Arm the declared boot set for one boot, where GRUB can forget it afterwards.

    Elsewhere the plan said that the set becomes the default before it has booted.

    Raises:
        NotArmed: the host refused: its own program found a reason.
    """
    declared = visit.spec.stack.boot if visit.spec.stack else None
    boot = visit.readings[Boot]
    once = one_shot(boot, visit.readings[Block])
    if declared is None or once.possible is False:
        return
    default = boots_by_default(boot, visit.readings[Efi])
    if not isinstance(default, Unknown) and default.entry.path == declared.set_id:
        return
    if isinstance(once.possible, Unknown):
        raise NotArmed(
            f"{visit.name}: whether GRUB can forget a one-shot is UNKNOWN: {once.why}",
            f"b70 facts {visit.name} boot block",
        )
    text = lock.guard(visit.fence or 0) + shlex.join((BOOT_COMMIT, "arm", declared.set_id))
    output = visit.session.run(text, deadline_s=ARM_S)
    if output.status:
        said = output.stderr.decode("utf-8", "replace").strip()
        raise NotArmed(
            f"{visit.name}: {declared.set_id} cannot be booted once: {said}",
            f"b70 boot list {visit.name}",
        )


def boot(visit: Visit) -> None:
    """Prove by another boot_id that the host booted; what was read before is forgotten."""
    visit.enter(Phase.REBOOT)
    reboot.reboot(
        visit.session,
        visit.name,
        deadline_s=visit.spec.connection.reboot_timeout_s,
        waiting=lambda left: visit.emit(Waiting(visit.name, "its boot", left)),
    )
    visit.start_anew()
    # a lock of an earlier boot counts for nothing
    visit.may_hold_lock = False


def record(visit: Visit) -> None:
    """Journal the outcome on the host and give its lock back, in one exec."""
    visit.enter(Phase.RECORD)
    result = visit.result
    text = lock.release(visit.run.id, visit.fence or 0, result.state, result.certificate)
    hint = f"b70 doctor {visit.name}"
    try:
        output = visit.session.run(text, deadline_s=TEXT_S)
    except Unreachable as error:
        if result.state.good:
            result.certificate = ""
            fail(result, error)
        return
    visit.may_hold_lock = output.status not in (0, lock.FENCED)
    if output.status and result.state.good:
        result.certificate = ""
        said = output.stderr.decode("utf-8", "replace").strip() or f"status {output.status}"
        fail(
            result,
            NotJournaled(
                f"{visit.name}: the outcome could not be journaled on the host: {said}", hint
            ),
        )


def unlock(visit: Visit, *, holder: str, reason: str) -> None:
    """Remove a lock by its id; keeps what the host said.

    Raises:
        IdentityChanged, OtherLock, Locked, StateNotWritable: nothing was removed.
    """
    text = f"{_identity(visit)}\n{lock.unlock(holder, reason, visit.run.who)}"
    output = visit.session.run(text, deadline_s=TEXT_S)
    said = output.stdout.decode("utf-8", "replace").splitlines()
    if output.status:
        wrong = output.stderr.decode("utf-8", "replace").split("\n")
        raise unlock_error(visit.spec, HeadRefused(output.status, said or wrong), holder)
    visit.result.state = HostState.DONE
    visit.said = "not locked, nothing to remove"
    if said == ["removed"]:
        visit.result.changed = [f"Lock[{holder}]"]
        visit.said = f"unlocked; the lock of run {holder} is removed"


def normal() -> list[type[HostFact[Any]]]:
    """Return the facts that every normal run reads."""
    return list(batch_facts().values())


def keys(probe_root: str, facts: Iterable[type[HostFact[Any]]]) -> list[FactKey]:
    """Return the keys of facts without arguments."""
    return [fact_key(fact, {"probe_root": probe_root if fact.simulable else ""}) for fact in facts]


def asked_by_gates() -> list[FactKey]:
    """Return the facts with arguments that the gates ask for."""
    return [fact_key(fact, arguments) for fact, arguments in KEYED.items()]


def _identity(visit: Visit) -> str:
    return lock.identify(visit.spec.identity.machine_id)


def _probe(visit: Visit, head: str) -> list[str]:
    """Run the head and read the facts in one exec; returns the head's lines."""
    visit.enter(Phase.PROBE)
    wanted = [*visit.reads, *visit.questions, *visit.remembered]
    visit.asked_at = time.time()
    try:
        answer = visit.cache.fetch(wanted, head)
    except HeadRefused as refusal:
        raise head_error(visit.spec, refusal, visit.gone) from refusal
    except NoAnswer as silence:
        raise silence_error(visit.spec, silence) from silence
    visit.remember(visit.reads)
    return answer.head


def _fence_of(lines: Sequence[str]) -> int:
    for line in lines:
        if line.startswith("fence "):
            return int(line.split()[1])
    raise Unreachable("the host did not confirm its lock")
