"""What is done to one host: connect, probe, plan, apply, verify, record.

The order of a run and its outcomes; how to talk to the host is the session's and the executor's business.
Nothing stays open when a function here returns.
"""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from pyinfra.api.exceptions import PyinfraError

from deploys.layer import Layer
from facts.files import FileState, FileText
from facts.registry import batch_facts
from facts.value import ABSENT, Absent, Unknown
from fleet import describe, hostlock
from fleet.errors import FleetError, Refused, Unreachable
from fleet.events import Emit, Note, Phase, PhaseStarted
from fleet.executor import HostRun, OperationFailed, PlannedOp, new_state
from fleet.factbatch import FactCache, HeadRefused, NoAnswer
from fleet.factkey import FactKey, Key, fact_key
from fleet.plan import (
    GateResult,
    HostResult,
    HostState,

    ResourceStatus,
    certificate,
)
from fleet.preflight import inhibitors
from fleet.session import CommandTimeout, LostContact, Session
from gates.engine import decide
from gates.model import Decision
from gates.needed import KEYED
from gates.rows import load as load_rows
from gates.world import build as build_world
from spec.host import HostSpec

_log = logging.getLogger("b70")

#: Passes over the layers before a host counts as not idempotent: the second and third are for resources
#: that were in sync and that another resource's change has put out of sync.
MAX_PASSES: Final = 3
#: Seconds for the last exec: journal and unlock.
_RECORD_S: Final = 60


class IdentityChanged(Refused):
    """The machine behind this address is not the pinned one (DHCP swap, reinstall, restored image)."""

    id = "identity-changed"


class Locked(Refused):
    """Another run holds this host."""

    id = "locked"


class StateNotWritable(Refused):
    """The host's state directory cannot be written: a full or read-only root file system."""

    id = "state-not-writable"


class SudoRefused(Refused):
    """sudo did not let the inventory's user run commands as root without asking."""

    id = "sudo"


class Inhibited(Refused):
    """A preflight finding forbids to change this host now."""

    id = "inhibited"


class Stale(Refused):
    """The saved plan no longer matches the host: what would be done, or why, has changed since."""

    id = "stale"


@dataclass(slots=True)
class Job:
    """One host of a run and everything its functions need."""

    spec: HostSpec
    data: Mapping[str, object]
    run: str
    who: str
    spec_hash: str
    layers: Sequence[Layer]
    emit: Emit
    stopping: Callable[[], bool]
    redact: Callable[[str], str]
    #: facts this host was asked for last time
    remembered: Sequence[Key] = ()
    #: resource -> seconds, from the ledger
    durations: Mapping[str, float] = field(default_factory=dict)
    #: filled in: facts to remember, domain -> value
    seen: list[Key] = field(default_factory=list)
    readings: dict[str, object] = field(default_factory=dict)
    #: filled in: what ended the job early
    error: FleetError | None = None

    @property
    def name(self) -> str:
        """Return the host's name."""
        return self.spec.name


def read_facts(job: Job, domains: Sequence[type] = ()) -> HostResult:
    """Read all normal facts, and the given on-demand ones, into `job.readings`."""
    result = HostResult(host=job.name, state=HostState.IN_SYNC)
    with _contained(job, result), _session(job, result) as session:
        cache = FactCache(session)
        extra = [_key(job, fact) for fact in domains]
        _probe(job, cache, hostlock.identify(job.spec.identity.machine_id), extra, result)
        for fact, key in zip(domains, extra, strict=True):
            job.readings[fact.domain] = cache.value(key)  # type: ignore[attr-defined]
    return result


def plan(job: Job) -> HostResult:
    """Find out what would change; nothing is written on the host."""
    result = HostResult(host=job.name, state=HostState.IN_SYNC)
    with _contained(job, result), _session(job, result) as session:
        cache = FactCache(session)
        head = f"{hostlock.identify(job.spec.identity.machine_id)}\n{hostlock.peek()}"
        lines = _probe(job, cache, head, (), result)
        if owner := hostlock.parse_owner(lines):
            job.emit(Note(job.name, f"run {owner.run} of {owner.who} holds this host"))
        job.emit(PhaseStarted(job.name, Phase.PLAN))
        run = _host_run(job, session, cache, fence=None)
        _describe(job, run.plan(job.layers), cache, result)
    return result


def converge(job: Job, saved: HostResult | None = None) -> HostResult:
    """Bring the host to its declaration, prove it with an empty re-plan, and record both.

    Args:
        saved: a plan of before; the host is refused unless the fresh plan is the same.
    """
    result = HostResult(host=job.name, state=HostState.IN_SYNC)
    with _contained(job, result), _session(job, result) as session:
        cache = FactCache(session)
        head = "\n".join(
            (
                hostlock.identify(job.spec.identity.machine_id),
                hostlock.acquire(job.run, job.who),
            )
        )
        fence = _fence(_probe(job, cache, head, (), result))
        # an abort (GreenletExit) passes through: nobody waits for a journal then, the lease runs out
        with _contained(job, result):
            _converge_locked(job, session, cache, fence, saved, result)
        _record(job, session, fence, result)
    return result


def aborted(job: Job) -> HostResult:
    """Return the result of a host whose work was aborted: what it did last is not known."""
    return HostResult(
        host=job.name,
        state=HostState.UNCERTAIN,
        error=f"{job.name}: aborted; what was running there may still finish",
        error_id="aborted",
        hint=f"b70 plan --limit {job.name}",
    )


def run_text(job: Job, text: str) -> str:
    """Run one shell text on the host as root and return what it printed.

    Raises:
        FleetError: no contact, or the text failed.
    """
    with _session(job, HostResult(host=job.name, state=HostState.IN_SYNC)) as session:
        output = session.run(text, deadline_s=_RECORD_S)
    said = output.stdout.decode("utf-8", "replace").strip()
    if output.status:
        raise Refused(f"{job.name}: {said or output.stderr.decode('utf-8', 'replace').strip()}")
    return said


def _converge_locked(
    job: Job,
    session: Session,
    cache: FactCache,
    fence: int,
    saved: HostResult | None,
    result: HostResult,
) -> None:
    job.emit(PhaseStarted(job.name, Phase.PLAN))
    run = _host_run(job, session, cache, fence=fence)
    planned = run.plan(job.layers)
    _describe(job, planned, cache, result)
    if saved is not None:
        _refuse_stale(saved, result)
    if found := inhibitors(job.spec, job.readings):
        raise Inhibited(
            f"{job.name}: {found[0].text}" + (f" (and {len(found) - 1} more)" * (len(found) > 1)),
            found[0].remedy,
        )
    if result.state is HostState.PENDING:
        _apply_until_empty(job, run, cache, result)
    if result.state in (HostState.IN_SYNC, HostState.CONVERGED):
        result.certificate = certificate(job.name, job.spec_hash, result.resources)


def _apply_until_empty(job: Job, run: HostRun, cache: FactCache, result: HostResult) -> None:
    """Apply pass after pass until the re-plan is empty or a resource wants the same thing twice."""
    first_plan = {item.name: item for item in result.resources}
    try:
        for _ in range(MAX_PASSES):
            for layer in job.layers:
                if cache.is_empty:  # the layer before changed the host: its gates must see that
                    cache.fetch([*_batch_keys(job), *cache.seen])
                job.emit(PhaseStarted(job.name, Phase.APPLY))
                run.apply([op for op in run.plan([layer]) if op.commands or op.conditional])
            job.emit(PhaseStarted(job.name, Phase.VERIFY))
            cache.fetch([*_batch_keys(job), *cache.seen])
            planned = run.plan(job.layers)
            _remember_readings(job, cache)
            again = [op for op in planned if op.commands and not op.conditional]
            culprits = [op for op in again if op.name in run.executed]
            if culprits or not again:
                break
    finally:
        # what was executed is told even when a pass ended with an error
        result.changed = list(dict.fromkeys(run.executed))
    _describe(job, planned, cache, result)
    for item in result.resources:
        item.seconds = run.seconds.get(item.name)
        if item.name in result.changed:
            item.outcome = "done"
            item.why = item.why or ["changed in this run"]
            if item.status is ResourceStatus.IN_SYNC:
                item.changes = first_plan[item.name].changes if item.name in first_plan else []
    if again:
        names = ", ".join(op.name for op in (culprits or again))
        result.state = HostState.NOT_IDEMPOTENT
        result.error = f"{job.name}: after applying, the plan is not empty: {names}"
        result.error_id = "not-idempotent"
        result.hint = f"b70 plan --limit {job.name}   # shows what it wants again"
    else:
        result.state = HostState.CONVERGED


def _refuse_stale(saved: HostResult, fresh: HostResult) -> None:
    moved = sorted(
        name
        for name in saved.fingerprints.keys() | fresh.fingerprints.keys()
        if saved.fingerprints.get(name) != fresh.fingerprints.get(name)
    )
    if moved:
        raise Stale(
            f"{fresh.host}: the saved plan is stale: {', '.join(moved)} changed since",
            f"b70 plan --limit {fresh.host} -o PLAN",
        )


def _describe(
    job: Job, planned: Sequence[PlannedOp], cache: FactCache, result: HostResult
) -> None:
    """Fill in resources, gates, cost, fingerprints and the state that follows from them."""
    broken = next((op for op in planned if op.error), None)
    live = _live_files(planned, cache)
    job.seen = list(cache.seen)
    result.resources = [describe.resource(op, live, job.redact) for op in planned]
    result.gates = [_gate(item) for item in decisions(job)]
    result.cost = describe.cost(result.resources, job.durations)
    result.fingerprints = {r.name: describe.fingerprint(r) for r in result.resources}
    if broken is not None:
        raise OperationFailed(
            f"{job.name}: {broken.name} cannot be planned: {broken.error}",
            f"b70 facts {job.name}",
        )
    changing = any(r.status is not ResourceStatus.IN_SYNC for r in result.resources)
    result.state = HostState.PENDING if changing else HostState.IN_SYNC


def decisions(job: Job) -> tuple[Decision, ...]:
    """Return the gates' decisions over the facts of the job's last probe."""
    return decide(load_rows(), build_world(job.spec, job.readings))


def _gate(item: Decision) -> GateResult:
    return GateResult(
        id=item.id,
        title=item.title,
        verdict=item.verdict,
        choice=item.choice,
        reason=item.reason,
        facts=item.facts,
        evidence=item.evidence,
        next_step=item.next_step,
        simulated=item.simulated,
    )


def _live_files(
    planned: Sequence[PlannedOp], cache: FactCache
) -> dict[str, bytes | Absent | Unknown]:
    """Fetch the content of files that would be overwritten: one exec, only when there are any."""
    live: dict[str, bytes | Absent | Unknown] = {}
    keys: dict[str, FactKey] = {}
    for path in describe.files_to_show(planned):
        if isinstance(cache.value(fact_key(FileState, {"path": path})), Absent):
            live[path] = ABSENT
        else:
            keys[path] = fact_key(FileText, {"path": path})
    if missing := [key for key in keys.values() if isinstance(cache.value(key), Unknown)]:
        cache.fetch(missing)
    for path, key in keys.items():
        value = cache.value(key)
        if isinstance(value, bytes | Absent | Unknown):
            live[path] = value
    return live


def _probe(
    job: Job, cache: FactCache, head: str, extra: Iterable[Key], result: HostResult
) -> list[str]:
    """Run the head and read every fact in one exec; returns the head's lines."""
    job.emit(PhaseStarted(job.name, Phase.PROBE))
    try:
        answer = cache.fetch([*_batch_keys(job), *extra, *job.remembered], head or ":")
    except HeadRefused as refusal:
        raise _head_error(job, refusal) from refusal
    except NoAnswer as silence:
        raise _silence(job, silence) from silence
    _remember_readings(job, cache)
    return answer.head


def _batch_keys(job: Job) -> list[Key]:
    keyed = [fact_key(fact, arguments) for fact, arguments in KEYED.values()]
    return [*(_key(job, fact) for fact in batch_facts().values()), *keyed]


def _key(job: Job, fact: type) -> FactKey:
    root = job.spec.probe_root if fact.simulable else ""  # type: ignore[attr-defined]
    return fact_key(fact, {"probe_root": root})


def _remember_readings(job: Job, cache: FactCache) -> None:
    for domain, fact in batch_facts().items():
        job.readings[domain] = cache.value(_key(job, fact))
    for name, (keyed, arguments) in KEYED.items():
        job.readings[name] = cache.value(fact_key(keyed, arguments))


def _head_error(job: Job, refusal: HeadRefused) -> FleetError:
    if refusal.status == hostlock.IDENTITY:
        found = refusal.lines[0] if refusal.lines else "unreadable"
        return IdentityChanged(
            f"{job.name}: machine-id is {found}, pinned is {job.spec.identity.machine_id}",
            f"is {job.spec.connection.address} still that machine? "
            f"if it was reinstalled: b70 bootstrap {job.name} --rekey",
        )
    owner = hostlock.parse_owner(refusal.lines)
    if owner is not None:
        return Locked(
            f"{job.name}: locked by {owner.who}, run {owner.run}, "
            f"{owner.age_s} s ago, expires in {owner.left_s} s",
            f'b70 unlock {job.name} --lock {owner.run} --reason "..."   # only if that run is dead',
        )
    return StateNotWritable(
        f"{job.name}: cannot write {hostlock.STATE_DIR}: {' '.join(refusal.lines) or 'no message'}",
        f"b70 doctor {job.name}",
    )


def _silence(job: Job, silence: NoAnswer) -> FleetError:
    said = str(silence)
    if "sudo" in said:
        user = job.spec.connection.user
        return SudoRefused(
            f"{job.name}: sudo refused {user}: {said.splitlines()[0]}",
            f"on the host, as root: echo '{user} ALL=(ALL) NOPASSWD: ALL' "
            f"> /etc/sudoers.d/b70fleet && visudo -c",
        )
    return Unreachable(
        f"{job.name}: no shell answered (exit status {silence.output.status}): "
        f"{said or 'no message'}",
        f"ssh {shlex.quote(job.spec.connection.address)} true",
    )


def _fence(lines: Sequence[str]) -> int:
    for line in lines:
        if line.startswith("fence "):
            return int(line.split()[1])
    raise Unreachable("the host did not confirm its lock")


def _host_run(job: Job, session: Session, cache: FactCache, fence: int | None) -> HostRun:
    return HostRun(
        job.name,
        job.data,
        session,
        cache,
        fence=fence,
        command_s=job.spec.connection.command_timeout_s,
        emit=job.emit,
        stopping=job.stopping,
    )


@contextmanager
def _session(job: Job, result: HostResult) -> Iterator[Session]:
    """Open the host's connection; it is closed whatever happens."""
    job.emit(PhaseStarted(job.name, Phase.CONNECT))
    started = time.monotonic()
    state, host = new_state(job.name, job.data)
    reference, resolve = job.spec.connection.sudo_password, job.data.get("secrets")
    password = resolve(reference).reveal() if reference and callable(resolve) else ""
    session = Session(
        state, host, privileged=job.spec.connection.user != "root", sudo_password=password
    )
    try:
        session.connect()
        yield session
    finally:
        result.execs = session.execs
        result.seconds = round(time.monotonic() - started, 3)
        session.close()


@contextmanager
def _contained(job: Job, result: HostResult) -> Iterator[None]:
    """Turn every error into this host's result: one bad host never ends the run of another."""
    try:
        yield
    except FleetError as error:
        job.error = error
    except PyinfraError as error:
        job.error = OperationFailed(f"{job.name}: {error}")
    except Exception as error:  # a bug in one host's path must not take the fleet down
        _log.exception("%s", job.name)
        job.error = FleetError(f"{job.name}: {type(error).__name__}: {error}")
    if job.error is not None and not result.error_id:
        _fail(result, job.error)
    result.error, result.hint = job.redact(result.error), job.redact(result.hint)


def _fail(result: HostResult, error: FleetError) -> None:
    result.error, result.hint, result.error_id = error.message, error.hint, error.id
    if isinstance(error, Refused):
        result.state = HostState.REFUSED
    elif isinstance(error, LostContact | CommandTimeout) and (result.changed or result.resources):
        # it was being changed when contact was lost: what happened last is not known
        result.state = HostState.UNCERTAIN
    elif isinstance(error, Unreachable):
        result.state = HostState.UNREACHABLE
    else:
        result.state = HostState.FAILED
    for item in result.resources:
        if item.status is ResourceStatus.CHANGE and item.outcome is None:
            item.outcome = "done" if item.name in result.changed else "not-run"


def _record(job: Job, session: Session, fence: int, result: HostResult) -> None:
    """Journal the outcome on the host and give its lock back, in one exec."""
    job.emit(PhaseStarted(job.name, Phase.RECORD))
    text = hostlock.release(job.run, fence, result.state, result.certificate)
    try:
        output = session.run(text, deadline_s=_RECORD_S)
    except Unreachable as error:
        if result.state in (HostState.IN_SYNC, HostState.CONVERGED):
            result.certificate = ""
            _fail(result, error)
        return
    if output.status and result.state in (HostState.IN_SYNC, HostState.CONVERGED):
        result.certificate = ""
        result.state = HostState.FAILED
        result.error = f"{job.name}: the outcome could not be journaled on the host"
