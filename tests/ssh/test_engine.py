"""The engine over real SSH: plan, apply, certificate, lock, and every way a host can misbehave."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import gevent
import pytest
from paramiko.transport import Transport

from facts.boot.kernel import Kernel
from facts.packages.apt_policy import AptPolicy
from facts.packages.mirrors import Mirrors
from facts.registry import batch_facts
from fleet.base.exitcodes import ExitCode
from fleet.config import load
from fleet.host import ssh
from fleet.host.cache import Answer, FactCache, FactKey, Key
from fleet.host.replay import WatchedSession
from fleet.host.session import Output, Session
from fleet.host.shell import Shell
from fleet.host.ssh import SshSession
from fleet.model.plan import HostState, ResourceStatus, RunResult
from fleet.run import order, steps
from fleet.run.engine import Engine
from fleet.run.recipe import Recipe
from fleet.run.visit import Visit
from gates.engine import decide
from gates.needed import FACTS
from gates.rows import load as load_rows
from gates.world import build
from lab import shapes
from lab.lab import Lab
from lab.machines import Machine
from tests.recorded import check_recorded
from tests.ssh.conftest import Site
from tests.ssh.controllers import (
    controller,
    end_leftovers,
    ended,
    exists,
    in_the_ledger,
    only,
    wait_for,
)
from tests.ssh.planted import FOLDER, SMALL, planted

pytestmark = pytest.mark.ssh

#: Seconds within which a frozen network must be noticed (docs/faults.md, case 7).
NOTICED_S = 30


@pytest.fixture(autouse=True)
def _clean(machine: Machine) -> None:
    """Give every test the machine without traces of the one before."""
    end_leftovers(machine)
    machine.run("umount /srv/small 2>/dev/null; rm -rf /srv/* /var/lib/b70fleet", check=False)


@pytest.fixture
def run(site: Site, machine: Machine) -> Callable[..., RunResult]:
    """Return a function that runs a verb with a planted layer in this process."""

    def call(layer: str, verb: str = "converge", host: str = "") -> RunResult:
        fleet = load(site.folder, {})
        engine = Engine(fleet, layers=[planted(layer)])
        hosts = [fleet.hosts[host or machine.name]]
        return engine.run(hosts, order.converge() if verb == "converge" else order.plan()).result

    return call


def snapshot(machine: Machine) -> str:
    """Return every lasting file of the machine with mode, size, mtime and change time."""
    return machine.run(
        "find / -xdev \\( -path /run -o -path /proc -o -path /sys -o -path /tmp "
        "-o -path /var/log -o -path /dev -o -path /var/lib/systemd \\) -prune "
        "-o -printf '%p %m %s %T@ %C@\\n' | sort"
    ).stdout


def test_a_plan_writes_nothing_and_says_what_it_would_do(
    run: Callable[..., RunResult], machine: Machine
) -> None:
    before = snapshot(machine)
    result = run("few", "plan")
    assert result.exit_code is ExitCode.PENDING
    assert [r.status for r in only(result).resources] == [ResourceStatus.CHANGE] * 4
    assert "+1\n" in only(result).resources[2].changes[0].diff
    assert snapshot(machine) == before


def test_the_sites_plan_without_registration_is_the_one_that_pyinfra_would_apply(
    site: Site, machine: Machine
) -> None:
    seen: list[list[tuple[object, ...]]] = []

    def both(visit: Visit) -> None:
        for to_apply in (False, True):
            planned = visit.begin_work().planner.plan(visit.layers, to_apply=to_apply)
            seen.append(
                [
                    (op.layer, op.name, list(map(str, op.commands)), op.noops, op.error, op.reads)
                    for op in planned
                ]
            )

    fleet = load(site.folder, {})
    wanted = order.Order(Recipe((steps.look, both)), layers=None)
    assert only(Engine(fleet).run([fleet.hosts[machine.name]], wanted).result).error == ""
    light, registered = seen
    assert light == registered
    assert len(light) > 40


def test_the_facts_of_a_site_travel_in_a_few_packets(site: Site, machine: Machine) -> None:
    received: list[int] = []

    def count(name: str, data: Mapping[str, object], shell: Shell) -> Session:
        session = SshSession(name, data, shell)

        def seen(program: str, output: Output) -> None:
            transport = session._transport()
            received.append(transport.packetizer._Packetizer__received_packets)  # type: ignore[attr-defined]

        return WatchedSession(session, seen)

    fleet = load(site.folder, {})
    engine = Engine(fleet, way=count)
    assert only(engine.run([fleet.hosts[machine.name]], order.read()).result).error == ""
    (packets,) = received
    # login and channel are 20 of them; one for each printf of the facts would be 170
    assert packets < 40


def test_converge_then_silence_with_a_certificate_in_two_execs(
    run: Callable[..., RunResult], machine: Machine
) -> None:
    first = only(run("few"))
    assert (first.state, len(first.changed)) == (HostState.CONVERGED, 4)
    assert machine.read(f"{FOLDER}/01") == "1\n"
    second = only(run("few"))
    assert (second.state, second.changed) == (HostState.IN_SYNC, [])
    assert second.certificate == first.certificate != ""


def test_fifty_changed_files_travel_in_one_stream(
    run: Callable[..., RunResult], machine: Machine
) -> None:
    few = only(run("few"))
    machine.run(f"rm -r {FOLDER}")
    many = only(run("files"))
    assert many.state is HostState.CONVERGED
    assert len(many.changed) == 51
    assert many.execs == few.execs, "fifty files cost no exec more than three"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[set[type]]:
    """Return the facts of each batch that is read."""
    seen: list[set[type]] = []
    original = FactCache.fetch

    def fetch(cache: FactCache, keys: Iterable[Key], head: str = "") -> Answer:
        wanted = list(keys)
        seen.append({key.fact for key in wanted if isinstance(key, FactKey)})
        return original(cache, wanted, head)

    monkeypatch.setattr(FactCache, "fetch", fetch)
    return seen


def test_layers_of_one_request_are_verified_with_what_they_read_alone(
    site: Site, machine: Machine, fetched: list[set[type]]
) -> None:
    fleet = load(site.folder, {})
    engine = Engine(fleet)
    wanted = order.apply([planted("few")], "a request")
    host = only(engine.run([fleet.hosts[machine.name]], wanted).result)
    assert (host.state, len(host.changed), host.certificate) == (HostState.CONVERGED, 4, "")
    normal = set(batch_facts().values())
    assert normal <= fetched[0], "the preflight looks at the whole host"
    assert fetched[-1], "it was verified"
    assert normal.isdisjoint(fetched[-1])


def test_only_what_was_asked_for_is_read(
    site: Site, machine: Machine, fetched: list[set[type]]
) -> None:
    fleet = load(site.folder, {})
    spec, engine = fleet.hosts[machine.name], Engine(fleet)
    (named,) = engine.run([spec], order.read(only=["kernel", "mirrors"])).visits
    assert (sorted(named.readings.named()), named.result.execs) == (["kernel", "mirrors"], 1)
    (whole,) = engine.run([spec], order.read(also=["mirrors"])).visits
    beside = set(whole.readings.named()) - {*batch_facts(), AptPolicy.domain}
    assert (beside, whole.result.execs) == ({"mirrors"}, 1)
    (judged,) = engine.run([spec], order.judge()).visits
    assert judged.error is None
    knowing_all = decide(load_rows(), build(spec, whole.readings))
    assert [(d.id, d.verdict, d.choice) for d in judged.decisions()] == [
        (d.id, d.verdict, d.choice) for d in knowing_all
    ]
    assert fetched == [
        {Kernel, Mirrors},
        {*batch_facts().values(), AptPolicy, Mirrors},
        {*FACTS, AptPolicy},
    ]


def test_damage_is_named_repaired_and_then_silent(
    run: Callable[..., RunResult], machine: Machine
) -> None:
    run("few")
    machine.run(f"echo damage >{FOLDER}/01; chmod 0600 {FOLDER}/02")
    planned = only(run("few", "plan"))
    named = [r.name for r in planned.resources if r.status is ResourceStatus.CHANGE]
    assert named == [f"File[{FOLDER}/01]", f"File[{FOLDER}/02]"]
    assert only(run("few")).changed == named
    assert machine.run(f"stat -c %a {FOLDER}/02").stdout.strip() == "644"
    assert only(run("few", "plan")).state is HostState.IN_SYNC


def test_an_operation_that_never_rests_is_named_and_gives_no_certificate(
    run: Callable[..., RunResult],
) -> None:
    result = run("restless")
    host = only(result)
    assert result.exit_code is ExitCode.FAILED
    assert host.state is HostState.NOT_IDEMPOTENT
    assert "Restless[x]" in host.error
    assert "File[" not in host.error
    assert host.certificate == ""
    check_recorded("not-idempotent", host)


def test_sick_facts_are_unknown_and_the_others_are_read(run: Callable[..., RunResult]) -> None:
    why = {r.name: r.why[0] for r in only(run("sick", "plan")).resources}
    assert why["Shows[well]"] == "said fine"
    assert why["Shows[hanging]"] == "said UNKNOWN (no answer within 2 s)"
    assert why["Shows[not-utf8]"] == "said UNKNOWN (output is not UTF-8)"
    assert why["Shows[failing]"] == "said UNKNOWN (exit status 7: because)"


def test_a_disk_that_fills_up_leaves_the_old_file_whole(
    run: Callable[..., RunResult], machine: Machine
) -> None:
    machine.run(f"mkdir {SMALL} && mount -t tmpfs -o size=1m none {SMALL}; echo old >{SMALL}/big")
    host = only(run("full"))
    assert host.state is HostState.FAILED
    assert f"File[{SMALL}/big]" in host.error
    assert "No space left" in host.error
    assert machine.read(f"{SMALL}/big") == "old\n"
    assert machine.run(f"ls -A {SMALL}").stdout.split() == ["big"]


def test_names_are_data_never_commands(run: Callable[..., RunResult], machine: Machine) -> None:
    host = only(run("quoting"))
    assert host.state is HostState.NOT_IDEMPOTENT, (
        "the quoted step has no end state, so it is named"
    )
    assert sorted(machine.run(f"ls {FOLDER}").stdout.splitlines()) == [
        "$(touch pwned)",
        "it's; touch pwned #",
    ]
    assert machine.run("find / -xdev -name pwned").stdout == ""


def test_a_live_lock_refuses_the_second_controller_and_names_the_first(
    site: Site, machine: Machine, run: Callable[..., RunResult]
) -> None:
    with controller(site, "slow", "converge", machine.name) as first:
        wait_for(lambda: exists(machine, "/srv/started"), "the first controller works")
        result = run("few")
        assert result.exit_code is ExitCode.REFUSED
        assert f"pid {first.pid}" in only(result).error
        assert "b70 unlock" in only(result).hint
        assert not exists(machine, FOLDER)
        machine.run("touch /srv/go")
        assert first.wait(60) == ExitCode.CLEAN
    assert only(run("few")).state is HostState.CONVERGED


def test_a_controller_that_lost_its_lock_is_stopped_by_the_fence(
    site: Site, machine: Machine
) -> None:
    with controller(site, "slow", "converge", machine.name) as first:
        wait_for(lambda: exists(machine, "/srv/started"), "the first controller works")
        lock = machine.read("/var/lib/b70fleet/lock").splitlines()[0]
        done = site.b70("unlock", machine.name, "--lock", lock, "--reason", "test")
        assert done.status == 0, done.err
        machine.run("touch /srv/go")
        host = ended(first, 60)
    assert host.state is HostState.REFUSED
    assert host.error_id == "fenced-off"
    assert not exists(machine, "/srv/three"), "nothing was done after the fence rose"


def test_the_first_interrupt_finishes_what_is_in_flight(site: Site, machine: Machine) -> None:
    with controller(site, "slow", "converge", machine.name) as process:
        wait_for(lambda: exists(machine, "/srv/started"), "the slow step runs")
        process.send_signal(signal.SIGINT)
        machine.run("touch /srv/go")
        host = ended(process, 60)
    assert process.returncode == ExitCode.FAILED
    assert host.error_id == "interrupted"
    assert host.changed == ["Step[one]", "Step[slow]"]
    assert exists(machine, "/srv/slow")
    assert not exists(machine, "/srv/three")
    assert not exists(machine, "/var/lib/b70fleet/lock"), "the lock was given back"


def test_the_second_interrupt_aborts_and_says_that_the_host_is_uncertain(
    site: Site, machine: Machine
) -> None:
    with controller(site, "slow", "converge", machine.name) as process:
        wait_for(lambda: exists(machine, "/srv/started"), "the slow step runs")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "again aborts" in process.stderr.readline(), "the first one was heard"
        process.send_signal(signal.SIGINT)
        host = ended(process, 30)
    assert host.state is HostState.UNCERTAIN
    assert host.changed == ["Step[one]"]
    became = {item.name: item.outcome for item in host.resources}
    assert became == {"Step[one]": "done", "Step[slow]": "uncertain", "Step[three]": "not-run"}
    assert host.lock == machine.read("/var/lib/b70fleet/lock").splitlines()[0]
    assert process.returncode == ExitCode.UNREACHABLE
    assert in_the_ledger(site, machine.name) == HostState.UNCERTAIN
    machine.run("touch /srv/go")


def test_a_frozen_network_is_noticed_and_the_host_is_uncertain(
    site: Site, machine: Machine
) -> None:
    with controller(site, "slow", "converge", machine.name) as process:
        wait_for(lambda: exists(machine, "/srv/started"), "the slow step runs")
        machine.freeze()
        try:
            host = ended(process, NOTICED_S)
        finally:
            machine.thaw()
            machine.run("touch /srv/go")
    assert process.returncode == ExitCode.UNREACHABLE
    assert host.state is HostState.UNCERTAIN
    assert "froze" in host.error
    assert host.changed == ["Step[one]"]


def test_a_controller_that_had_no_time_does_not_take_its_host_for_frozen(
    run: Callable[..., RunResult], machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 64 hosts on two cores: the answer had come, and nobody had looked
    ping, asked = ssh._ping, []

    def stall() -> None:
        until = time.monotonic() + 3 * ssh.KEEPALIVE_ANSWER_S
        while time.monotonic() < until:
            pass  # nothing else of this process runs meanwhile

    def watched(transport: Transport) -> None:
        asked.append(transport)
        if len(asked) == 1:
            gevent.spawn(stall)  # it begins once the question is sent
        else:
            machine.run("touch /srv/go")
        ping(transport)

    monkeypatch.setattr(ssh, "KEEPALIVE_EVERY_S", 1.0)
    monkeypatch.setattr(ssh, "KEEPALIVE_ANSWER_S", 1.0)
    monkeypatch.setattr(ssh, "_ping", watched)
    host = only(run("slow"))
    assert (host.state, host.error) == (HostState.CONVERGED, "")
    assert len(asked) >= 2


def test_one_hosts_bug_or_death_leaves_the_others_alone(
    lab: Lab,
    rigs: Callable[..., list[Machine]],
    tmp_path: Path,
) -> None:
    machines = rigs(dict.fromkeys(("good", "bad", "dead"), shapes.HEALTHY_GEN5))
    lab.inventory(tmp_path, [machine.name for machine in machines])
    machines[2].kill()
    fleet = load(tmp_path, {})
    engine = Engine(fleet, layers=[planted("buggy")])
    hosts = [fleet.hosts[machine.name] for machine in machines]
    result = engine.run(hosts, order.converge()).result
    good, bad, dead = result.hosts
    assert good.state is HostState.CONVERGED
    assert machines[0].read("/srv/before") == "before\n"
    assert (bad.state, "a bug in an operation" in bad.error) == (HostState.FAILED, True)
    assert dead.state is HostState.UNREACHABLE
    assert result.exit_code is ExitCode.FAILED


def test_a_host_that_dies_mid_run_is_uncertain(
    site: Site, rigs: Callable[..., list[Machine]], lab: Lab, tmp_path: Path
) -> None:
    (victim,) = rigs({"victim": shapes.HEALTHY_GEN5})
    lab.inventory(tmp_path, [victim.name])
    own = Site(tmp_path, site.state, site.guard)
    with controller(own, "slow", "converge", victim.name) as process:
        wait_for(lambda: exists(victim, "/srv/started"), "the slow step runs")
        victim.kill()
        host = ended(process, NOTICED_S)
    assert process.returncode == ExitCode.UNREACHABLE
    assert host.state is HostState.UNCERTAIN
