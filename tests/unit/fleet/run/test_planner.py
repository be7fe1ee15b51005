"""A plan that registers nothing with pyinfra is the plan that pyinfra would apply."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

import pytest
from pyinfra import host as current_host
from pyinfra.api import Host, StringCommand
from pyinfra.api import operation as pyinfra_operation

from deploys.layer import Layer, deploy
from facts.base import HostFact, wrap
from fleet.host.cache import FactCache
from fleet.host.keys import Key
from fleet.host.local import LocalSession
from fleet.host.pyinfra import new_state, prepare
from fleet.host.shell import Shell
from fleet.run.executor import HostRun, OperationFailed
from fleet.run.planner import PlannedOp, Planner
from operations.files.filewrite import FileWrite
from operations.operation import downloads, operation, will_write, writes
from operations.operation import planner as asked_by

Commands = Generator[StringCommand, None, None]


class Say(HostFact[str]):
    def command(self, text: str, probe_root: str = "") -> str:  # type: ignore[override]
        return wrap(f"echo {text}", 20)

    def parse(self, text: str) -> str:
        return text


@operation()
def ours(text: str) -> Commands:
    """Want a command when the host says `old`."""
    if (found := current_host.get_fact(Say, text=text)) == "old":
        yield StringCommand("repair", text)
    else:
        current_host.noop(f"it is {found}")


@pyinfra_operation()
def stock(text: str) -> Generator[str, None, None]:
    """Want a command that is plain text, as stock operations do."""
    yield f"  stock {text} "


def _site() -> None:
    ours(name="One", text="old")
    done = stock(name="Two", text="a")
    ours(name="Three", text="new")
    stock(text="nameless")
    ours(name="Four", text="old", _if=done.did_change)
    ours(text="nameless")


def _depends() -> None:
    if current_host.get_fact(Say, text="old") == "old":
        ours(name="Late", text="late")


def _with_arguments() -> None:
    inner(_if=[lambda: True])


@deploy("inner")
def inner() -> None:
    ours(name="Inner", text="old")


SITES: dict[str, Callable[[], None]] = {
    "mixed": _site,
    "depends": _depends,
    "arguments of a deploy": _with_arguments,
}


@pytest.fixture
def planner() -> Planner:
    return planner_of("h1")[0]


def planner_of(name: str) -> tuple[Planner, Host]:
    prepare()
    state, host = new_state(name, {})
    cache = FactCache(LocalSession(name, Shell()))
    cache.attach(host, lambda command, arguments: pytest.fail("a plan ran a command"))
    return Planner(state, host, cache), host


def shown(planned: Iterable[PlannedOp]) -> list[tuple[str, str, list[str], list[str], set[Key]]]:
    return [
        (op.layer, op.name, [str(c) for c in op.commands], op.noops, set(op.reads))
        for op in planned
    ]


@pytest.mark.parametrize("site", SITES)
def test_an_unregistered_plan_is_the_registered_one(planner: Planner, site: str) -> None:
    layers = [Layer("first", deploy("first")(SITES[site])), Layer("second", SITES[site])]
    light, whole = planner.plan(layers), planner.plan(layers, to_apply=True)
    assert shown(light) == shown(whole)
    assert [op.conditional for op in light] == [op.conditional for op in whole]
    assert all(op.op_hash for op in whole)


def test_our_operations_cost_no_registration(planner: Planner) -> None:
    planned = planner.plan([Layer("one", _site)])
    assert [op.name for op in planned if not op.op_hash] == ["One", "Three", "Four"]


@operation()
def written(path: str, how: str) -> Commands:
    """Write a file: by FileWrite, or by a command that says so."""
    current_host.noop(f"{path} is written first: {will_write(path)}")
    if how == "file":
        yield FileWrite(path, b"", mode="0644", user="root", group="root")
    else:
        writes(path)
        yield StringCommand("make", path)
    current_host.noop(f"{path} is written before itself: {will_write(path)}")


@pytest.mark.parametrize("to_apply", [False, True])
@pytest.mark.parametrize("how", ["file", "command"])
def test_a_later_operation_knows_what_an_earlier_one_writes(
    planner: Planner, how: str, to_apply: bool
) -> None:
    def site() -> None:
        for number in (1, 2):
            written(name=f"File {number}", path="/etc/one", how=how)

    for _ in range(2):  # each plan begins anew
        first, second = planner.plan([Layer("one", site)], to_apply=to_apply)
        answers = [text.rpartition(" ")[2] for op in (first, second) for text in op.noops]
        assert answers == ["False", "False", "True", "True"]


def test_what_was_planned_to_be_shown_cannot_be_applied() -> None:
    prepare()
    session = LocalSession("h1", Shell())
    work = HostRun(
        "h1",
        {},
        session,
        FactCache(session),
        fence=1,
        command_s=5,
        emit=lambda event: None,
        stopping=lambda: False,
        confirm=lambda: None,
    )
    with pytest.raises(OperationFailed, match="One was planned to be shown"):
        work.apply(work.planner.plan([Layer("one", _site)]))


def test_the_arguments_of_an_operation_are_checked_without_registration(planner: Planner) -> None:
    with pytest.raises(TypeError, match="unexpected"):
        planner.plan([Layer("one", lambda: ours(name="One", text="x", unexpected=1))])  # type: ignore[call-arg]


@operation()
def nested() -> Commands:
    """Call another operation, which pyinfra forbids."""
    ours(name="Inner", text="old")
    yield StringCommand("never")


@pytest.mark.parametrize("to_apply", [False, True])
def test_an_operation_within_an_operation_is_refused(planner: Planner, to_apply: bool) -> None:
    with pytest.raises(Exception, match="within another operation"):
        planner.plan([Layer("one", lambda: nested(name="Outer"))], to_apply=to_apply)


def test_a_name_stays_with_its_host_when_plans_alternate() -> None:
    (one, first), (two, second) = planner_of("h1"), planner_of("h2")

    def says_who() -> None:
        ours(name=current_host.name, text="new")

    names = [planner.plan([Layer("who", says_who)])[0].name for planner in (one, two, one, two)]
    assert names == [first.name, second.name, first.name, second.name]


def test_facts_that_never_end_are_an_error_with_their_names(planner: Planner) -> None:
    asked: list[Any] = []

    def endless() -> None:
        asked.append(len(asked))
        current_host.get_fact(Say, text=str(len(asked)))

    with pytest.raises(Exception, match=r"each reading asked for another: Say\(text="):
        planner.plan([Layer("one", endless)])


class Costly(Say):
    on_demand = True


@operation()
def installs() -> Commands:
    """Ask a costly fact for a plan, as an operation that fetches something does."""
    plan = asked_by()
    if plan is not None and not plan.registers:
        downloads(len(str(current_host.get_fact(Costly, text="12345"))))
    yield StringCommand("install")


def test_what_is_costly_to_ask_is_asked_for_a_plan_alone_and_never_on_suspicion() -> None:
    prepare()
    state, host = new_state("h1", {})
    session = LocalSession("h1", Shell())
    cache = FactCache(session)
    cache.attach(host, lambda command, arguments: pytest.fail("a plan ran a command"))
    planner = Planner(state, host, cache)
    layers = [Layer("one", lambda: installs(name="Install"))]
    (op,) = planner.plan(layers)
    assert (op.downloads, op.reads, list(cache.seen)) == (5, (), [])
    (op,) = planner.plan(layers, to_apply=True)
    assert (op.downloads, session.execs) == (0, 1)
