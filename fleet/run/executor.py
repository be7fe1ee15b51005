"""Runs a host's layers on pyinfra: register, evaluate (plan), apply.

Each host has a State of its own, so that one host's exception, position or phase is never
another's.

Planning never lets pyinfra guess: operations are registered unevaluated, then each generator is run
to its end against the fetched facts, so that every command is known. Applying goes through
pyinfra's `run_host_op`; file writes are held back and travel as one stream.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from pyinfra.api import StringCommand
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operations import run_host_op
from pyinfra.connectors.util import CommandOutput
from pyinfra.context import ctx_config, ctx_host, ctx_state

from deploys.layer import Layer
from fleet.base.errors import FleetError, Refused
from fleet.host import deadman, hostlock
from fleet.host.commandtext import command_program, describe_failure, output_lines
from fleet.host.factbatch import FactCache, FactMiss
from fleet.host.factkey import FactKey, Key
from fleet.host.pyinfra import new_state
from fleet.host.session import Output, Session
from fleet.model.events import Emit, ResourceDone, ResourceStarted
from operations.files.filewrite import FileWrite, stream

#: Prefix of the line that reports each write of a stream.
_WRITE_MARK: Final = "#b70-write"
#: Rounds of "fetch what was missed, evaluate again": one per fact that depends on a fact.
_MAX_ROUNDS: Final = 6


class OperationFailed(FleetError):
    """A command of an operation ended with an error; the rest of the host's plan was not run."""

    id = "operation-failed"


class FencedOff(Refused):
    """Another controller holds this host now; this run's command was rejected on the host."""

    id = "fenced-off"


class Interrupted(FleetError):
    """Stopped by Ctrl-C after the operation in flight had finished."""

    id = "interrupted"


@dataclass(slots=True)
class PlannedOp:
    """One evaluated operation."""

    layer: str
    op_hash: str
    name: str
    commands: list[PyinfraCommand] = field(default_factory=list)
    noops: list[str] = field(default_factory=list)
    reads: tuple[Key, ...] = ()
    conditional: bool = False
    error: str = ""


class HostRun:
    """One pass over one host's layers.

    Args:
        name: host name.
        data: pyinfra host data (see fleet.run.hostdata).
        session: open connection.
        cache: the host's facts.
        fence: fencing token of the lock; None while only planning: then nothing may be executed.
        command_s: default deadline of one command, in seconds.
        emit: receives events.
        stopping: tells whether Ctrl-C asked to stop.
        confirm: proves over a new connection that a guarded change did not lock us out.
    """

    def __init__(
        self,
        name: str,
        data: Mapping[str, object],
        session: Session,
        cache: FactCache,
        *,
        fence: int | None,
        command_s: float,
        emit: Emit,
        stopping: Callable[[], bool],
        confirm: Callable[[], None],
    ) -> None:
        self._name = name
        self._session = session
        self._cache = cache
        self._fence = fence
        self._command_s = command_s
        self._emit = emit
        self._stopping = stopping
        self._confirm = confirm
        self._armed = False
        self._queue: list[tuple[str, FileWrite]] = []
        self._state, self._host = new_state(name, data)
        self._noops: list[str] = []
        self._failure = ""
        self._mutated = False
        cast("Any", self._host).noop = lambda text: self._noops.append(str(text))
        cache.attach(self._host, self._mutate)
        #: seconds per executed resource
        self.seconds: dict[str, float] = {}
        #: resources executed so far, in order
        self.executed: list[str] = []
        #: layer -> facts that it read itself when it was last planned
        self.layer_reads: dict[str, tuple[Key, ...]] = {}
        #: resource in flight, for the journal
        self.in_flight = ""

    def plan(self, layers: Sequence[Layer]) -> list[PlannedOp]:
        """Register the layers and evaluate every operation; missed facts are fetched together.

        Raises:
            PyinfraError, FleetError: a layer itself (not an operation) refused.
        """
        for _ in range(_MAX_ROUNDS):
            missed: dict[Key, None] = {}
            planned = self._evaluate(layers, missed)
            if not missed:
                return planned
            self._cache.fetch(missed)
        raise OperationFailed(
            f"{self._name}: facts kept asking for facts: {', '.join(map(str, missed))}"
        )

    def apply(self, planned: Sequence[PlannedOp]) -> None:
        """Execute operations in order; the first failure ends the pass.

        Raises:
            OperationFailed, FencedOff, LostContact, CommandTimeout, Interrupted.
        """
        if self._fence is None:
            raise OperationFailed(f"{self._name}: a plan has no lock and may not execute")
        self._enter()
        self._state.is_executing = True
        for index, op in enumerate(planned):
            if self._stopping():
                self._flush()
                raise Interrupted(
                    f"{self._name}: stopped before {op.name}",
                    f"b70 converge --limit {self._name}",
                )
            self._run(op, _paths_ahead(planned[index + 1 :]))
        self._flush()
        if self._armed:
            self._confirm()
            self._armed = False

    def _run(self, op: PlannedOp, ahead: Iterable[Key]) -> None:
        started = time.monotonic()
        self.in_flight = op.name
        self._emit(ResourceStarted(self._name, op.layer, op.name))
        if not all(isinstance(command, FileWrite) for command in op.commands):
            self._flush()  # what it reads may be what a queued write changes
        self._cache.begin(executing=True, expected=(*op.reads, *ahead))
        self._failure, self._mutated = "", False
        try:
            ok = run_host_op(self._state, self._host, op.op_hash)
        except PyinfraError as error:
            ok, self._failure = False, str(error)
        seconds = time.monotonic() - started
        self.seconds[op.name] = seconds
        self._emit(ResourceDone(self._name, op.name, ok, seconds))
        if not ok:
            raise OperationFailed(
                f"{self._name}: {op.name} failed: {self._failure or 'no message'}",
                f"b70 converge --limit {self._name}",
            )
        # what an earlier operation of this run put in order has no command left
        if self._mutated and not any(name == op.name for name, _ in self._queue):
            self.executed.append(op.name)
        self.in_flight = ""

    def _evaluate(self, layers: Sequence[Layer], missed: dict[Key, None]) -> list[PlannedOp]:
        """Register and evaluate once; facts that are not there yet are collected, not fetched."""
        self._reset()
        planned: list[PlannedOp] = []
        for layer in layers:
            first = len(self._host.op_hash_order)
            self._cache.begin(executing=False)
            try:
                layer.deploy()
                self.layer_reads[layer.name] = tuple(self._cache.asked)
            except FactMiss as miss:
                missed[miss.key] = None
                self._host.in_deploy = False
                self._reset_deploy()
            for op_hash in self._host.op_hash_order[first:]:
                planned.append(self._evaluate_op(layer.name, op_hash, missed))
        return planned

    def _evaluate_op(self, layer: str, op_hash: str, missed: dict[Key, None]) -> PlannedOp:
        data = self._state.ops[self._host][op_hash]
        name = data.global_arguments["name"] or ", ".join(self._state.op_meta[op_hash].names)
        op = PlannedOp(layer, op_hash, name, conditional=bool(data.global_arguments["_if"]))
        self._noops.clear()
        self._cache.begin(executing=False)
        try:
            op.commands = list(data.command_generator())
        except FactMiss as miss:
            missed[miss.key] = None
        except PyinfraError as error:
            op.error = str(error)
        op.noops = list(self._noops)
        op.reads = tuple(self._cache.asked)
        return op

    def _reset(self) -> None:
        """Forget registered operations; the host object and its shadows stay."""
        self._enter()
        self._state.is_executing = False
        self._state.ops[self._host].clear()
        self._state.op_meta.clear()
        self._host.op_hash_order.clear()
        self._reset_deploy()

    def _reset_deploy(self) -> None:
        """Leave a @deploy that an exception ended: pyinfra's context manager does not."""
        self._host.in_deploy = False
        self._host.current_deploy_name = None
        self._host.current_deploy_kwargs = None
        self._host.current_deploy_data = None

    def _enter(self) -> None:
        ctx_state.set(self._state)
        ctx_config.set(self._state.config)
        ctx_host.set(self._host)

    def _mutate(
        self, command: StringCommand, arguments: dict[str, object]
    ) -> tuple[bool, CommandOutput]:
        """Run one command of an operation; file writes are queued."""
        if self._fence is None or not self._state.is_executing:
            raise OperationFailed(f"{self._name}: a command was run while planning: {command}")
        self._mutated = True
        if isinstance(command, FileWrite):
            self._queue.append((self.in_flight, command))
            return True, CommandOutput([])
        self._flush()
        deadline = float(cast("float", arguments.get("_timeout") or self._command_s))
        program = hostlock.guard(self._fence, deadline) + "\n" + command_program(command, arguments)
        output = self._send(program, deadline)
        accepted = cast("list[int]", arguments.get("_success_exit_codes") or [0])
        ok = output.status in accepted
        if not ok:
            self._failure = describe_failure(str(command), output)
        return ok, CommandOutput(output_lines(output))

    def _flush(self) -> None:
        """Send the queued file writes as one stream."""
        if not self._queue or self._fence is None:
            return
        queue, self._queue = self._queue, []
        deadline = self._command_s
        program = hostlock.guard(self._fence, deadline) + "\n"
        if guarded := [write.path for _, write in queue if deadman.is_guarded(write.path)]:
            program += deadman.arm(guarded)
            self._armed = True
        program += stream([write for _, write in queue], _WRITE_MARK)
        output = self._send(program, deadline)
        done = sum(
            line.startswith(_WRITE_MARK) and line.endswith(" 0")
            for line in output.stdout.decode("utf-8", "replace").splitlines()
        )
        self.executed.extend(name for name, _ in queue[:done])
        if done < len(queue):
            name, write = queue[done]
            self.in_flight = name
            raise OperationFailed(
                f"{self._name}: {name} failed: {describe_failure(f'write {write.path}', output)}",
                f"b70 converge --limit {self._name}",
            )

    def _send(self, program: str, deadline_s: float) -> Output:
        try:
            output = self._session.run(program, deadline_s=deadline_s)
        finally:
            self._cache.invalidate()
        if output.status == hostlock.FENCED:
            raise FencedOff(
                f"{self._name}: another controller took over this host",
                f"b70 plan --limit {self._name}",
            )
        return output


def _paths_ahead(planned: Sequence[PlannedOp]) -> Iterator[Key]:
    """Yield the reads of later operations that cost nothing more in the same exec."""
    for op in planned:
        yield from (k for k in op.reads if isinstance(k, FactKey) and hasattr(k.fact, "bulk"))
