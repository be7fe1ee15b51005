"""Runs one operation or deploy against a host that does not exist, with facts given by the test.

    commands, noops = run_operation(unit, {Units: ..., FileState: lambda path: ...}, service="x")
    resources = run_deploy(base, facts, spec=spec)

pyinfra's real State, Inventory and Host are used; only `get_fact` and `noop` are shadowed. A fact
that the test did not give is a failure, so a test lists every fact that an operation reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyinfra.api import Config, Inventory, State
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.host import Host
from pyinfra.context import ctx_host, ctx_state

from operations.files.filewrite import FileWrite

#: fact class -> its value, or a function of the fact's arguments (without probe_root)
Facts = Mapping[Any, Any]


@dataclass
class Resource:
    """What one operation of a deploy wants."""

    name: str
    commands: list[str] = field(default_factory=list)
    noops: list[str] = field(default_factory=list)
    #: path -> what would be written there
    writes: dict[str, FileWrite] = field(default_factory=dict)


@dataclass
class Stub:
    """A host without a machine behind it."""

    state: State
    host: Host
    noops: list[str]
    reads: list[tuple[str, tuple[tuple[str, Any], ...]]]


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
    with ctx_state.use(state), ctx_host.use(host):
        yield stub


def run_operation(operation: Any, facts: Facts, **kwargs: Any) -> tuple[list[str], list[str]]:
    """Return the commands (as shell text) and the noop reasons of one operation."""
    with stub_host(facts) as stub:
        commands = [shell(command) for command in operation._inner(**kwargs)]
        return commands, stub.noops


def run_deploy(deploy: Callable[..., Any], facts: Facts, **data: Any) -> list[Resource]:
    """Return every resource of a deploy, in order, with all its commands expanded."""
    with stub_host(facts, data) as stub:
        deploy()
        resources = []
        for op_hash in stub.host.op_hash_order:
            operation = stub.state.ops[stub.host][op_hash]
            stub.noops.clear()
            wanted = list(operation.command_generator())
            name = str(operation.global_arguments.get("name"))
            writes = {write.path: write for write in wanted if isinstance(write, FileWrite)}
            resources.append(
                Resource(name, [shell(command) for command in wanted], list(stub.noops), writes)
            )
        return resources


def shell(command: PyinfraCommand | str) -> str:
    """Return a command as the shell would read it; a file write as `write PATH`."""
    if isinstance(command, FileWrite):
        return f"write {command.path}"
    return command if isinstance(command, str) else str(command)
