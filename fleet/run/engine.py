"""The engine: the same few verbs for one host or hundreds.

Fans jobs out over hosts, keeps the ledger, remembers what each host was asked. What happens on one
host lies in hostjob.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from declaration.host import HostSpec
from deploys.layer import Layer
from facts.readings import Readings
from facts.registry import all_facts
from fleet.base.errors import FleetError
from fleet.base.run import Run
from fleet.config import Fleet
from fleet.host import hostlock
from fleet.host.factkey import FactKey, Key, from_text, to_text
from fleet.host.pyinfra import prepare
from fleet.ledger import Ledger
from fleet.model.events import Emit, HostDone, discard
from fleet.model.plan import HostResult, HostState, RunResult
from fleet.run import contact, hostjob
from fleet.run.hostdata import host_data
from fleet.run.job import Job
from fleet.run.pool import Stopper, fan_out
from gates.model import Decision
from gates.needed import FACTS as NEEDED

#: Hosts worked on at the same time unless told otherwise; one greenlet and one connection each.
DEFAULT_PARALLEL = 128


@dataclass(slots=True)
class HostFacts:
    """What `b70 facts` shows of one host."""

    given: Readings = field(default_factory=Readings)
    error: FleetError | None = None
    execs: int = 0
    answers: dict[FactKey, object] = field(default_factory=dict)


class Engine:
    """Runs jobs over hosts of one fleet.

    Args:
        fleet: the loaded declaration.
        ledger: where runs are recorded; None records nothing (tests of single verbs).
        parallel: hosts at the same time, 0 = DEFAULT_PARALLEL.
        layers: the site; the product's own unless a test plants one.
        redact: masks secrets in every text that leaves the engine.
        run: the run that its verbs are part of; a new one unless given.
    """

    def __init__(
        self,
        fleet: Fleet,
        ledger: Ledger | None = None,
        parallel: int = 0,
        layers: Sequence[Layer] | None = None,
        redact: Callable[[str], str] = str,
        run: Run | None = None,
    ) -> None:
        prepare()
        self._fleet = fleet
        self._ledger = ledger
        self._parallel = parallel or DEFAULT_PARALLEL
        self._layers = layers
        self._redact = redact
        self._begun = run or Run.begin()
        self._stopper = Stopper()

    def facts(
        self,
        hosts: Sequence[HostSpec],
        emit: Emit = discard,
        *,
        only: Sequence[str] = (),
        also: Sequence[str] = (),
    ) -> dict[str, HostFacts]:
        """Read facts of the hosts: every normal one unless some are named.

        Args:
            only: the domains to read.
            also: domains to read beside the normal ones.
        """
        known = all_facts()
        jobs = self._jobs(hosts, emit, layers=())
        for job in jobs:
            if only:
                job.facts = contact.plain(job, (known[name] for name in only))
            else:
                beside = contact.plain(job, (known[name] for name in also))
                job.facts = list(dict.fromkeys([*contact.facts_of(job), *beside]))
        results = self._each(jobs, hostjob.read_facts)
        return {
            job.name: HostFacts(job.readings, job.error, result.execs)
            for job, result in zip(jobs, results, strict=True)
        }

    def ask(self, host: HostSpec, questions: Sequence[FactKey], emit: Emit = discard) -> HostFacts:
        """Read every normal fact of one host and some that take arguments, in one exec.

        Args:
            questions: their answers stand in `HostFacts.answers`.
        """
        job = self._jobs([host], emit, layers=())[0]
        job.questions = questions
        result = self._each([job], hostjob.read_facts)[0]
        return HostFacts(job.readings, job.error, result.execs, job.answers)

    def gates(
        self, hosts: Sequence[HostSpec], emit: Emit = discard
    ) -> dict[str, tuple[Decision, ...] | FleetError]:
        """Read what the gates ask for and decide every one."""
        jobs = self._jobs(hosts, emit, layers=())
        for job in jobs:
            job.facts = [*contact.plain(job, NEEDED), *contact.keyed()]
        self._each(jobs, hostjob.read_facts)
        return {job.name: job.error or hostjob.decisions(job) for job in jobs}

    def plan(self, hosts: Sequence[HostSpec], emit: Emit = discard) -> RunResult:
        """Find out what would change on the hosts; nothing is written there."""
        return self._run("plan", hosts, emit, hostjob.plan, changes=False)

    def converge(
        self,
        hosts: Sequence[HostSpec],
        emit: Emit = discard,
        saved: RunResult | None = None,
        allow_reboot: bool = False,
    ) -> RunResult:
        """Bring the hosts to their declaration.

        Args:
            saved: only these plans, and only while they are still true.
            allow_reboot: a new host may boot its first boot set.
        """
        plans = {result.host: result for result in saved.hosts} if saved else {}

        def work(job: Job) -> HostResult:
            job.allow_reboot = allow_reboot
            return hostjob.converge(job, plans.get(job.name))

        with self._stopper.listening():
            return self._run("converge", hosts, emit, work, changes=True)

    def run_layers(
        self,
        hosts: Sequence[HostSpec],
        layers: Sequence[Layer],
        command: str,
        emit: Emit = discard,
        excused: frozenset[str] = frozenset(),
    ) -> RunResult:
        """Apply layers that are not part of the site: one phase's resources, a person's request.

        Locked, verified and recorded like a converge; it gives no certificate.

        Args:
            command: what the ledger calls the run.
            excused: preflight findings that do not stop it.
        """

        def work(job: Job) -> HostResult:
            job.excused = excused
            return hostjob.apply(job)

        with self._stopper.listening():
            return self._run(command, hosts, emit, work, layers, changes=True)

    def unlock(self, host: HostSpec, lock: str, reason: str) -> str:
        """Remove a dead run's lock on a person's word; returns what the host said."""
        job = self._jobs([host], discard, layers=())[0]
        return contact.run_text(job, hostlock.unlock(lock, reason, self._begun.who))

    def _run(
        self,
        command: str,
        hosts: Sequence[HostSpec],
        emit: Emit,
        work: Callable[[Job], HostResult],
        layers: Sequence[Layer] | None = None,
        *,
        changes: bool,
    ) -> RunResult:
        started = time.monotonic()
        result = RunResult(
            run=self._begun.id,
            command=command,
            fleet=self._fleet.name,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if self._ledger is not None:
            self._ledger.begin(result.run, command, self._fleet.name)
        jobs = self._jobs(hosts, emit, self._site() if layers is None else layers)

        def one(job: Job) -> HostResult:
            if changes and self._ledger is not None:
                self._ledger.host(result.run, contact.begun(job))
            outcome = work(job)
            self._record(result.run, job, outcome)
            if layers is None:  # the next run of the site asks for the site's facts
                self._remember(job, outcome)
            return outcome

        def cut_short(job: Job) -> HostResult:
            outcome = contact.aborted(job)
            self._record(result.run, job, outcome)
            return outcome

        result.hosts = self._each(jobs, one, cut_short)
        result.seconds = round(time.monotonic() - started, 3)
        if self._ledger is not None:
            self._ledger.finish(result.run, result)
        return result

    def _each(
        self,
        jobs: Sequence[Job],
        work: Callable[[Job], HostResult],
        cut_short: Callable[[Job], HostResult] = contact.aborted,
    ) -> list[HostResult]:
        def told(job: Job) -> HostResult:
            outcome = work(job)
            job.emit(HostDone(job.name, outcome.state, outcome.error))
            return outcome

        return fan_out(jobs, told, self._parallel, cut_short)

    def _record(self, run: str, job: Job, outcome: HostResult) -> None:
        if self._ledger is None:
            return
        self._ledger.host(run, outcome)
        if read := job.readings.items():
            steady = {fact.domain: value for fact, value in read if not fact.volatile}
            self._ledger.facts(run, job.name, steady)

    def _remember(self, job: Job, outcome: HostResult) -> None:
        if self._ledger is None:
            return
        if outcome.state not in (HostState.UNREACHABLE, HostState.REFUSED):
            self._ledger.remember(job.name, job.spec_hash, [to_text(key) for key in job.seen])

    def _jobs(self, hosts: Sequence[HostSpec], emit: Emit, layers: Sequence[Layer]) -> list[Job]:
        return [
            Job(
                spec=spec,
                data=host_data(spec, self._fleet),
                run=self._begun,
                spec_hash=self._fleet.spec_hash(spec.name),
                layers=layers,
                emit=emit,
                stopping=self._stopper.is_set,
                redact=self._redact,
                remembered=self._recall(spec.name) if layers else (),
                durations=self._durations(spec.name) if layers else {},
            )
            for spec in hosts
        ]

    def _recall(self, host: str) -> list[Key]:
        if self._ledger is None:
            return []
        texts = self._ledger.recall(host, self._fleet.spec_hash(host)) or []
        keys = (from_text(str(text)) for text in texts)
        return [key for key in keys if key is not None]

    def _durations(self, host: str) -> Mapping[str, float]:
        return self._ledger.typical_durations(host) if self._ledger is not None else {}

    def _site(self) -> Sequence[Layer]:
        if self._layers is not None:
            return self._layers
        from deploys.site import LAYERS  # late: tests of other verbs need no layer

        return LAYERS
