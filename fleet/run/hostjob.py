"""What is done to one host: connect, probe, plan, apply, verify, record.

The order of a run and its outcomes; how to talk to the host is the session's and the executor's
business. Nothing stays open when a function here returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from deploys.layer import Layer, Reasons
from facts.system.files import FileState, FileText
from facts.system.standing import HostStanding, Standing
from facts.value import ABSENT, Absent, Unknown
from fleet.base.errors import Refused
from fleet.host import hostlock, reboot
from fleet.host.factbatch import FactCache
from fleet.host.factkey import FactKey, Key, fact_key
from fleet.host.session import Session
from fleet.model.events import Note, Phase, PhaseStarted, Waiting
from fleet.model.plan import GateResult, HostResult, HostState, ResourceStatus, certificate
from fleet.preflight import inhibitors
from fleet.run import describe
from fleet.run.contact import (
    contained,
    facts_of,
    fence_of,
    host_run,
    opened,
    probe,
    record,
    remember_readings,
)
from fleet.run.executor import HostRun, OperationFailed, PlannedOp
from fleet.run.hosterrors import (
    BootNotProven,
    BootSetDrift,
    Inhibited,
    NotBootedAsDeclared,
    RebootPending,
    Stale,
    SudoRefused,
)
from fleet.run.job import Job
from gates.engine import decide
from gates.model import Decision
from gates.rows import load as load_rows
from gates.world import build as build_world

#: How a host comes out that needs nothing more.
GOOD: Final = (HostState.IN_SYNC, HostState.CONVERGED)
#: Passes over the layers before a host counts as not idempotent: the second and third are for
#: resources that were in sync and that another resource's change has put out of sync.
MAX_PASSES: Final = 3


def read_facts(job: Job) -> HostResult:
    """Read the job's facts into `job.readings`.

    Where sudo refuses, the facts are read as the ordinary user: what needs root is UNKNOWN then.
    """
    result = HostResult(host=job.name, state=HostState.IN_SYNC)
    with contained(job, result):
        try:
            _read(job, result, privileged=True)
        except SudoRefused:
            _read(job, result, privileged=False)
    return result


def _read(job: Job, result: HostResult, *, privileged: bool) -> None:
    with opened(job, result, privileged=privileged) as session:
        cache = FactCache(session)
        head = hostlock.identify(job.spec.identity.machine_id)
        probe(job, cache, head, job.questions, result)
        job.answers = {key: cache.value(key) for key in job.questions}


def plan(job: Job) -> HostResult:
    """Find out what would change; nothing is written on the host."""
    result = HostResult(host=job.name, state=HostState.IN_SYNC)
    with contained(job, result), opened(job, result) as session:
        cache = FactCache(session)
        head = f"{hostlock.identify(job.spec.identity.machine_id)}\n{hostlock.peek()}"
        lines = probe(job, cache, head, (), result)
        if owner := hostlock.parse_owner(lines):
            job.emit(Note(job.name, f"run {owner.run} of {owner.who} holds this host"))
        job.emit(PhaseStarted(job.name, Phase.PLAN))
        run = host_run(job, session, cache, fence=None)
        _describe(job, run.plan(job.layers), cache, result)
        if result.reboot_pending:
            result.state = HostState.PENDING
    return result


def converge(job: Job, saved: HostResult | None = None) -> HostResult:
    """Bring the host to its declaration, prove it with an empty re-plan, and record both.

    Args:
        saved: a plan of before; the host is refused unless the fresh plan is the same.
    """
    result = HostResult(host=job.name, state=HostState.IN_SYNC)
    with contained(job, result), opened(job, result) as session:
        cache = FactCache(session)
        _take(job, cache, result)
        # an abort (GreenletExit) passes through: nobody waits for a journal, the lease runs out
        with contained(job, result):
            _converge_locked(job, session, cache, saved, result)
        if result.state in GOOD and result.reboot_pending:
            with contained(job, result):
                _after_reboot(job, session, result)
        if result.state in GOOD:
            with contained(job, result):
                _refuse_unproven(job, result)
        record(job, session, result)
    return result


def apply(job: Job) -> HostResult:
    """Apply the job's layers alone: no certificate, no reboot, nothing said about the rest."""
    result = HostResult(host=job.name, state=HostState.IN_SYNC)
    with contained(job, result), opened(job, result) as session:
        cache = FactCache(session)
        _take(job, cache, result)
        with contained(job, result):
            run = host_run(job, session, cache, fence=job.fence)
            planned = run.plan(job.layers)
            if broken := next((op for op in planned if op.error), None):
                raise Refused(f"{job.name}: {broken.name}: {broken.error}")
            _describe(job, planned, cache, result)
            _refuse_inhibited(job)
            if result.state is HostState.PENDING:
                _apply_until_empty(job, run, planned, cache, result, whole=False)
        record(job, session, result)
    return result


def _refuse_inhibited(job: Job) -> None:
    found = [item for item in inhibitors(job.spec, job.readings) if item.id not in job.excused]
    if found:
        more = f" (and {len(found) - 1} more)" * (len(found) > 1)
        raise Inhibited(f"{job.name}: {found[0].text}{more}", found[0].remedy)


def _take(job: Job, cache: FactCache, result: HostResult) -> None:
    """Check identity, take the lock and read all facts in one exec."""
    head = "\n".join(
        (hostlock.identify(job.spec.identity.machine_id), hostlock.acquire(job.run.id, job.run.who))
    )
    job.fence = fence_of(probe(job, cache, head, (), result))


def _after_reboot(job: Job, session: Session, result: HostResult) -> None:
    """Reboot where that is allowed, and converge what the new boot still wants.

    Raises:
        RebootPending: nobody allowed it.
        BootSetDrift: the host is in production.
        NotBootedAsDeclared: it booted, and the reasons are still there.
    """
    reasons = "; ".join(result.reboot_pending)
    result.certificate = ""
    if not _is_new(job):
        raise BootSetDrift.of(job.name, reasons)
    if not job.allow_reboot:
        raise RebootPending(
            f"{job.name}: a reboot is pending: {reasons}",
            f"b70 converge --limit {job.name} --allow-reboot",
        )
    job.emit(PhaseStarted(job.name, Phase.REBOOT))
    reboot.reboot(
        session,
        job.name,
        deadline_s=job.spec.connection.reboot_timeout_s,
        waiting=lambda left: job.emit(Waiting(job.name, "its boot", left)),
    )
    before, cache = result.changed, FactCache(session)
    _take(job, cache, result)
    _converge_locked(job, session, cache, None, result)
    result.changed = list(dict.fromkeys([*before, *result.changed]))
    result.cost.reboots = 1
    if result.reboot_pending:
        result.certificate = ""
        raise NotBootedAsDeclared(
            f"{job.name}: booted, but: {'; '.join(result.reboot_pending)}",
            f"b70 facts {job.name} boot kernel",
        )
    if result.changed:
        result.state = HostState.CONVERGED


def _converge_locked(
    job: Job,
    session: Session,
    cache: FactCache,
    saved: HostResult | None,
    result: HostResult,
) -> None:
    job.emit(PhaseStarted(job.name, Phase.PLAN))
    run = host_run(job, session, cache, fence=job.fence)
    planned = run.plan(job.layers)
    _describe(job, planned, cache, result)
    if saved is not None:
        _refuse_stale(saved, result)
    _refuse_inhibited(job)
    _refuse_boot_drift(job, result)
    if any(item.status is not ResourceStatus.IN_SYNC for item in result.resources):
        _apply_until_empty(job, run, planned, cache, result, whole=True)
    if result.state in GOOD:
        result.certificate = certificate(job.name, job.spec_hash, result.resources)


def _reads(run: HostRun, layer: Layer, planned: Sequence[PlannedOp]) -> list[Key]:
    """Return the facts that a layer and its resources read when they were last planned."""
    own = (key for op in planned if op.layer == layer.name for key in op.reads)
    return [*run.layer_reads.get(layer.name, ()), *own]


def _apply_until_empty(
    job: Job,
    run: HostRun,
    planned: Sequence[PlannedOp],
    cache: FactCache,
    result: HostResult,
    *,
    whole: bool,
) -> None:
    """Apply pass after pass until the re-plan is empty or a resource wants the same thing twice.

    Args:
        whole: verify with every normal fact, for a certificate; else with those that were asked.
    """
    first_plan = {item.name: item for item in result.resources}
    try:
        for _ in range(MAX_PASSES):
            for layer in job.layers:
                # a layer before may have changed the host: what this one reads is read anew
                if lacking := cache.lacking(_reads(run, layer, planned)):
                    cache.fetch(lacking)
                job.emit(PhaseStarted(job.name, Phase.APPLY))
                now = run.plan([layer])
                _refuse_broken(job, now)
                run.apply([op for op in now if op.commands or op.conditional])
            job.emit(PhaseStarted(job.name, Phase.VERIFY))
            cache.fetch([*(facts_of(job) if whole else ()), *cache.seen])
            planned = run.plan(job.layers)
            if whole:
                remember_readings(job, cache)
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


def _refuse_boot_drift(job: Job, result: HostResult) -> None:
    """Leave the boot set of a host in production to a rollout."""
    boot_layers = {layer.name for layer in job.layers if layer.boot}
    drift = [
        item.name
        for item in result.resources
        if item.layer in boot_layers and item.status is not ResourceStatus.IN_SYNC
    ]
    if drift and not _is_new(job):
        raise BootSetDrift.of(job.name, ", ".join(drift))


def _refuse_unproven(job: Job, result: HostResult) -> None:
    """Give a new host no certificate while what it booted is UNKNOWN."""
    doubts = _reasons(job, [layer.unproven for layer in job.layers])
    if doubts and _is_new(job):
        result.certificate = ""
        raise BootNotProven(
            f"{job.name}: its boot set is not proven: {'; '.join(doubts)}",
            f"b70 facts {job.name} kernel gpu_log",
        )


def _reasons(job: Job, sources: Sequence[Reasons | None]) -> list[str]:
    return [text for source in sources if source for text in source(job.spec, job.readings)]


def _is_new(job: Job) -> bool:
    """Tell whether the host surely never had a certificate; UNKNOWN counts as production."""
    standing = job.readings[HostStanding]
    return isinstance(standing, Standing) and standing.production_run is ABSENT


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


def _describe(job: Job, planned: Sequence[PlannedOp], cache: FactCache, result: HostResult) -> None:
    """Fill in resources, gates, cost, fingerprints and the state that follows from them."""
    live = _live_files(planned, cache)
    job.seen = list(cache.seen)
    result.resources = [describe.resource(op, live, job.redact) for op in planned]
    result.gates = [_gate(item) for item in decisions(job)]
    result.cost = describe.cost(result.resources, job.durations)
    result.fingerprints = {r.name: describe.fingerprint(r) for r in result.resources}
    result.reboot_pending = _reasons(job, [layer.pending for layer in job.layers])
    result.cost.reboots = int(bool(result.reboot_pending))
    _refuse_broken(job, planned)
    changing = any(r.status is not ResourceStatus.IN_SYNC for r in result.resources)
    result.state = HostState.PENDING if changing else HostState.IN_SYNC


def _refuse_broken(job: Job, planned: Sequence[PlannedOp]) -> None:
    broken = next((op for op in planned if op.error), None)
    if broken is not None:
        raise OperationFailed(
            f"{job.name}: {broken.name} cannot be planned: {broken.error}",
            f"b70 facts {job.name}",
        )


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
