"""One contract test per part of pyinfra beside its documented API; pyinfra 4 will change them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from pyinfra import host as current_host
from pyinfra import state as current_state
from pyinfra.api import Host, State, StringCommand, arguments, deploy, inventory, operation
from pyinfra.api.host import HostData
from pyinfra.connectors.util import CommandOutput
from pyinfra.context import ctx_host, ctx_state
from pyinfra.operations import server

from deploys.layer import Layer
from facts.base import HostFact
from facts.value import Unknown
from fleet.host.cache import FactCache, FactMiss
from fleet.host.keys import fact_key
from fleet.host.pool import Stopper, fan_out
from fleet.host.pyinfra import new_state, prepare
from fleet.host.session import Output
from fleet.run.executor import HostRun, OperationFailed


class Named(HostFact[str]):
    def command(self, what: str, probe_root: str = "") -> str:  # type: ignore[override]
        return what

    def parse(self, text: str) -> str:
        return text


class Script:
    """A session that answers fact batches from a table and records every other program."""

    def __init__(self, answers: dict[str, str] | None = None) -> None:
        self.answers = answers or {}
        self.programs: list[str] = []
        self.execs = 0

    def connect(self, patience_s: float | None = None) -> None:
        pass

    def close(self) -> None:
        pass

    def run(self, program: str, *, deadline_s: float) -> Output:
        self.execs += 1
        self.programs.append(program)
        mark = program.partition("printf '\\n\x1eB70-")[2].partition(" ")[0]
        if not mark:
            return Output(0, b"", b"")
        body = "".join(
            f"{text}\n\n#b70-end 0 \n\n\x1eB70-{mark} {index} 0\n"
            for index, text in enumerate(self.answers.values())
            if f" {index} %d" in program
        )
        return Output(0, body.encode(), b"")


def host_run(session: Script, fence: int | None = None, name: str = "h1") -> HostRun:
    prepare()
    return HostRun(
        name,
        {},
        session,
        FactCache(session),
        fence=fence,
        command_s=5,
        emit=lambda event: None,
        stopping=lambda: False,
        confirm=lambda: None,
    )


@operation()
def reads(what: str) -> Any:
    value = current_host.get_fact(Named, what=what)
    if value == "old":
        yield StringCommand("repair", what)
    else:
        current_host.noop(f"{what} is {value}")


@operation()
def breaks() -> Any:
    raise RuntimeError("a bug in an operation")
    yield StringCommand("never")


def layer(function: Callable[[], None]) -> Layer:
    return Layer("test", deploy("test")(function))


def test_every_greenlet_has_its_own_state() -> None:
    prepare()
    seen: dict[str, list[bool]] = {"a": [], "b": []}

    def work(name: str) -> None:
        state, host = new_state(name, {})
        ctx_state.set(state)
        ctx_host.set(host)
        for _ in range(3):
            gevent.sleep(0)
            seen[name].append(current_state == state and current_host == host)

    gevent.joinall([gevent.spawn(work, name) for name in seen], raise_error=True)
    assert seen == {"a": [True] * 3, "b": [True] * 3}


def test_planning_evaluates_every_operation_to_its_end_and_keeps_reasons() -> None:
    session = Script({"one": "new", "two": "old"})

    def site() -> None:
        reads(name="One", what="one")
        reads(name="Two", what="two")

    one, two = host_run(session).planner.plan([layer(site)])
    assert (one.name, one.commands, one.noops) == ("One", [], ["one is new"])
    assert [str(command) for command in two.commands] == ["repair two"]
    assert session.execs == 1, "all misses of a site cost one exec together"


def test_a_plan_cannot_execute() -> None:
    run = host_run(Script({"one": "old"}))
    with pytest.raises(OperationFailed, match="no lock"):
        run.apply(run.planner.plan([layer(lambda: reads(name="One", what="one"))], to_apply=True))


def test_a_command_runs_behind_the_fence_and_names_its_operation_when_it_fails() -> None:
    session = Script({"one": "old"})
    run = host_run(session, fence=7)
    planned = run.planner.plan([layer(lambda: reads(name="One", what="one"))], to_apply=True)
    run.apply(planned)
    assert run.executed == ["One"]
    assert session.programs[-1].startswith(
        'read -r b70_f </var/lib/b70fleet/fence; [ "$b70_f" = 7 ]'
    )
    assert "repair one" in session.programs[-1]


def test_the_exception_of_one_operation_is_raised_not_swallowed() -> None:
    run = host_run(Script(), fence=1)
    with pytest.raises(RuntimeError, match="a bug"):
        run.planner.plan([layer(lambda: breaks(name="Broken"))])


def test_stdin_of_a_command_travels_in_its_connector_arguments() -> None:
    assert StringCommand("cat", _stdin="text").connector_arguments == {"_stdin": "text"}


def test_stock_operations_read_their_facts_through_the_shadow() -> None:
    state, host = new_state("h1", {})
    asked: list[str] = []

    class Cache(FactCache):
        def _stock(self, key: Any) -> tuple[bool, CommandOutput]:
            asked.append(key.command)
            return True, CommandOutput([])

    Cache(Script()).attach(host, lambda command, arguments: (True, CommandOutput([])))
    prepare()
    ctx_state.set(state)
    ctx_host.set(host)
    list(server.group._inner(group="render"))
    assert asked
    assert "group" in asked[0]


def test_a_miss_while_planning_passes_through_except_exception() -> None:
    cache = FactCache(Script())
    _, host = new_state("h1", {})
    cache.attach(host, lambda command, arguments: (True, CommandOutput([])))

    def careless() -> None:
        try:
            host.get_fact(Named, what="x")
        except Exception:  # what a careless operation does
            pytest.fail("swallowed")

    with pytest.raises(FactMiss):
        careless()


def test_what_was_never_read_is_unknown() -> None:
    value = FactCache(Script()).value(fact_key(Named, {"what": "x"}))
    assert isinstance(value, Unknown)


def test_transfers_over_sftp_are_refused() -> None:
    _, host = new_state("h1", {})
    FactCache(Script()).attach(host, lambda command, arguments: (True, CommandOutput([])))
    with pytest.raises(NotImplementedError, match=r"operations\.file"):
        host.put_file("a", "b")


def test_results_keep_the_order_of_the_hosts() -> None:
    def work(number: int) -> int:
        gevent.sleep(0.01 * (3 - number))
        return number * 10

    assert fan_out([0, 1, 2], work, 8, lambda number: -1) == [0, 10, 20]


def test_an_interrupt_ends_everything_and_tells_which_were_cut() -> None:
    main = gevent.getcurrent()

    def work(number: int) -> int:
        if number == 0:
            return 0
        gevent.spawn(gevent.kill, main, KeyboardInterrupt)
        gevent.sleep(60)
        return 1

    assert fan_out([0, 1, 2], work, 2, lambda number: -number) == [0, -1, -2]


def test_the_first_interrupt_says_that_it_was_heard_and_what_a_second_one_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stopper = Stopper()
    with stopper.listening():
        os.kill(os.getpid(), signal.SIGINT)
        while not stopper.is_set():
            gevent.sleep(0)
        assert [record.getMessage() for record in caplog.records] == [
            "stopping after the step in flight; Ctrl-C again aborts"
        ]
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            gevent.sleep(60)


def test_pyinfras_state_has_the_fields_that_the_executor_reads() -> None:
    state, host = new_state("h1", {})
    assert isinstance(state, State)
    assert isinstance(host, Host)
    assert state.ops[host] == {}
    assert state.op_meta == {}
    assert host.op_hash_order == []


def test_what_pyinfra_looks_up_is_remembered_and_stays_what_it_was() -> None:
    prepare()
    prepare()
    remembered = (
        inventory.get_all_connectors,
        inventory.get_execution_connectors,
        arguments.all_global_arguments,
    )
    for look_up in remembered:
        assert look_up() is look_up()
        assert look_up() == look_up.__wrapped__()


def test_the_arguments_of_an_operation_are_still_checked() -> None:
    prepare()
    run = host_run(Script({"one": "new"}))
    run.planner.plan([layer(lambda: reads(what="one"))])
    with pytest.raises(TypeError, match="unexpected"):
        run.planner.plan([layer(lambda: reads(what="one", unexpected=1))])  # type: ignore[call-arg]


def test_every_host_has_its_own_data_and_nobody_elses() -> None:
    prepare()
    asked = []
    for name, data in (("h1", {"_sudo": True, "spec": "one"}), ("h2", {"spec": "two"})):
        state, host = new_state(name, data)
        found, _ = arguments.pop_global_arguments(state, host, {})
        asked.append((host.data.spec, found["_sudo"]))
        with pytest.raises(AttributeError, match=f"{name}.*has no data"):
            _ = host.data.missing
    assert asked == [("one", True), ("two", False)]


def test_host_data_behaves_as_pyinfras_own_does() -> None:
    given = {"names": ["a"], "both": "host"}
    _, host = new_state("h1", given)
    stock = HostData(host, lambda: given, host.get_deploy_data)
    with host.deploy("d", None, {"both": "default", "only": "default"}):
        for data in (stock, host.data):
            data.names.append("lost")  # a copy
            data.own = "set"
            assert (data.names, data.both, data.only, data.own) == (["a"], "host", "default", "set")
            assert data.get("missing", 7) == 7
        assert host.data.dict() == stock.dict()
