"""The engine's own promises, without a host: what the ledger holds however a run ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from gevent import GreenletExit

from fleet.base.run import Run
from fleet.config import load
from fleet.ledger import Ledger
from fleet.model.plan import HostResult, HostState
from fleet.run import hostjob
from fleet.run.engine import Engine
from fleet.run.job import Job

HOSTS = "hosts: {rig-a: {address: 192.0.2.1}}\n"


@pytest.fixture
def converge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], HostState]], tuple[HostResult, HostResult]]:
    """Return a function that runs a converge of one host; its work is what the test says."""
    (tmp_path / "hosts.yaml").write_text(HOSTS)
    ledger = Ledger.open(tmp_path / "ledger.db")
    run = Run.begin()

    def call(ends: Callable[[], HostState]) -> tuple[HostResult, HostResult]:
        def work(job: Job, saved: HostResult | None) -> HostResult:
            recorded = ledger.show(run.id)
            assert recorded is not None
            (begun,) = recorded.hosts
            assert begun.state is HostState.UNCERTAIN, "it is there before anything is done"
            return HostResult(host=job.name, state=ends())

        monkeypatch.setattr(hostjob, "converge", work)
        fleet = load(tmp_path, {})
        (told,) = Engine(fleet, ledger, layers=(), run=run).converge([fleet.hosts["rig-a"]]).hosts
        recorded = ledger.show(run.id)
        assert recorded is not None
        return told, recorded.hosts[0]

    return call


def test_a_host_stands_in_the_ledger_from_the_moment_its_work_begins(
    converge: Callable[[Callable[[], HostState]], tuple[HostResult, HostResult]],
) -> None:
    told, recorded = converge(lambda: HostState.CONVERGED)
    assert (told.state, recorded.state) == (HostState.CONVERGED, HostState.CONVERGED)


def test_a_host_whose_work_was_aborted_is_uncertain_in_the_ledger_too(
    converge: Callable[[Callable[[], HostState]], tuple[HostResult, HostResult]],
) -> None:
    def abort() -> HostState:
        raise GreenletExit

    told, recorded = converge(abort)
    assert (told.state, told.error) == (recorded.state, recorded.error)
    assert "may still finish" in recorded.error
