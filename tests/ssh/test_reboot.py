"""A new host boots its first boot set when it may; a host in production never does it by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pytest
from pyinfra.api import deploy

from declaration.host import HostSpec
from deploys.layer import Layer
from facts.boot.kernel import Kernel, RunningKernel
from facts.readings import Readings
from fleet.base.exitcodes import ExitCode
from fleet.config import load
from fleet.host import reboot as rebooting
from fleet.host.ssh import SshSession
from fleet.model.plan import HostResult, HostState
from fleet.run import order
from fleet.run.engine import Engine
from lab.machines import Machine
from operations.files.file import file
from tests.ssh.conftest import Site

pytestmark = pytest.mark.ssh

BOOT_SET = "/etc/planted-boot-set"
Converge = Callable[..., HostResult]


def boot_id(machine: Machine) -> str:
    """Return the machine's boot as the machine itself tells it."""
    return machine.run("cat /proc/sys/kernel/random/boot_id").stdout.strip()


@pytest.fixture
def converge(site: Site, machine: Machine) -> Converge:
    """Return a function that converges a planted boot set; its reboot is due until it booted."""
    machine.run(f"rm -rf {BOOT_SET} /var/lib/b70fleet")
    probe = machine.run("cat /var/lib/b70lab-probe/proc/sys/kernel/random/boot_id").stdout.strip()

    def pending(spec: HostSpec, given: Readings) -> list[str]:
        kernel = given[Kernel]
        assert isinstance(kernel, RunningKernel)
        return ["the old boot set still runs"] if kernel.boot_id == probe else []

    def layer() -> None:
        file(name=f"File[{BOOT_SET}]", path=BOOT_SET, content="new\n")

    def call(
        *,
        allow_reboot: bool = False,
        doubts: tuple[str, ...] = (),
        sets: Mapping[str, str] = MappingProxyType({}),
    ) -> HostResult:
        fleet = load(site.folder, sets)
        layers = [
            Layer(
                "boot-set",
                deploy("boot-set")(layer),
                boot=True,
                pending=pending,
                unproven=lambda spec, given: list(doubts),
            )
        ]
        wanted = order.converge(allow_reboot=allow_reboot)
        result = Engine(fleet, layers=layers).run([fleet.hosts[machine.name]], wanted).result
        return result.hosts[0]

    return call


def test_without_leave_the_reboot_is_reported_and_there_is_no_certificate(
    converge: Converge, machine: Machine
) -> None:
    before = boot_id(machine)
    host = converge()
    assert (host.state, host.error_id) == (HostState.PENDING, "reboot-pending")
    assert "the old boot set still runs" in host.error
    assert "--allow-reboot" in host.hint
    assert (host.certificate, host.changed) == ("", [f"File[{BOOT_SET}]"])
    assert boot_id(machine) == before
    assert machine.run("test -e /var/lib/b70fleet/production", check=False).returncode != 0


def test_with_leave_it_boots_and_gets_its_certificate_and_then_refuses_drift(
    converge: Converge, machine: Machine
) -> None:
    before = boot_id(machine)
    host = converge(allow_reboot=True)
    assert host.state is HostState.CONVERGED, host.error
    assert boot_id(machine) != before
    assert host.cost.reboots == 1
    assert host.changed == [f"File[{BOOT_SET}]"]
    assert host.certificate
    assert host.certificate in machine.read("/var/lib/b70fleet/journal.jsonl")
    booted = boot_id(machine)
    machine.run(f"echo edited >{BOOT_SET}")
    drift = converge(allow_reboot=True)
    assert (drift.state, drift.error_id) == (HostState.REFUSED, "boot-set-drift")
    assert f"File[{BOOT_SET}]" in drift.error
    assert "only a rollout changes it" in drift.error
    assert "b70 plan --limit" in drift.hint
    assert machine.read(BOOT_SET) == "edited\n"
    assert boot_id(machine) == booted


def test_a_new_host_whose_boot_cannot_be_proven_gets_no_certificate_and_one_in_production_keeps_its(
    converge: Converge, machine: Machine
) -> None:
    doubt = "which GuC was loaded is UNKNOWN"
    host = converge(allow_reboot=True, doubts=(doubt,))
    assert (host.state, host.error_id) == (HostState.FAILED, "boot-not-proven")
    assert doubt in host.error
    assert (host.certificate, host.cost.reboots) == ("", 1)
    assert machine.run("test -e /var/lib/b70fleet/production", check=False).returncode != 0
    assert converge().certificate
    again = converge(doubts=(doubt,))
    assert (again.state, bool(again.certificate)) == (HostState.IN_SYNC, True)


def test_a_host_that_never_comes_back_is_unreachable_within_the_deadline(
    converge: Converge, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = threading.Timer(0, lambda: None)
    original = rebooting.reboot

    def reboot_and_die(*words: object, **options: object) -> str:
        nonlocal killer
        killer = threading.Timer(0.5, machine.kill)
        killer.start()
        return original(*words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(rebooting, "reboot", reboot_and_die)
    try:
        host = converge(allow_reboot=True, sets={"reboot_timeout_s": "15"})
    finally:
        killer.join()
        machine.start()
        machine.wait_ready()
    assert (host.error_id, host.certificate) == ("did-not-return", "")
    assert host.state in (HostState.UNREACHABLE, HostState.UNCERTAIN)


@pytest.mark.timeout(120)
def test_the_deadline_holds_though_a_host_may_take_longer_than_that_to_connect(
    converge: Converge, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = SshSession.close

    def close_and_fall_silent(session: SshSession) -> None:
        close(session)
        machine.freeze()

    monkeypatch.setattr(SshSession, "close", close_and_fall_silent)
    try:
        host = converge(
            allow_reboot=True, sets={"connect_timeout_s": "300", "reboot_timeout_s": "15"}
        )
    finally:
        machine.thaw()
        machine.wait_ready()
    assert (host.error_id, host.certificate) == ("did-not-return", "")


def test_exit_codes_tell_pending_from_refused(converge: Converge) -> None:
    assert converge().state.exit_code is ExitCode.PENDING
