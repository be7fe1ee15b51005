"""Evaluates the operations of one host: which commands each would run, and why it would run none.

pyinfra never guesses here: each operation's generator is run to its end against the facts that were
read. Facts that nobody has read yet are collected, read together, and everything is evaluated
again. Executes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pyinfra.api import Host, State, StringCommand
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operation import OperationMeta
from pyinfra.context import ctx_config, ctx_host, ctx_state

from deploys.layer import Layer
from facts.value import Unknown
from fleet.base.errors import FleetError
from fleet.host.cache import FactCache, FactMiss
from fleet.host.keys import Key
from fleet.host.pyinfra import shadow
from operations.files.filewrite import FileWrite
from operations.operation import PLANNER, Commands, Difference

#: Rounds of "fetch what was missed, evaluate again": one per fact that depends on a fact.
_MAX_ROUNDS: Final = 6


class FactsWithoutEnd(FleetError):
    """What a layer reads kept depending on yet another fact; nothing was changed."""

    id = "facts-without-end"


@dataclass(slots=True)
class PlannedOp:
    """One evaluated operation."""

    layer: str
    name: str
    commands: list[PyinfraCommand] = field(default_factory=list)
    noops: list[str] = field(default_factory=list)
    #: why there are commands
    differences: list[Difference] = field(default_factory=list)
    #: unit that the commands restart -> why
    restarts: dict[str, str] = field(default_factory=dict)
    #: bytes that the commands fetch
    downloads: int | Unknown = 0
    #: files that the commands write, beside those of each FileWrite
    writes: set[str] = field(default_factory=set)
    reads: tuple[Key, ...] = ()
    conditional: bool = False
    error: str = ""
    #: pyinfra's name for it; empty when it was not registered: then it cannot be applied
    op_hash: str = ""


@dataclass(frozen=True, slots=True)
class _Listed:
    """An operation that a layer has listed and nobody has evaluated yet."""

    name: str
    conditional: bool
    commands: Callable[[], Iterable[PyinfraCommand | str]]
    op_hash: str = ""


class Planner:
    """Evaluates layers on one host.

    Args:
        state, host: pyinfra's.
        cache: what the host said; every fact of the operations comes from it.
    """

    def __init__(self, state: State, host: Host, cache: FactCache) -> None:
        self._state = state
        self._host = host
        self._cache = cache
        #: the operation in hand
        self._op = PlannedOp("", "")
        #: files that the operations evaluated so far write
        self._written: set[str] = set()
        self._registers = False
        self._listed: list[_Listed] = []
        #: how many of the registered operations were listed
        self._taken = 0
        shadow(host, noop=lambda text: self._op.noops.append(str(text)))
        #: layer -> facts that it read itself when it was last planned
        self.layer_reads: dict[str, tuple[Key, ...]] = {}

    def plan(self, layers: Sequence[Layer], *, to_apply: bool = False) -> list[PlannedOp]:
        """Return every resource of the layers, evaluated; missed facts are fetched together.

        Args:
            to_apply: register the operations with pyinfra, so that they can be executed.

        Raises:
            PyinfraError, FleetError: a layer itself (not an operation) refused.
        """
        for _ in range(_MAX_ROUNDS):
            missed: dict[Key, None] = {}
            planned = self._evaluate(layers, missed, to_apply)
            if not missed:
                return planned
            self._cache.fetch(missed)
        asked = ", ".join(map(str, missed))
        raise FactsWithoutEnd(
            f"{self._host.name}: the plan never ended; each reading asked for another: {asked}"
        )

    def begin_execution(self) -> None:
        """Make this host pyinfra's current one; what operations tell a planner goes nowhere now."""
        self._enter()
        self._state.is_executing = True
        setattr(self._host.data, PLANNER, None)

    def _enter(self) -> None:
        ctx_state.set(self._state)
        ctx_config.set(self._state.config)
        ctx_host.set(self._host)

    def _evaluate(
        self, layers: Sequence[Layer], missed: dict[Key, None], to_apply: bool
    ) -> list[PlannedOp]:
        """Evaluate once; facts that are not there yet are collected, not fetched."""
        self._forget()
        self._registers = to_apply
        setattr(self._host.data, PLANNER, self)
        planned: list[PlannedOp] = []
        for layer in layers:
            self._cache.begin(executing=False)
            try:
                layer.deploy()
                self.layer_reads[layer.name] = tuple(self._cache.asked)
            except FactMiss as miss:
                missed[miss.key] = None
                self._leave_deploy()
            self._list_registered()
            listed, self._listed = self._listed, []
            planned += [self._evaluate_op(layer.name, op, missed) for op in listed]
        return planned

    def __copy__(self) -> Planner:
        """Return the planner itself: pyinfra copies whatever is asked of a host's data."""
        return self

    @property
    def registers(self) -> bool:
        """Return True if pyinfra is to execute what is planned now."""
        return self._registers

    def take(self, name: str, conditional: bool, commands: Commands) -> OperationMeta:
        """List an operation that is not registered, in its place among those that are."""
        self._list_registered()
        self._listed.append(_Listed(name, conditional, lambda: commands))
        return OperationMeta(name, None)

    def differs(self, difference: Difference) -> None:
        """Keep why the operation in hand has commands."""
        self._op.differences.append(difference)

    def restarts(self, unit: str, why: str) -> None:
        """Keep which unit the operation in hand restarts."""
        self._op.restarts[unit] = why

    def downloads(self, count: int | Unknown) -> None:
        """Keep how many bytes the operation in hand fetches."""
        self._op.downloads = count

    def writes(self, path: str) -> None:
        """Keep which file the operation in hand writes by a command that is no FileWrite."""
        self._op.writes.add(path)

    def will_write(self, path: str) -> bool:
        """Return True if an operation before the one in hand writes a file."""
        return path in self._written

    def _list_registered(self) -> None:
        """Take what was registered since the last look: stock operations, or all when applying."""
        for op_hash in self._host.op_hash_order[self._taken :]:
            data = self._state.ops[self._host][op_hash]
            name = data.global_arguments["name"] or ", ".join(self._state.op_meta[op_hash].names)
            conditional = bool(data.global_arguments["_if"])
            self._listed.append(_Listed(name, conditional, data.command_generator, op_hash))
        self._taken = len(self._host.op_hash_order)

    def _evaluate_op(self, layer: str, listed: _Listed, missed: dict[Key, None]) -> PlannedOp:
        op = PlannedOp(layer, listed.name, conditional=listed.conditional, op_hash=listed.op_hash)
        self._op = op
        self._cache.begin(executing=False)
        self._host.in_op = True
        try:
            op.commands = [_command(command) for command in listed.commands()]
        except FactMiss as miss:
            missed[miss.key] = None
        except PyinfraError as error:
            op.error = str(error)
        finally:
            self._host.in_op = False
        op.reads = tuple(self._cache.asked)
        self._written.update(c.path for c in op.commands if isinstance(c, FileWrite))
        self._written.update(op.writes)
        return op

    def _forget(self) -> None:
        """Forget what was listed and registered; the host object and its shadows stay."""
        self._enter()
        self._state.is_executing = False
        self._state.ops[self._host].clear()
        self._state.op_meta.clear()
        self._host.op_hash_order.clear()
        self._taken = 0
        self._listed.clear()
        self._written.clear()
        self._leave_deploy()

    def _leave_deploy(self) -> None:
        """Leave a @deploy that an exception ended: pyinfra's context manager does not."""
        self._host.in_deploy = False
        self._host.current_deploy_name = None
        self._host.current_deploy_kwargs = None
        self._host.current_deploy_data = None


def _command(command: PyinfraCommand | str) -> PyinfraCommand:
    return StringCommand(command.strip()) if isinstance(command, str) else command
