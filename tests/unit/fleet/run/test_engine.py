"""The engine's own promises, without a host: what the ledger holds however a run ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from gevent import GreenletExit

from fleet.base.exitcodes import ExitCode
from fleet.base.run import Run
from fleet.config import load
from fleet.ledger import Ledger
from fleet.model.plan import HostResult, HostState, RunResult
from fleet.run import order
from fleet.run.engine import Engine
from fleet.run.recipe import Recipe
from fleet.run.visit import Visit

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
