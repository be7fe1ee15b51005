"""The whole site by command line: identity, refusals, saved plans, secrets, stock pyinfra."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from fleet.base.exitcodes import ExitCode
from fleet.config import load
from fleet.model.plan import HostResult, HostState, ResourceStatus
from fleet.run import steps
from fleet.run.engine import Engine
from fleet.run.order import Order
from fleet.run.recipe import Recipe
from lab import shapes
from lab.lab import Lab
from lab.machines import Machine
from tests.recorded import check_recorded, check_rig
from tests.ssh.conftest import MirrorGuard, Site

pytestmark = pytest.mark.ssh

ROOT = Path(__file__).resolve().parents[2]
SECRET = "correct-horse-battery-staple"
JOURNALD = "/etc/systemd/journald.conf.d/50-b70fleet.conf"


@pytest.fixture(scope="module")
def pair(rigs: Callable[..., list[Machine]]) -> list[Machine]:
    return rigs({"one": shapes.HEALTHY_GEN5, "two": shapes.DEGRADED_X8})


@pytest.fixture(scope="module")
def both(
    lab: Lab,
    pair: list[Machine],
    guard: MirrorGuard,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    """Return a site of both rigs, converged once."""
    folder = tmp_path_factory.mktemp("fleet")
    lab.inventory(folder, [machine.name for machine in pair])
    site = Site(folder, tmp_path_factory.mktemp("state"), guard)
    saved = folder.parent / f"{folder.name}.plan.json"
    shown = site.b70("plan", "--limit", ",".join(names(pair)), "-o", str(saved), "--json").result
    first = site.b70("converge", str(saved), "--yes", "--json").result
    assert [host.state for host in first.hosts] == [HostState.CONVERGED] * 2, first
    assert [changed(host) for host in first.hosts] == [due(host) for host in shown.hosts]
    return site


def due(host: HostResult) -> list[str]:
    """Return the resources that a plan shows as changing."""
    return sorted(r.name for r in host.resources if r.status is not ResourceStatus.IN_SYNC)


def changed(host: HostResult) -> list[str]:
    """Return the resources that a run changed."""
    return sorted(host.changed)


@pytest.fixture
def edited(both: Site) -> Iterator[Path]:
    """Return hosts.yaml to be edited; it is as before afterwards."""
    path = both.folder / "hosts.yaml"
    before = path.read_text()
    yield path
    path.write_text(before)


def change(path: Path, host: str, edit: Callable[[dict[str, object]], None]) -> None:
    data = yaml.safe_load(path.read_text())
    edit(data["hosts"][host])
    path.write_text(yaml.safe_dump(data, sort_keys=False))


def new_host_key(folder: Path) -> str:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True
    )
    return " ".join((folder / "key.pub").read_text().split()[:2])


def names(pair: list[Machine]) -> list[str]:
    return [machine.name for machine in pair]


def test_the_second_converge_changes_nothing_in_two_execs(both: Site, pair: list[Machine]) -> None:
    result = both.converge(*names(pair))
    assert result.exit_code is ExitCode.CLEAN
    for host in result.hosts:
        assert (host.state, host.changed, host.execs) == (HostState.IN_SYNC, [], 2)
        assert re.fullmatch(r"[0-9a-f]{64}", host.certificate)


def test_a_plan_is_one_exec_per_host(both: Site, pair: list[Machine]) -> None:
    assert [host.execs for host in both.plan(*names(pair)).hosts] == [1, 1]


def test_the_degraded_link_is_caught_with_the_next_step(both: Site, pair: list[Machine]) -> None:
    healthy, degraded = both.plan(*names(pair)).hosts
    worst = {"FAIL"}
    assert not [gate for gate in healthy.gates if gate.verdict in worst]
    failed = [gate for gate in degraded.gates if gate.verdict in worst]
    assert failed
    text = " ".join(f"{gate.text} {gate.remedy}" for gate in failed)
    assert "x8" in text
    assert "reseat" in text.lower()
    assert all(gate.simulated for gate in failed), "the lab's cards are marked as simulated"


def test_the_host_tells_the_same_story_as_the_ledger(both: Site, pair: list[Machine]) -> None:
    run = both.converge(pair[0].name)
    line = pair[0].read("/var/lib/b70fleet/journal.jsonl").splitlines()[-1]
    assert run.run in line
    assert run.hosts[0].certificate in line
    shown = both.b70("history", "show", run.run)
    assert shown.status == 0
    assert run.hosts[0].certificate[:12] in shown.out
    assert both.b70("history", "verify").status == 0


def test_a_limit_that_matches_nothing_is_refused(both: Site) -> None:
    done = both.b70("plan", "--limit", "no-such-host")
    assert done.status == ExitCode.REFUSED
    assert "no-such-host" in done.err


def test_the_whole_fleet_is_changed_only_when_said(both: Site) -> None:
    done = both.b70("converge", "--yes")
    assert done.status == ExitCode.REFUSED
    assert "--all" in done.err


def test_a_changed_host_key_is_refused_with_both_fingerprints(
    both: Site, pair: list[Machine], edited: Path, tmp_path: Path
) -> None:
    other = new_host_key(tmp_path)
    change(edited, pair[0].name, lambda host: host["identity"].update(host_keys=[other]))  # type: ignore[attr-defined]
    result = both.plan(pair[0].name)
    assert result.exit_code is ExitCode.REFUSED
    assert len(re.findall(r"SHA256:\S+", result.hosts[0].error)) == 2
    assert "--rekey" in result.hosts[0].hint


def test_an_unpinned_host_is_refused(both: Site, pair: list[Machine], edited: Path) -> None:
    change(edited, pair[0].name, lambda host: host["identity"].pop("host_keys"))  # type: ignore[attr-defined]
    result = both.plan(pair[0].name)
    assert (result.exit_code, result.hosts[0].error_id) == (
        ExitCode.REFUSED,
        "host-key-not-pinned",
    )


def test_another_machine_behind_the_address_is_refused_untouched(
    both: Site, pair: list[Machine], edited: Path
) -> None:
    journal = pair[0].read("/var/lib/b70fleet/journal.jsonl")
    change(edited, pair[0].name, lambda host: host["identity"].update(machine_id="0" * 32))  # type: ignore[attr-defined]
    result = both.converge(pair[0].name)
    assert result.exit_code is ExitCode.REFUSED
    assert pair[0].machine_id in result.hosts[0].error
    assert "0" * 32 in result.hosts[0].error
    assert pair[0].read("/var/lib/b70fleet/journal.jsonl") == journal, "not even a lock was taken"


def test_sudo_that_asks_is_refused_with_the_line_to_add(both: Site, pair: list[Machine]) -> None:
    rule = pair[0].run("grep -rlE '^rig ' /etc/sudoers.d /etc/sudoers").stdout.split()[0]
    pair[0].run(f"cp -p {rule} /root/rule; sed -i 's/NOPASSWD://' {rule}")
    try:
        result = both.converge(pair[0].name)
        doctor = both.b70("doctor", pair[0].name)
        facts = both.b70("facts", pair[0].name, "gpu_link", "packages")
    finally:
        pair[0].run(f"cp -p /root/rule {rule}")
    assert (result.exit_code, result.hosts[0].error_id) == (ExitCode.REFUSED, "sudo")
    assert "NOPASSWD" in result.hosts[0].hint
    assert doctor.status == ExitCode.REFUSED
    assert "sudo is refused for rig" in doctor.out
    assert facts.status == ExitCode.CLEAN
    assert "needs root" in facts.out, "what an ordinary user may not read is UNKNOWN, not absent"


def test_a_host_that_cannot_be_written_is_refused_before_anything(
    both: Site, pair: list[Machine]
) -> None:
    pair[0].run("mount -t tmpfs -o ro none /var/lib/b70fleet")
    try:
        result = both.converge(pair[0].name)
    finally:
        pair[0].run("umount /var/lib/b70fleet")
    assert (result.exit_code, result.hosts[0].error_id) == (
        ExitCode.REFUSED,
        "state-not-writable",
    )
    assert "b70 doctor" in result.hosts[0].hint


def test_a_saved_plan_is_applied_exactly_and_refused_when_the_host_moved(
    both: Site, pair: list[Machine], tmp_path: Path
) -> None:
    saved = tmp_path / "plan.json"
    pair[0].run(f"echo '# edited' >>{JOURNALD}")
    assert both.b70("plan", "--limit", pair[0].name, "-o", str(saved)).status == ExitCode.PENDING
    pair[0].run(f"echo '# edited again' >>{JOURNALD}")
    stale = both.b70("converge", str(saved), "--yes", "--json")
    assert stale.status == ExitCode.REFUSED, stale.err
    assert f"File[{JOURNALD}]" in stale.result.hosts[0].error
    assert "# edited again" in pair[0].read(JOURNALD), "a refused host is untouched"
    shown = both.b70("plan", "--limit", pair[0].name, "-o", str(saved), "--json")
    assert shown.status == ExitCode.PENDING
    pair[0].run("touch /etc/nothing-of-ours")
    applied = both.b70("converge", str(saved), "--yes", "--json")
    assert applied.status == ExitCode.CLEAN, applied.err
    (plan,), (host,) = shown.result.hosts, applied.result.hosts
    assert due(plan) == changed(host) == [f"File[{JOURNALD}]", "Unit[systemd-journald]"]


def test_a_restart_that_follows_from_a_file_is_in_the_plan_and_in_its_cost(
    both: Site, pair: list[Machine], tmp_path: Path
) -> None:
    saved = tmp_path / "plan.json"
    pair[0].run(f"rm {JOURNALD}")
    done = both.b70("plan", "--limit", pair[0].name, "-o", str(saved))
    assert f"  + File[{JOURNALD}]" in done.out
    assert f"restarts systemd-journald.service: {JOURNALD} is written first" in done.out
    assert "cost: 2 changes, 0 reboots, restarts systemd-journald.service" in done.out
    started = "systemctl show -P ActiveEnterTimestampMonotonic systemd-journald"
    before = pair[0].run(started).stdout
    (host,) = both.b70("converge", str(saved), "--yes", "--json").result.hosts
    assert changed(host) == [f"File[{JOURNALD}]", "Unit[systemd-journald]"]
    assert pair[0].run(started).stdout != before, "it was restarted"


def test_what_a_plan_did_not_show_is_left_for_the_next_one(
    both: Site, pair: list[Machine], tmp_path: Path
) -> None:
    saved = tmp_path / "plan.json"
    pair[0].run(f"chmod 0600 {JOURNALD}")
    assert both.b70("plan", "--limit", pair[0].name, "-o", str(saved)).status == ExitCode.PENDING
    # what the plan is about stays the same; what it does puts something else out of sync
    sysctl = pair[0].run("ls /etc/sysctl.d/*b70fleet*").stdout.split()[0]
    pair[0].run(
        f"mv /usr/bin/chmod /usr/bin/chmod.real; printf '%s\n' '#!/bin/sh' "
        f"'chmod.real \"$@\"; s=$?; chmod.real 0600 {sysctl}; exit $s' >/usr/bin/chmod; "
        "chmod.real 0755 /usr/bin/chmod"
    )
    try:
        (host,) = both.b70("converge", str(saved), "--yes", "--json").result.hosts
    finally:
        pair[0].run("mv /usr/bin/chmod.real /usr/bin/chmod")
    assert (host.state, host.error_id) == (HostState.PENDING, "not-shown")
    assert f"File[{sysctl}]" in host.error
    assert host.changed == [f"File[{JOURNALD}]"]
    assert both.converge(pair[0].name).hosts[0].changed == [f"File[{sysctl}]"]


def test_what_the_golden_files_show_is_what_rigs_answer(
    both: Site, pair: list[Machine], edited: Path
) -> None:
    rig, gone = pair[1], "gone"
    data = yaml.safe_load(edited.read_text())
    # nobody listens there
    data["hosts"][gone] = {**data["hosts"][rig.name], "address": "127.0.0.1", "port": 9}
    data["hosts"][gone]["identity"] = {"host_keys": [new_host_key(both.state)]}
    edited.write_text(yaml.safe_dump(data, sort_keys=False))
    rig.run(
        f"sed -i 's/^SystemMaxUse=.*/SystemMaxUse=1G/' {JOURNALD}; chmod 0777 /etc/apt/keyrings; "
        "dpkg --purge --force-all xpu-smi >/dev/null 2>&1"
    )
    pending, unreachable = both.plan(rig.name, gone).hosts
    check_recorded("pending", pending)
    check_recorded("unreachable", unreachable)
    (converged,) = both.converge(rig.name).hosts
    check_recorded("converged", converged)


def test_what_a_rig_says_is_what_was_recorded(both: Site, pair: list[Machine]) -> None:
    fleet = load(both.folder, {})
    spec = fleet.hosts[pair[1].name]
    wanted = Order(Recipe((steps.read, check_rig)), only=None)
    assert Engine(fleet).run([spec], wanted).result.hosts[0].error == ""


def test_every_change_of_a_plan_says_why(both: Site, pair: list[Machine]) -> None:
    pair[0].run(
        f"echo '# edited' >>{JOURNALD}; chmod 0777 /etc/apt/sources.list.d/*b70fleet*; "
        "apt-get -y -qq remove xpu-smi --allow-change-held-packages >/dev/null 2>&1; "
        "userdel rig-nobody 2>/dev/null; systemctl stop cron 2>/dev/null; :"
    )
    (host,) = both.plan(pair[0].name).hosts
    shown = [r for r in host.resources if r.status is not ResourceStatus.IN_SYNC]
    assert len(shown) >= 4
    assert [r.name for r in shown if not (r.differences or r.restarts)] == []
    assert both.converge(pair[0].name).exit_code is ExitCode.CLEAN


def test_a_planted_secret_reaches_its_file_and_nothing_else(
    both: Site, pair: list[Machine], edited: Path, tmp_path: Path
) -> None:
    group = both.folder / "group_data" / "groups" / "lab.yaml"
    before = group.read_text()
    data = yaml.safe_load(before)
    source = data["apt"]["sources"]["oneapi"]
    source.update(login="rig", password="env:B70_TEST_SECRET")
    group.write_text(yaml.safe_dump(data))
    own = Site(both.folder, tmp_path / "state", both.guard, {"B70_TEST_SECRET": SECRET})
    saved = tmp_path / "plan.json"
    host = pair[0].name
    try:
        outputs = [
            own.b70("inventory", "show", host),
            own.b70("inventory", "explain", host, "apt.sources.oneapi.password"),
            own.b70("plan", "-v", "--limit", host, "-o", str(saved)),
            own.b70("plan", "--json", "--limit", host),
            own.b70("-v", "-v", "converge", "--limit", host, "--yes"),
            own.b70("facts", host, "--json"),
            own.b70("history"),
        ]
        auth = pair[0].run("grep -rl . /etc/apt/auth.conf.d").stdout.split()
        assert any(SECRET in pair[0].read(path) for path in auth)
        assert {pair[0].run(f"stat -c %a {path}").stdout.strip() for path in auth} == {"600"}
    finally:
        group.write_text(before)
        pair[0].run("rm -f /etc/apt/auth.conf.d/*")
        both.converge(host)
    for done in outputs:
        assert done.status in (ExitCode.CLEAN, ExitCode.PENDING), done.err
        assert SECRET not in done.out + done.err
    written = [saved, *(path for path in own.state.rglob("*") if path.is_file())]
    assert any(path.suffix == ".log" for path in written)
    for path in written:
        assert SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in pair[0].read("/var/lib/b70fleet/journal.jsonl")


def test_facts_show_unknown_with_its_reason_and_need_one_exec(
    both: Site, pair: list[Machine]
) -> None:
    done = both.b70("facts", pair[0].name, "--json")
    assert done.status == ExitCode.CLEAN
    assert '"execs": 1' in done.out
    pair[0].run("mv /usr/bin/dpkg-query /usr/bin/dpkg-query.away")
    try:
        shown = both.b70("facts", pair[0].name, "packages")
    finally:
        pair[0].run("mv /usr/bin/dpkg-query.away /usr/bin/dpkg-query")
    assert shown.status == ExitCode.CLEAN
    assert "UNKNOWN" in shown.out
    assert "exit status" in shown.out


def test_an_operation_never_acts_on_unknown(both: Site, pair: list[Machine]) -> None:
    pair[0].run("mv /usr/bin/dpkg-query /usr/bin/dpkg-query.away")
    try:
        result = both.converge(pair[0].name)
    finally:
        pair[0].run("mv /usr/bin/dpkg-query.away /usr/bin/dpkg-query")
    host = result.hosts[0]
    assert (result.exit_code, host.changed) == (ExitCode.FAILED, [])
    assert "cannot be planned" in host.error
    assert not [r for r in host.resources if r.outcome == "done"]


def test_stock_pyinfra_runs_the_same_tree_and_changes_nothing_in_a_dry_run(
    both: Site, pair: list[Machine]
) -> None:
    pyinfra = shutil.which("pyinfra", path=str(Path(sys.executable).parent)) or "pyinfra"
    done = subprocess.run(
        [pyinfra, "inventory/rigs.py", "deploys/site.py", "--limit", pair[0].name, "--dry"],
        cwd=ROOT,
        env={**os.environ, "B70_INVENTORY": str(both.folder), "PYINFRA_PROGRESS": "off"},
        input="",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"File[{JOURNALD}]" in done.stdout + done.stderr


def test_the_ledgers_view_of_a_host_in_sync_has_no_pending_resource(
    both: Site, pair: list[Machine]
) -> None:
    for host in both.plan(*names(pair)).hosts:
        assert {r.status for r in host.resources} == {ResourceStatus.IN_SYNC}
