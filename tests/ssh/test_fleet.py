"""Twenty-four machines at once: the lab starts them, one converge and one plan do them all."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from fleet.model.plan import HostState, RunResult
from lab import shapes
from lab.lab import Lab
from lab.machines import Machine
from tests.ssh.conftest import MirrorGuard, Site

pytestmark = [pytest.mark.ssh, pytest.mark.timeout(600)]

SIZE = 24
#: Seconds that 24 machines may take for the whole site on two busy cores.
PATIENCE_S = 500


@pytest.fixture(scope="module")
def many(rigs: Callable[..., list[Machine]]) -> list[Machine]:
    return rigs({f"{number:02d}": shapes.TWO_CARDS for number in range(SIZE)})


@pytest.fixture(scope="module")
def everybody(
    lab: Lab,
    many: list[Machine],
    guard: MirrorGuard,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    """Return a site of all of them, without a GPU stack: what counts here is their number."""
    folder = tmp_path_factory.mktemp("fleet")
    lab.inventory(folder, [machine.name for machine in many], stack="")
    return Site(folder, tmp_path_factory.mktemp("state"), guard)


def run(site: Site, *words: str) -> RunResult:
    """Run a verb over the whole fleet and print how long it took: a figure, never a bound."""
    result = site.b70(*words, "--all", "--json", timeout_s=PATIENCE_S).result
    print(f"{SIZE} hosts, {' '.join(words)}: {result.seconds:.1f} s")
    return result


def test_twenty_four_machines_run_at_once(many: list[Machine]) -> None:
    logins = [
        subprocess.Popen(machine.ssh_command("hostname"), stdout=subprocess.PIPE, text=True)
        for machine in many
    ]
    answers = [login.communicate(timeout=PATIENCE_S)[0].strip() for login in logins]
    assert answers == [machine.name for machine in many]


def test_a_fleet_converges_in_one_run_and_is_then_planned_in_one_exec_per_host(
    everybody: Site,
) -> None:
    converged = run(everybody, "converge", "--yes")
    assert {host.state for host in converged.hosts} == {HostState.CONVERGED}
    assert len({host.certificate for host in converged.hosts}) == SIZE, "each has its own"
    planned = run(everybody, "plan")
    assert {host.state for host in planned.hosts} == {HostState.IN_SYNC}
    assert sum(host.execs for host in planned.hosts) == SIZE
    again = run(everybody, "converge", "--yes")
    assert {(host.state, host.execs) for host in again.hosts} == {(HostState.IN_SYNC, 2)}


def test_results_keep_the_order_of_the_inventory(everybody: Site, many: list[Machine]) -> None:
    planned = run(everybody, "plan")
    assert [host.host for host in planned.hosts] == [machine.name for machine in many]
