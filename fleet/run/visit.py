"""One host in one run is one object: its declaration, the way to it, what it said, what came of it.

Knows how a connection is opened and closed and how an error becomes the host's result; what is done
in between is a recipe's business. Nothing stays open when a visit is over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pyinfra.api.exceptions import PyinfraError

from declaration.host import HostSpec
from deploys.layer import Layer
from facts.readings import Readings
from fleet.base.errors import Bug, FleetError
from fleet.base.run import Run
from fleet.host import deadman
from fleet.host.cache import FactCache
from fleet.host.keys import FactKey, Key
from fleet.host.refusal import SudoRefused
from fleet.host.session import Session, Way
from fleet.host.shell import Shell
from fleet.model.events import Emit, Phase, PhaseStarted
from fleet.model.plan import HostResult, HostState
from fleet.run.ending import fail
from fleet.run.executor import HostRun, OperationFailed
from fleet.run.hosterrors import ChangeTakenBack
from fleet.run.planner import PlannedOp
from gates.engine import decide
from gates.model import Decision
from gates.rows import load as load_rows
from gates.world import build as build_world

_Part = TypeVar("_Part")

#: Seconds for the small texts: journal and unlock, confirm, unlock by hand.
TEXT_S: Final = 60

_log = logging.getLogger("b70")


@dataclass(slots=True)
class Visit:
    """One host of a run.

    Args:
        spec: its declaration.
        data: what pyinfra carries as `host.data`.
        run: the run that this is part of.
        way: makes the session.
        declared: hash of the declaration.
        layers: what is planned and applied, in order.
        emit: gets what happens.
        stopping: returns True once Ctrl-C asked to stop.
        redact: masks secrets in every text that leaves the visit.
        reads: facts to read at first contact, and again for a certificate.
        questions: facts with arguments to read beside these.
        remembered: facts this host was asked for last time.
        durations: resource -> seconds, from the ledger.
        saved: a plan of before; the host is refused unless the fresh plan is the same.
        allow_reboot: a person said that this run may reboot the host.
        excused: preflight findings that do not stop this run: it may be their very remedy.
        gone: returns True if this computer began a run and its process is no more.
        keep: puts on record how the host stands now.
    """

    spec: HostSpec
    data: Mapping[str, object]
    run: Run
    way: Way
    declared: str
    layers: Sequence[Layer]
    emit: Emit
    stopping: Callable[[], bool]
    redact: Callable[[str], str]
    reads: Sequence[FactKey]
    questions: Sequence[FactKey] = ()
    remembered: Sequence[Key] = ()
    durations: Mapping[str, float] = field(default_factory=dict)
    saved: HostResult | None = None
    allow_reboot: bool = False
    excused: frozenset[str] = frozenset()
    gone: Callable[[str], bool] = lambda _: False
    keep: Callable[[HostResult], None] = lambda _: None
    #: what came of it
    result: HostResult = field(init=False)
    #: what the facts said
    readings: Readings = field(default_factory=Readings)
    #: what the questions were answered
    answers: dict[FactKey, object] = field(default_factory=dict)
    #: what the host said to a text of a recipe's own
    said: str = ""
    #: why the facts were read without root; None when they were read with it
    without_root: SudoRefused | None = None
    #: this computer's clock when the facts were asked for last, seconds since the epoch
    asked_at: float = 0
    #: facts to ask for at once the next time
    seen: list[Key] = field(default_factory=list)
    #: fencing token of the lock; None while there is none
    fence: int | None = None
    #: the lock of this run may stand on the host
    may_hold_lock: bool = False
    #: resources as they were planned last
    planned: Sequence[PlannedOp] = ()
    #: the recipe was begun
    started: bool = False
    #: what ended the visit early
    error: FleetError | None = None
    _session: Session | None = None
    _cache: FactCache | None = None
    _work: HostRun | None = None

    def __post_init__(self) -> None:
        """Begin with nothing compared."""
        self.result = HostResult(host=self.name, state=HostState.READ)

    @property
    def name(self) -> str:
        """Return the host's name."""
        return self.spec.name

    @property
    def session(self) -> Session:
        """Return the open connection."""
        return _open(self._session)

    @property
    def cache(self) -> FactCache:
        """Return the facts that were read over this connection."""
        return _open(self._cache)

    def enter(self, phase: Phase) -> None:
        """Say which phase begins."""
        self.emit(PhaseStarted(self.name, phase))

    def start_anew(self) -> None:
        """Forget what was read and planned: the host booted, or is asked for the first time."""
        self._cache = FactCache(self.session)
        self._work = None

    def begin_work(self) -> HostRun:
        """Return the pass over the layers, begun unless it was; without a lock it only plans."""
        if self._work is None:
            self._work = HostRun(
                self.name,
                self.data,
                self.session,
                self.cache,
                fence=self.fence,
                command_s=self.spec.connection.command_timeout_s,
                emit=self.emit,
                stopping=self.stopping,
                confirm=lambda: confirm(self),
            )
        return self._work

    def decisions(self) -> tuple[Decision, ...]:
        """Return the gates' decisions over what the facts said last."""
        return decide(load_rows(), build_world(self.spec, self.readings))

    def remember(self, facts: Sequence[FactKey]) -> None:
        """Keep what these facts and the questions said, for whoever judges it."""
        self.readings = Readings({key.fact: self.cache.value(key) for key in facts})
        self.answers = {key: self.cache.value(key) for key in self.questions}

    def connect(self, *, privileged: bool = True) -> None:
        """Open the connection; one that is open is closed first.

        Args:
            privileged: become root through sudo where the login is not root.
        """
        self.enter(Phase.CONNECT)
        self.disconnect()
        self._session = new_session(self, privileged=privileged)
        self._session.connect()
        self.start_anew()

    def executed(self) -> list[str]:
        """Return the resources that were changed so far, before a reboot too, in order."""
        now = self._work.executed if self._work else ()
        return list(dict.fromkeys([*self.result.changed, *now]))

    def in_flight(self) -> frozenset[str]:
        """Return the resources whose commands were begun and did not end well."""
        if self._work is None:
            return frozenset()
        return frozenset({self._work.in_flight, *self._work.sending} - {""})

    def disconnect(self) -> None:
        """Close the connection; the result keeps how many programs were run over it."""
        if self._session is not None:
            self.result.execs = self._session.execs
            self._session.close()
            self._session = None


def _open(part: _Part | None) -> _Part:
    if part is None:
        raise RuntimeError("a step of a recipe was taken before the connection was open")
    return part


def new_session(visit: Visit, *, privileged: bool) -> Session:
    """Return a connection to the visit's host, not open yet."""
    reference, resolve = visit.spec.connection.sudo_password, visit.data.get("secrets")
    password = resolve(reference).reveal() if reference and callable(resolve) else ""
    shell = Shell(
        privileged and visit.spec.connection.user != "root",
        password,
        str(reference) if reference else "",
    )
    return visit.way(visit.name, visit.data, shell)


@contextmanager
def contained(visit: Visit) -> Iterator[None]:
    """Turn every error into this host's result: one bad host never ends the run of another."""
    try:
        yield
    except FleetError as error:
        visit.error = error
    except PyinfraError as error:
        visit.error = OperationFailed(f"{visit.name}: {error}")
    except Exception as error:  # a bug in one host's path must not take the fleet down
        _log.exception("%s", visit.name)
        visit.error = Bug(f"{visit.name}: {type(error).__name__}: {error}")
    result = visit.result
    if visit.error is not None and not result.error_id:
        fail(result, visit.error, visit.in_flight())
    result.lock = visit.run.id if visit.may_hold_lock else ""
    result.error, result.hint = visit.redact(result.error), visit.redact(result.hint)


@contextmanager
def connected(visit: Visit) -> Iterator[None]:
    """Open the host's connection; it is closed whatever happens."""
    started = time.monotonic()
    try:
        visit.connect()
        yield
    finally:
        visit.disconnect()
        visit.result.seconds = round(time.monotonic() - started, 3)


def confirm(visit: Visit) -> None:
    """Prove over a new connection that the host can still be reached and changed.

    Raises:
        ChangeTakenBack: it cannot, or too late.
    """
    end = time.monotonic() + deadman.PATIENCE_S
    while True:
        session = new_session(visit, privileged=True)
        try:
            session.connect()
            output = session.run(deadman.confirm(), deadline_s=TEXT_S)
            break
        except FleetError as error:
            if time.monotonic() > end:
                raise ChangeTakenBack.of(visit.name) from error
            time.sleep(1)
        finally:
            session.close()
    if output.status:
        raise ChangeTakenBack.of(visit.name)
