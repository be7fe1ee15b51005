"""Contact with one host: open, probe, record, confirm; every error becomes the host's result.

Knows what is said to a host and in which exec; what a run does with it lies in hostjob.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from pyinfra.api.exceptions import PyinfraError

from facts.base import HostFact
from facts.readings import Readings
from facts.registry import batch_facts
from fleet.base.errors import FleetError, Refused, Unreachable
from fleet.base.exitcodes import ExitCode
from fleet.host import deadman, hostlock
from fleet.host.factbatch import FactCache, HeadRefused, NoAnswer
from fleet.host.factkey import FactKey, Key, fact_key
from fleet.host.pyinfra import new_state
from fleet.host.session import CommandTimeout, LostContact, Session
from fleet.model.events import Phase, PhaseStarted
from fleet.model.plan import HostResult, HostState, ResourceStatus
from fleet.run.executor import HostRun, OperationFailed
from fleet.run.hosterrors import ChangeTakenBack, head_error, silence_error
from fleet.run.job import Job
from gates.needed import KEYED

_log = logging.getLogger("b70")

#: Seconds for the small texts: journal and unlock, confirm, unlock by hand.
_TEXT_S: Final = 60


@contextmanager
def opened(job: Job, result: HostResult, *, privileged: bool = True) -> Iterator[Session]:
    """Open the host's connection; it is closed whatever happens.

    Args:
        privileged: become root through sudo where the login is not root.
    """
    job.emit(PhaseStarted(job.name, Phase.CONNECT))
    started = time.monotonic()
    state, host = new_state(job.name, job.data)
    reference, resolve = job.spec.connection.sudo_password, job.data.get("secrets")
    password = resolve(reference).reveal() if reference and callable(resolve) else ""
    session = Session(
        state,
        host,
        privileged=privileged and job.spec.connection.user != "root",
        sudo_password=password,
    )
    try:
        session.connect()
        yield session
    finally:
        result.execs = session.execs
        result.seconds = round(time.monotonic() - started, 3)
        session.close()


@contextmanager
def contained(job: Job, result: HostResult) -> Iterator[None]:
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
        fail(result, job.error)
    result.error, result.hint = job.redact(result.error), job.redact(result.hint)


def probe(
    job: Job, cache: FactCache, head: str, extra: Iterable[Key], result: HostResult
) -> list[str]:
    """Run the head and read the job's facts in one exec; returns the head's lines."""
    job.emit(PhaseStarted(job.name, Phase.PROBE))
    try:
        answer = cache.fetch([*facts_of(job), *extra, *job.remembered], head or ":")
    except HeadRefused as refusal:
        raise head_error(job, refusal) from refusal
    except NoAnswer as silence:
        raise silence_error(job, silence) from silence
    remember_readings(job, cache)
    return answer.head


def facts_of(job: Job) -> Sequence[FactKey]:
    """Return the facts to read for a job."""
    return job.facts if job.facts is not None else [*plain(job, batch_facts().values()), *keyed()]


def plain(job: Job, facts: Iterable[type[HostFact[Any]]]) -> list[FactKey]:
    """Return the keys of facts without arguments."""
    root = job.spec.probe_root
    return [fact_key(fact, {"probe_root": root if fact.simulable else ""}) for fact in facts]


def keyed() -> list[FactKey]:
    """Return the facts with arguments that the gates ask for."""
    return [fact_key(fact, arguments) for fact, arguments in KEYED.items()]


def remember_readings(job: Job, cache: FactCache) -> None:
    job.readings = Readings({key.fact: cache.value(key) for key in facts_of(job)})


def fence_of(lines: Sequence[str]) -> int:
    for line in lines:
        if line.startswith("fence "):
            return int(line.split()[1])
    raise Unreachable("the host did not confirm its lock")


def host_run(job: Job, session: Session, cache: FactCache, fence: int | None) -> HostRun:
    return HostRun(
        job.name,
        job.data,
        session,
        cache,
        fence=fence,
        command_s=job.spec.connection.command_timeout_s,
        emit=job.emit,
        stopping=job.stopping,
        confirm=lambda: _confirm(job),
    )


def _confirm(job: Job) -> None:
    """Prove over a new connection that the host can still be reached and changed.

    Raises:
        ChangeTakenBack: it cannot, or too late.
    """
    end = time.monotonic() + deadman.PATIENCE_S
    while True:
        try:
            with opened(job, HostResult(host=job.name, state=HostState.IN_SYNC)) as session:
                output = session.run(deadman.confirm(), deadline_s=_TEXT_S)
            break
        except FleetError as error:
            if time.monotonic() > end:
                raise ChangeTakenBack.of(job.name) from error
            time.sleep(1)
    if output.status:
        raise ChangeTakenBack.of(job.name)


def run_text(job: Job, text: str) -> str:
    """Run one shell text on the host as root and return what it printed.

    Raises:
        FleetError: no contact, or the text failed.
    """
    with opened(job, HostResult(host=job.name, state=HostState.IN_SYNC)) as session:
        output = session.run(text, deadline_s=_TEXT_S)
    said = output.stdout.decode("utf-8", "replace").strip()
    if output.status:
        raise Refused(f"{job.name}: {said or output.stderr.decode('utf-8', 'replace').strip()}")
    return said


def record(job: Job, session: Session, result: HostResult) -> None:
    """Journal the outcome on the host and give its lock back, in one exec."""
    job.emit(PhaseStarted(job.name, Phase.RECORD))
    text = hostlock.release(job.run.id, job.fence, result.state, result.certificate)
    try:
        output = session.run(text, deadline_s=_TEXT_S)
    except Unreachable as error:
        if result.state in (HostState.IN_SYNC, HostState.CONVERGED):
            result.certificate = ""
            fail(result, error)
        return
    if output.status and result.state in (HostState.IN_SYNC, HostState.CONVERGED):
        result.certificate = ""
        result.state = HostState.FAILED
        result.error = f"{job.name}: the outcome could not be journaled on the host"


def begun(job: Job) -> HostResult:
    """Return the result of a host whose work has begun: what stays if the controller dies now."""
    return HostResult(
        host=job.name,
        state=HostState.UNCERTAIN,
        error=f"{job.name}: work began, and no outcome was recorded",
        error_id="aborted",
        hint=f"b70 plan --limit {job.name}",
    )


def aborted(job: Job) -> HostResult:
    """Return the result of a host whose work was aborted: what it did last is not known."""
    return HostResult(
        host=job.name,
        state=HostState.UNCERTAIN,
        error=f"{job.name}: aborted; what was running there may still finish",
        error_id="aborted",
        hint=f"b70 plan --limit {job.name}",
    )


def fail(result: HostResult, error: FleetError) -> None:
    result.error, result.hint, result.error_id = error.message, error.hint, error.id
    if isinstance(error, Refused):
        result.state = HostState.REFUSED
    elif error.exit_code is ExitCode.PENDING:
        result.state = HostState.PENDING
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
