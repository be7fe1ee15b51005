"""Runs `b70` in this process on an imaginary fleet, with an engine that answers from a script."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from typer.testing import CliRunner, Result

from declaration.host import Connection, HostSpec
from facts.readings import Readings
from fleet.base import logfile
from fleet.base.errors import FleetError
from fleet.cli import context
from fleet.cli.app import app
from fleet.config import Fleet
from fleet.host.keys import FactKey
from fleet.host.refusal import SudoRefused
from fleet.ledger import Ledger
from fleet.model.events import (
    Emit,
    HostDone,
    Phase,
    PhaseStarted,
    ResourceDone,
    ResourceStarted,
    discard,
)
from fleet.model.plan import HostResult, HostState, RunResult
from fleet.run.order import Order
from fleet.run.recipe import READ
from gates.model import Decision
from gates.needed import FACTS as NEEDED

RUN = "20250131T081500Z-1f2e"
STARTED = "2025-01-31T08:15:00+00:00"


def imaginary_fleet(*names: str) -> Fleet:
    """Return a fleet called `rigs`; rig-a and rig-b are in @production."""
    hosts = {
        name: HostSpec(
            name=name,
            groups=("production",) if name.startswith("rig") else ("lab",),
            connection=Connection(address=f"10.0.0.{number}"),
        )
        for number, name in enumerate(names or ("rig-a", "rig-b", "lab1"), 1)
    }
    return Fleet(
        name="rigs",
        directory=Path("/rigs"),
        hosts_file=Path("/rigs/hosts.yaml"),
        hosts=hosts,
        groups={
            group: tuple(name for name, spec in hosts.items() if group in spec.groups)
            for group in ("production", "lab")
        },
        layers={},
        records={},
    )


def run_result(command: str, *hosts: HostResult, seconds: float = 12.3) -> RunResult:
    """Return the result of an imaginary run."""
    return RunResult(
        run=RUN, command=command, fleet="rigs", started=STARTED, seconds=seconds, hosts=list(hosts)
    )


@dataclass
class Told:
    """What a visit found out."""

    readings: Readings = field(default_factory=Readings)
    error: FleetError | None = None
    execs: int = 0
    answers: Mapping[FactKey, object] = field(default_factory=dict)
    decided: tuple[Decision, ...] = ()
    said: str = ""
    without_root: SudoRefused | None = None
    asked_at: float = field(default_factory=time.time)

    @property
    def result(self) -> HostResult:
        return in_sync("rig-a").model_copy(update={"execs": self.execs})

    def decisions(self) -> tuple[Decision, ...]:
        return self.decided


@dataclass
class Answered:
    """How a run ended."""

    result: RunResult | None = None
    visits: tuple[Told, ...] = ()


@dataclass
class ScriptedEngine:
    """Answers verbs from what the test put in, and keeps what it was asked."""

    planned: Mapping[str, HostResult] = field(default_factory=dict)
    converged: Mapping[str, HostResult] = field(default_factory=dict)
    read: Mapping[str, Told] = field(default_factory=dict)
    decided: Mapping[str, tuple[Decision, ...] | FleetError] = field(default_factory=dict)
    raises: BaseException | None = None
    #: something that the engine does while it plans
    meanwhile: Callable[[Emit], None] = lambda _: None
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    #: domains that were read beside the usual ones
    also: list[str] = field(default_factory=list)
    saved: Mapping[str, HostResult] = field(default_factory=dict)
    unlocked: tuple[str, str, str] | None = None

    def run(self, hosts: Sequence[HostSpec], order: Order, emit: Emit = discard) -> Answered:
        if order.command == "plan":
            return Answered(self._answer("plan", hosts, emit, self.planned))
        if order.command == "converge":
            self.saved, self.allow_reboot = order.saved, order.allow_reboot
            return Answered(self._answer("converge", hosts, emit, self.converged))
        (host,) = hosts
        self.also = [fact.domain for fact in order.also]
        if order.recipe is not READ:
            (step,) = order.recipe.opening
            self.unlocked = (host.name, *step.keywords.values())
            return Answered(visits=(Told(said="unlocked"),))
        if order.only is NEEDED:
            self._asked("gates", hosts, emit)
            decided = self.decided[host.name]
            failed = isinstance(decided, FleetError)
            told = Told(error=decided) if failed else Told(decided=decided)
            return Answered(visits=(told,))
        self._asked("facts", hosts, emit)
        return Answered(visits=(self.read[host.name],))

    def _answer(
        self,
        command: str,
        hosts: Sequence[HostSpec],
        emit: Emit,
        answers: Mapping[str, HostResult],
    ) -> RunResult:
        self._asked(command, hosts, emit)
        results = [answers.get(spec.name, in_sync(spec.name)) for spec in hosts]
        for result in results:
            emit(PhaseStarted(result.host, Phase.APPLY))
            for name in result.changed:
                emit(ResourceStarted(result.host, "base", name))
                emit(ResourceDone(result.host, name, True, 0.5))
            emit(HostDone(result.host, result.state, result.error))
        return run_result(command, *results)

    def _asked(self, command: str, hosts: Sequence[HostSpec], emit: Emit) -> None:
        self.asked.append((command, [spec.name for spec in hosts]))
        for spec in hosts:
            emit(PhaseStarted(spec.name, Phase.CONNECT))
        self.meanwhile(emit)
        if self.raises is not None:
            raise self.raises


def in_sync(name: str) -> HostResult:
    """Return the result of a host that needs nothing."""
    return HostResult(host=name, state=HostState.IN_SYNC, certificate="c" * 64, execs=2)


@contextmanager
def scripted(engine: ScriptedEngine, ledger: Path, fleet: Fleet | None) -> Iterator[None]:
    """Put an engine, a ledger file and a fleet in the place of the real ones."""
    the_fleet = fleet or imaginary_fleet()
    with (
        patch.object(context, "load_fleet", lambda: the_fleet),
        patch.object(context, "make_engine", lambda *_: engine),
        patch.object(context, "open_ledger", lambda _: Ledger.open(ledger)),
    ):
        yield


def b70(
    *words: str,
    engine: ScriptedEngine | None = None,
    ledger: Path | None = None,
    fleet: Fleet | None = None,
    answer: str = "",
    environ: Mapping[str, str] | None = None,
) -> Result:
    """Run a command line at 100 columns without colour.

    Args:
        answer: what the person types at the question; empty = nobody is there.
    """
    with (
        TemporaryDirectory() as state,
        scripted(engine or ScriptedEngine(), ledger or Path(state) / "ledger.db", fleet),
        patch("fleet.cli.approve.somebody_is_there", lambda: bool(answer)),
    ):
        surroundings = {
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "B70_INVENTORY": "",
            "B70_STATE": state,
            **(environ or {}),
        }
        try:
            return CliRunner().invoke(app, list(words), input=answer or None, env=surroundings)
        finally:
            logfile.stop()
