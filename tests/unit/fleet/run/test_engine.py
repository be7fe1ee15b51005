"""The engine's own promises, without a host: what the ledger holds however a run ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from gevent import GreenletExit

from declaration.host import Connection, HostSpec
from fleet.base.errors import FleetError
from fleet.base.exitcodes import ExitCode
from fleet.base.run import Run
from fleet.config import load
from fleet.host import lock
from fleet.host.cache import HeadRefused
from fleet.host.session import CommandTimeout, LostContact, Output
from fleet.ledger import Ledger, RunState
from fleet.model.plan import HostResult, HostState, Resource, ResourceStatus, RunResult
from fleet.report import words
from fleet.run import order, steps
from fleet.run.ending import abort
from fleet.run.engine import Engine
from fleet.run.executor import FencedOff
from fleet.run.hosterrors import Locked, head_error
from fleet.run.recipe import Recipe
from fleet.run.visit import Visit, contained

HOSTS = "hosts: {rig-a: {address: 192.0.2.1}}\n"


@pytest.fixture
def converge(
    tmp_path: Path,
) -> Callable[[Callable[[], HostState]], tuple[HostResult, HostResult]]:
    """Return a function that runs a converge of one host; its work is what the test says."""
    (tmp_path / "hosts.yaml").write_text(HOSTS)
    ledger = Ledger.open(tmp_path / "ledger.db")
    run = Run.begin()

    def call(ends: Callable[[], HostState]) -> tuple[HostResult, HostResult]:
        def work(visit: Visit) -> None:
            recorded = ledger.show(run.id)
            assert recorded is not None
            (begun,) = recorded.hosts
            assert begun.state is HostState.UNCERTAIN, "it is there before anything is done"
            visit.result.state = ends()

        recipe = Mock(spec=Recipe, follow=work, changes=True)
        wanted = replace(order.converge(), recipe=recipe)
        fleet = load(tmp_path, {})
        engine = Engine(fleet, ledger, layers=(), run=run)
        (told,) = engine.run([fleet.hosts["rig-a"]], wanted).result.hosts
        recorded = ledger.show(run.id)
        assert recorded is not None
        return told, recorded.hosts[0]

    return call


def test_a_host_stands_in_the_ledger_from_the_moment_its_work_begins(
    converge: Callable[[Callable[[], HostState]], tuple[HostResult, HostResult]],
) -> None:
    told, recorded = converge(lambda: HostState.CONVERGED)
    assert (told.state, recorded.state) == (HostState.CONVERGED, HostState.CONVERGED)


def test_a_host_whose_turn_never_came_is_not_called_uncertain(
    converge: Callable[..., tuple[HostResult, HostResult]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(
        visits: list[Visit], work: object, parallel: int, aborted: Callable[[Visit], None]
    ) -> None:
        for visit in visits:
            aborted(visit)

    monkeypatch.setattr("fleet.run.engine.fan_out", interrupted)
    told, recorded = converge(lambda: pytest.fail("its work began"))
    assert (told.state, recorded.state) == (HostState.NOT_STARTED, HostState.NOT_STARTED)
    assert RunResult(
        run="r", command="converge", fleet="f", started="", hosts=[told]
    ).exit_code == (ExitCode.REFUSED)


def test_a_host_whose_work_was_aborted_is_uncertain_in_the_ledger_too(
    converge: Callable[[Callable[[], HostState]], tuple[HostResult, HostResult]],
) -> None:
    def abort() -> HostState:
        raise GreenletExit

    told, recorded = converge(abort)
    assert (told.state, told.error) == (recorded.state, recorded.error)
    assert "may still finish" in recorded.error


def test_a_run_that_only_reads_and_is_interrupted_leaves_nobody_uncertain(tmp_path: Path) -> None:
    (tmp_path / "hosts.yaml").write_text(HOSTS)
    ledger, run, fleet = Ledger.open(tmp_path / "ledger.db"), Run.begin(), load(tmp_path, {})

    def work(visit: Visit) -> None:
        raise GreenletExit

    recipe = Mock(spec=Recipe, follow=work, changes=False, locks=False)
    engine = Engine(fleet, ledger, layers=(), run=run)
    with pytest.raises(KeyboardInterrupt):
        engine.run([fleet.hosts["rig-a"]], replace(order.plan(), recipe=recipe))
    recorded = ledger.show(run.id)
    assert recorded is not None
    assert recorded.summary.state is RunState.FINISHED
    (host,) = recorded.hosts
    assert (host.state, host.lock) == (HostState.NOT_STARTED, "")


def visit(**fields: Any) -> Visit:
    """Return the visit of a host, of which two resources are due."""
    one = Visit(
        spec=HostSpec(name="rig-a", connection=Connection(address="192.0.2.1")),
        data={},
        run=Run("run-1", "ann@desk pid 7"),
        way=Mock(),
        declared="",
        layers=(),
        emit=lambda event: None,
        stopping=lambda: False,
        redact=str,
        reads=(),
        **fields,
    )
    one.started = True
    one.result.resources = [
        Resource(layer="l", name=name, status=status)
        for name, status in (
            ("Step[one]", ResourceStatus.CHANGE),
            ("Step[two]", ResourceStatus.CHANGE),
            ("Step[three]", ResourceStatus.CHANGE),
            ("Step[four]", ResourceStatus.IN_SYNC),
        )
    ]
    return one


def at_work(one: Visit) -> None:
    """Let the first resource be done and the second in flight."""
    one._work = Mock(executed=["Step[one]"], in_flight="Step[two]", sending=[])


def outcomes(result: HostResult) -> dict[str, str | None]:
    return {
        item.name.removesuffix("]").removeprefix("Step["): item.outcome for item in result.resources
    }


def test_what_is_about_to_be_changed_is_on_record_before_it_is() -> None:
    kept: list[HostResult] = []
    one = visit(keep=kept.append)
    steps.announce(one)
    (told,) = kept
    assert told.state is HostState.UNCERTAIN
    assert outcomes(told) == {"one": "uncertain", "two": "uncertain", "three": "uncertain"}
    assert told.lock == "run-1", "if the controller dies now, its lock stands"


def test_nothing_is_announced_where_nothing_is_due() -> None:
    one = visit(keep=lambda _: pytest.fail("nothing is changed"))
    one.result.resources = one.result.resources[-1:]
    steps.announce(one)


def test_an_aborted_host_says_what_was_done_what_may_be_and_what_was_not() -> None:
    one = visit()
    at_work(one)
    one.may_hold_lock = True
    abort(one, changes=True)
    assert one.result.changed == ["Step[one]"]
    assert outcomes(one.result) == {
        "one": "done", "two": "uncertain", "three": "not-run", "four": None
    }  # fmt: skip
    assert one.result.lock == "run-1"


def test_every_file_of_a_stream_that_was_cut_off_is_uncertain() -> None:
    one = visit()
    one._work = Mock(executed=[], in_flight="", sending=["Step[one]", "Step[two]"])
    abort(one, changes=True)
    assert outcomes(one.result) == {
        "one": "uncertain", "two": "uncertain", "three": "not-run", "four": None
    }  # fmt: skip


def test_what_was_changed_before_a_reboot_is_not_forgotten() -> None:
    one = visit()
    one.result.changed = ["Step[one]"]
    one._work = Mock(executed=["Step[two]"], in_flight="", sending=[])
    abort(one, changes=True)
    assert one.result.changed == ["Step[one]", "Step[two]"]


@pytest.mark.parametrize(
    ("error", "last"),
    [
        (LostContact("x"), "uncertain"),
        (FleetError("x"), "failed"),
        (FencedOff("x"), "not-run"),
    ],
    ids=["lost", "failed", "fenced off"],
)
def test_the_resource_in_flight_is_named_when_work_ends_in_it(error: FleetError, last: str) -> None:
    one = visit()
    at_work(one)
    with contained(one):
        one.result.changed = one.executed()
        raise error
    assert outcomes(one.result) == {"one": "done", "two": last, "three": "not-run", "four": None}


@pytest.mark.parametrize(
    ("answer", "stands"),
    [
        (HeadRefused(lock.LOCKED, ["held\trun-0\tbob@lap\t5\t1000"]), False),
        (HeadRefused(lock.NO_STATE_DIR, []), False),
        (LostContact("gone"), True),
        (CommandTimeout("slow"), True),
        (None, True),
    ],
    ids=["of another run", "not writable", "lost", "no answer in time", "taken"],
)
def test_a_lock_that_may_stand_is_in_the_result_and_no_other(
    monkeypatch: pytest.MonkeyPatch, answer: Exception | None, stands: bool
) -> None:
    def fetch(*_: object) -> object:
        if answer is not None:
            raise answer
        return Mock(head=["fence 7"])

    one = visit()
    one._cache = Mock(fetch=fetch)
    with contained(one):
        steps.take(one)
    assert one.result.lock == ("run-1" if stands else "")


@pytest.mark.parametrize(("status", "stands"), [(0, False), (lock.FENCED, False), (98, True)])
def test_a_lock_that_was_given_back_is_in_no_result(status: int, stands: bool) -> None:
    one = visit()
    one.may_hold_lock, one.fence = True, 7
    one._session = Mock(run=lambda *_, **__: Output(status, b"", b"No space left on device"))
    with contained(one):
        steps.record(one)
    assert one.result.lock == ("run-1" if stands else "")
    assert one.result.error_id == ("not-journaled" if status else "")


def test_a_lock_whose_process_is_gone_is_called_so() -> None:
    refusal = HeadRefused(lock.LOCKED, ["held\trun-0\tann@desk pid 9\t5\t1000"])
    spec = visit().spec
    dead = head_error(spec, refusal, lambda run: run == "run-0")
    assert "that process is gone" in dead.message
    assert dead.hint.startswith("b70 unlock rig-a --lock run-0 ")
    assert "b70 history show run-0" in dead.hint
    unknown = head_error(spec, refusal, lambda run: False)
    assert "gone" not in unknown.message
    assert "only if that run is dead" in unknown.hint


def test_a_lock_that_is_being_taken_right_now_is_no_full_disk() -> None:
    found = head_error(visit().spec, HeadRefused(lock.LOCKED, []), lambda run: False)
    assert isinstance(found, Locked)
    assert "right now" in found.message


def test_the_lock_that_a_run_left_stands_among_the_next_steps_once() -> None:
    left = HostResult(host="rig-a", state=HostState.UNCERTAIN, hint="b70 plan -l rig-a", lock="r1")
    first, second = words.next_steps(left).splitlines()
    assert first == "b70 plan -l rig-a"
    assert second.startswith("b70 unlock rig-a --lock r1 ")
    named = left.model_copy(update={"hint": 'b70 unlock rig-a --lock r1 --reason "x"'})
    assert words.next_steps(named) == named.hint
    assert words.next_steps(left.model_copy(update={"lock": ""})) == "b70 plan -l rig-a"
