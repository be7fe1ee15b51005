"""The engine: follows an order on one host or on hundreds.

Fans visits out over hosts, keeps the ledger, remembers what each host was asked. What happens on
one host is a recipe's business.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final, Protocol

from declaration.host import HostSpec
from deploys.layer import Layer
from facts.boot.loader import GRUB_DEFAULT
from fleet.base.run import Run
from fleet.config import Fleet
from fleet.host.keys import Key, from_text, to_text
from fleet.host.pool import Stopper, fan_out
from fleet.host.pyinfra import prepare
from fleet.host.session import Way
from fleet.host.ssh import by_ssh
from fleet.ledger import Ledger
from fleet.model.events import Emit, HostDone, discard
from fleet.model.plan import HostState, RunResult
from fleet.run.ending import abort, begun
from fleet.run.hostdata import host_data, resolved
from fleet.run.order import Order
from fleet.run.visit import Visit
from operations.boot.grub_settings import CMDLINE, WRITTEN_TOKENS

#: Hosts at the same time unless the command line says otherwise; each has a greenlet and a
#: connection.
DEFAULT_PARALLEL: Final = 128
#: States of hosts of which a run may not have learnt what its layers ask for.
_NOT_PLANNED: Final = (HostState.UNREACHABLE, HostState.REFUSED, HostState.NOT_STARTED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Args:
        result: the run as reports and the ledger show it.
        visits: one per host, in the same order.
    """

    result: RunResult
    visits: tuple[Visit, ...]


class Runs(Protocol):
    """Whoever follows orders: the engine; tests bring their own."""

    def run(self, hosts: Sequence[HostSpec], order: Order, emit: Emit = ...) -> Outcome:
        """Follow an order on hosts."""


class Engine:
    """Follows orders on hosts of one fleet.

    Args:
        fleet: the loaded declaration.
        ledger: where runs are recorded; None records nothing (tests of single verbs).
        parallel: hosts at the same time, 0 = DEFAULT_PARALLEL.
        layers: the site; the product's own unless a test plants one.
        redact: masks secrets in every text that leaves the engine.
        run: the run that its orders are part of; a new one unless given.
        way: how hosts are reached.
    """

    def __init__(
        self,
        fleet: Fleet,
        ledger: Ledger | None = None,
        parallel: int = 0,
        layers: Sequence[Layer] | None = None,
        redact: Callable[[str], str] = str,
        run: Run | None = None,
        way: Way = by_ssh,
    ) -> None:
        prepare()
        self._fleet = fleet
        self._ledger = ledger
        self._parallel = parallel or DEFAULT_PARALLEL
        self._layers = layers
        self._redact = redact
        self._begun = run or Run.begin()
        self._way = way
        self._stopper = Stopper()

    def run(self, hosts: Sequence[HostSpec], order: Order, emit: Emit = discard) -> Outcome:
        """Follow an order on hosts; one bad host never ends the work on another.

        Raises:
            KeyboardInterrupt: a run that only reads was interrupted; the ledger has it.
        """
        started = time.monotonic()
        result = RunResult(
            run=self._begun.id,
            command=order.command or "",
            fleet=self._fleet.name,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        ledger = self._ledger if order.command is not None else None
        if ledger is not None:
            ledger.begin(result.run, result.command, self._fleet.name)
        visits = [self._visit(spec, order, emit) for spec in hosts]
        locks = order.recipe.locks

        def work(visit: Visit) -> None:
            visit.started = True
            if ledger is not None and order.recipe.changes:
                visit.keep = partial(ledger.host, result.run)
                visit.keep(begun(visit, locks=locks))
            order.recipe.follow(visit)
            self._record(ledger, visit, site=order.layers is None)
            emit(HostDone(visit.name, visit.result.state, visit.result.error))

        cut: list[Visit] = []

        def cut_short(visit: Visit) -> None:
            cut.append(visit)
            abort(visit, changes=order.recipe.changes)
            self._record(ledger, visit, site=order.layers is None)

        with self._stopper.listening() if order.recipe.changes else nullcontext():
            fan_out(visits, work, self._parallel, cut_short)
        result.hosts = [visit.result for visit in visits]
        result.seconds = round(time.monotonic() - started, 3)
        if ledger is not None:
            ledger.finish(result.run, result)
        if cut and not order.recipe.changes:
            raise KeyboardInterrupt
        return Outcome(result, tuple(visits))

    def _visit(self, spec: HostSpec, order: Order, emit: Emit) -> Visit:
        layers = self._site() if order.layers is None else order.layers
        data = host_data(spec, self._fleet)
        return Visit(
            spec=resolved(spec, self._fleet),
            data=data | {WRITTEN_TOKENS: partial(self._written_tokens, spec.name)},
            run=self._begun,
            way=self._way,
            declared=self._fleet.spec_hash(spec.name),
            layers=layers,
            emit=emit,
            stopping=self._stopper.is_set,
            redact=self._redact,
            reads=order.reads(spec),
            questions=order.questions,
            remembered=self._recall(spec.name) if layers else (),
            durations=self._durations(spec.name) if layers else {},
            saved=order.saved.get(spec.name),
            allow_reboot=order.allow_reboot,
            excused=order.excused,
            gone=self._ledger.is_gone if self._ledger is not None else lambda _: False,
        )

    def _record(self, ledger: Ledger | None, visit: Visit, *, site: bool) -> None:
        if ledger is None:
            return
        ledger.host(visit.run.id, visit.result)
        if read := visit.readings.items():
            steady = {fact.domain: value for fact, value in read if not fact.volatile}
            ledger.facts(visit.run.id, visit.name, steady)
        # the next run of the site asks for the site's facts
        if site and visit.result.state not in _NOT_PLANNED:
            ledger.remember(visit.name, visit.declared, [to_text(key) for key in visit.seen])

    def _recall(self, host: str) -> list[Key]:
        if self._ledger is None:
            return []
        texts = self._ledger.recall(host, self._fleet.spec_hash(host)) or []
        keys = (from_text(str(text)) for text in texts)
        return [key for key in keys if key is not None]

    def _durations(self, host: str) -> Mapping[str, float]:
        return self._ledger.typical_durations(host) if self._ledger is not None else {}

    def _written_tokens(self, host: str) -> tuple[str, ...]:
        """Return the tokens that runs on record wrote into the file of GRUB's settings."""
        if self._ledger is None:
            return ()
        return self._ledger.expectations(host, f"File[{GRUB_DEFAULT}]", CMDLINE)

    def _site(self) -> Sequence[Layer]:
        if self._layers is not None:
            return self._layers
        from deploys.site import LAYERS  # late: tests of other verbs need no layer

        return LAYERS
