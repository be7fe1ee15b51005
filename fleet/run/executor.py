"""Applies evaluated operations on one host, in order, behind its lock.

Goes through pyinfra's `run_host_op`; file writes are held back and travel as one stream.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, cast

from pyinfra.api import StringCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operations import run_host_op
from pyinfra.connectors.util import CommandOutput

from fleet.base.errors import FleetError, Interrupted, Refused
from fleet.host import deadman, lock
from fleet.host.cache import FactCache
from fleet.host.commandtext import command_program, describe_failure, output_lines
from fleet.host.keys import FactKey, Key
from fleet.host.pyinfra import new_state
from fleet.host.session import Output, Session
from fleet.model.events import Emit, ResourceDone, ResourceStarted
from fleet.run.planner import PlannedOp, Planner
from fleet.run.remedy import next_step
from operations.files.filewrite import FileWrite, stream

#: Lines of a failed command's stdout that are quoted beside its stderr.
_BESIDE: Final = 2
#: Prefix of the line that reports each write of a stream.
_WRITE_MARK: Final = "#b70-write"


class OperationFailed(FleetError):
    """A command of an operation ended with an error; the rest of the host's plan was not run."""

    id = "operation-failed"


class FencedOff(Refused):
    """Another controller holds this host now; this run's command was rejected on the host."""

    id = "fenced-off"


class HostRun:
    """The work on one host: its planner, and what it does of a plan.

    Args:
        name: host name.
        data: pyinfra host data (see fleet.run.hostdata).
        session: open connection.
        cache: the host's facts.
        fence: fencing token of the lock; None while only planning: then nothing may be executed.
        command_s: default deadline of one command, in seconds.
        emit: receives events.
        stopping: returns True once Ctrl-C asked to stop.
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
        self._failure = ""
        self._mutated = False
        #: evaluates the layers
        self.planner = Planner(self._state, self._host, cache)
        cache.attach(self._host, self._mutate)
        #: seconds per executed resource
        self.seconds: dict[str, float] = {}
        #: resources executed so far, in order
        self.executed: list[str] = []
        #: resource in flight, for the journal
        self.in_flight = ""
        #: resources whose files are on their way
        self.sending: list[str] = []

    def apply(self, planned: Sequence[PlannedOp]) -> None:
        """Execute operations in order; the first failure ends the pass.

        Raises:
            OperationFailed, FencedOff, LostContact, CommandTimeout, Interrupted.
        """
        if self._fence is None:
            raise OperationFailed(f"{self._name}: a plan has no lock and may not execute")
        if listed := next((op for op in planned if not op.op_hash), None):
            raise OperationFailed(f"{self._name}: {listed.name} was planned to be shown alone")
        self.planner.begin_execution()
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
            said = self._failure or "no message"
            raise OperationFailed(
                f"{self._name}: {op.name} failed: {said}", next_step(self._name, said)
            )
        # what an earlier operation of this run put in order has no command left
        if self._mutated and not any(name == op.name for name, _ in self._queue):
            self.executed.append(op.name)
        self.in_flight = ""

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
        program = lock.guard(self._fence, deadline) + "\n" + command_program(command, arguments)
        output = self._send(program, deadline)
        accepted = cast("list[int]", arguments.get("_success_exit_codes") or [0])
        ok = output.status in accepted
        if not ok:
            self._failure = describe_failure(str(command), output, beside=_BESIDE)
        return ok, CommandOutput(output_lines(output))

    def _flush(self) -> None:
        """Send the queued file writes as one stream."""
        if not self._queue or self._fence is None:
            return
        queue, self._queue = self._queue, []
        deadline = self._command_s
        program = lock.guard(self._fence, deadline) + "\n"
        if guarded := [write.path for _, write in queue if deadman.is_guarded(write.path)]:
            program += deadman.arm(guarded)
            self._armed = True
        program += stream([write for _, write in queue], _WRITE_MARK)
        self.sending = [name for name, _ in queue]
        output = self._send(program, deadline)
        self.sending = []
        done = sum(
            line.startswith(_WRITE_MARK) and line.endswith(" 0")
            for line in output.stdout.decode("utf-8", "replace").splitlines()
        )
        self.executed.extend(name for name, _ in queue[:done])
        if done < len(queue):
            name, write = queue[done]
            self.in_flight = name
            said = describe_failure(f"write {write.path}", output)
            raise OperationFailed(
                f"{self._name}: {name} failed: {said}", next_step(self._name, said, write.path)
            )

    def _send(self, program: str, deadline_s: float) -> Output:
        try:
            output = self._session.run(program, deadline_s=deadline_s)
        finally:
            self._cache.invalidate()
        if output.status == lock.FENCED:
            raise FencedOff(
                f"{self._name}: another controller took over this host",
                f"b70 plan --limit {self._name}",
            )
        return output


def _paths_ahead(planned: Sequence[PlannedOp]) -> Iterator[Key]:
    """Yield the reads of later operations that cost nothing more in the same exec."""
    for op in planned:
        yield from (k for k in op.reads if isinstance(k, FactKey) and hasattr(k.fact, "bulk"))
