"""Runs one operation or deploy against a host that does not exist, with facts given by the test.

    commands, noops = run_operation(unit, {Units: ..., FileState: lambda path: ...}, service="x")
    resources = run_deploy(base, facts, spec=spec)

pyinfra's real State, Inventory and Host are used; only `get_fact` and `noop` are shadowed. A fact
that the test did not give is a failure, so a test lists every fact that an operation reads. So is a
command of which the operation does not say why it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyinfra.api import Config, Inventory, State
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.host import Host
from pyinfra.context import ctx_host, ctx_state

from facts.value import Unknown
from operations.files.filewrite import FileWrite
from operations.operation import PLANNER, Difference

#: fact class -> its value, or a function of the fact's arguments (without probe_root)
Facts = Mapping[Any, Any]


@dataclass
class Told:
    """What operations told their planner, as while a plan is made."""

    #: pyinfra registers the operations of a deploy
    registers: bool = False
    differences: list[Difference] = field(default_factory=list)
    #: unit -> why
    restarted: dict[str, str] = field(default_factory=dict)
    bytes: int | Unknown = 0
    #: files that an earlier resource of the run writes
    written: set[str] = field(default_factory=set)

    def __copy__(self) -> Told:
        return self

    def take(self, name: str, conditional: bool, commands: object) -> None:
        raise AssertionError("a planner that registers takes nothing")

    def differs(self, difference: Difference) -> None:
        self.differences.append(difference)

    def restarts(self, unit: str, why: str) -> None:
        self.restarted[unit] = why

    def downloads(self, count: int | Unknown) -> None:
        self.bytes = count

    def writes(self, path: str) -> None:
        self.written.add(path)

    def will_write(self, path: str) -> bool:
        return path in self.written

    def says_why(self) -> bool:
        """Return True if there is a reason for a command."""
        return bool(self.differences or self.restarted)

    def clear(self) -> None:
        self.differences, self.restarted, self.bytes = [], {}, 0


@dataclass
class Resource:
    """What one operation of a deploy wants."""

    name: str
    commands: list[str] = field(default_factory=list)
    noops: list[str] = field(default_factory=list)
    #: path -> what would be written there
    writes: dict[str, FileWrite] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    restarted: dict[str, str] = field(default_factory=dict)
    #: files that its scripts write
    written: set[str] = field(default_factory=set)


@dataclass
class Stub:
    """A host without a machine behind it."""

    state: State
    host: Host
    noops: list[str]
    reads: list[tuple[str, tuple[tuple[str, Any], ...]]]
    told: Told = field(default_factory=Told)


@contextmanager
def stub_host(facts: Facts, data: Mapping[str, Any] | None = None) -> Iterator[Stub]:
    """Enter pyinfra's contexts with one stub host that answers from `facts`."""
    state = State(Inventory((["stub"], dict(data or {}))), Config())
    host = state.inventory.get_host("stub")
    state.activate_host(host)
    stub = Stub(state, host, [], [])

    def get_fact(fact: type, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("probe_root", None)
        stub.reads.append((fact.__name__, tuple(sorted(kwargs.items()))))
        if fact not in facts:
            raise AssertionError(f"the test gives no value for {fact.__name__}({kwargs})")
        given = facts[fact]
        return given(*args, **kwargs) if callable(given) else given

    host.get_fact = get_fact  # type: ignore[method-assign,assignment]
    host.noop = stub.noops.append  # type: ignore[method-assign,assignment]
    setattr(host.data, PLANNER, stub.told)
    with ctx_state.use(state), ctx_host.use(host):
        yield stub


def run_operation(operation: Any, facts: Facts, **kwargs: Any) -> tuple[list[str], list[str]]:
    """Return the commands (as shell text) and the noop reasons of one operation."""
    with stub_host(facts) as stub:
        commands = [shell(command) for command in operation._inner(**kwargs)]
        assert stub.told.says_why() or not commands, f"why {commands}?"
        return commands, stub.noops


def reasons(operation: Any, facts: Facts, written: Iterable[str] = (), **kwargs: Any) -> Told:
    """Return why an operation wants its commands.

    Args:
        written: files that an earlier resource of the run writes.
    """
    with stub_host(facts) as stub:
        stub.told.written.update(written)
        list(operation._inner(**kwargs))
        return stub.told


def run_deploy(
    deploy: Callable[..., Any], facts: Facts, *, remembers: bool = False, **data: Any
) -> list[Resource]:
    """Return every resource of a deploy, in order, with all its commands expanded.

    Args:
        deploy: lists the resources.
        facts: what they read.
        remembers: a file that one resource writes is known to the later ones, as in a real plan.
        data: of the host.
    """
    with stub_host(facts, data) as stub:
        stub.told.registers = True
        deploy()
        stub.told.registers = False
        stub.told.written.clear()
        resources = []
        for op_hash in stub.host.op_hash_order:
            operation = stub.state.ops[stub.host][op_hash]
            stub.noops.clear()
            stub.told.clear()
            before = set(stub.told.written)
            wanted = list(operation.command_generator())
            name = str(operation.global_arguments.get("name"))
            assert stub.told.says_why() or not wanted, f"{name}: why {wanted}?"
            writes = {write.path: write for write in wanted if isinstance(write, FileWrite)}
            if remembers:
                stub.told.written |= writes.keys()
            resources.append(
                Resource(
                    name,
                    [shell(command) for command in wanted],
                    list(stub.noops),
                    writes,
                    list(stub.told.differences),
                    dict(stub.told.restarted),
                    stub.told.written - before,
                )
            )
        return resources


def shell(command: PyinfraCommand | str) -> str:
    """Return a command as the shell would read it; a file write as `write PATH`."""
    if isinstance(command, FileWrite):
        return f"write {command.path}"
    return command if isinstance(command, str) else str(command)
