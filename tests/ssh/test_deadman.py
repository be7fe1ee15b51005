"""Changes that can lock us out go back by themselves unless a new connection confirms them."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from pyinfra.api import StringCommand, deploy, operation

from deploys.layer import Layer
from fleet.base.exitcodes import ExitCode
from fleet.config import load
from fleet.host import deadman
from fleet.model.plan import HostState, RunResult
from fleet.run import order
from fleet.run.engine import Engine
from lab.machines import Machine
from operations.files.file import file
from tests.ssh.conftest import Site
from tests.ssh.controllers import exists, restart_sshd, wait_for

pytestmark = pytest.mark.ssh

DROP_IN = "/etc/ssh/sshd_config.d/10-test.conf"
#: Seconds that a test waits for the timer beyond its window.
MARGIN_S = 30


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the way back begin sooner than on a rig."""
    monkeypatch.setattr(deadman, "WINDOW_S", 15)
    monkeypatch.setattr(deadman, "PATIENCE_S", 5)


@operation()
def reload_sshd() -> Generator[StringCommand, None, None]:
    yield StringCommand("systemctl reload ssh")


def converge(site: Site, machine: Machine, content: str) -> RunResult:
    """Write the drop-in, let sshd read it, and let the engine confirm."""

    def layer() -> None:
        written = file(name=f"File[{DROP_IN}]", path=DROP_IN, content=content)
        reload_sshd(name="Reload[ssh]", _if=written.did_change)

    fleet = load(site.folder, {})
    engine = Engine(fleet, layers=[Layer("sshd", deploy("sshd")(layer))])
    return engine.run([fleet.hosts[machine.name]], order.converge()).result


def timer_is_set(machine: Machine) -> bool:
    unit = "b70fleet-deadman.timer"
    return machine.run(f"systemctl is-active {unit}", check=False).returncode == 0


def test_a_change_that_a_new_connection_confirms_stays(site: Site, machine: Machine) -> None:
    result = converge(site, machine, "LoginGraceTime 90\n")
    assert result.hosts[0].state is HostState.CONVERGED, result.hosts[0].error
    assert machine.read(DROP_IN) == "LoginGraceTime 90\n"
    assert not timer_is_set(machine)
    assert machine.run("ls -A /var/lib/b70fleet").stdout.split().count("deadman") == 0


def test_a_change_that_locks_us_out_goes_back_by_itself(site: Site, machine: Machine) -> None:
    machine.write(DROP_IN, "LoginGraceTime 90\n", 0o644)
    restart_sshd(machine)
    result = converge(site, machine, f"DenyUsers {machine.user}\n")
    host = result.hosts[0]
    assert result.exit_code is ExitCode.FAILED
    assert host.error_id == "change-taken-back"
    assert host.certificate == ""
    wait_for(
        lambda: machine.read(DROP_IN) == "LoginGraceTime 90\n",
        "the old file comes back",
        deadman.WINDOW_S + MARGIN_S,
    )
    # the file is back a moment before sshd has read it
    wait_for(
        lambda: converge(site, machine, "LoginGraceTime 90\n").exit_code is ExitCode.CLEAN,
        "we are let in again",
        MARGIN_S,
    )


def test_a_new_file_that_locks_us_out_is_taken_away(site: Site, machine: Machine) -> None:
    machine.run(f"rm -f {DROP_IN}")
    restart_sshd(machine)
    result = converge(site, machine, f"DenyUsers {machine.user}\n")
    assert result.hosts[0].error_id == "change-taken-back"
    wait_for(
        lambda: not exists(machine, DROP_IN),
        "the new file is taken away",
        deadman.WINDOW_S + MARGIN_S,
    )
