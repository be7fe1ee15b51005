"""Runs that break off: a killed controller, a cut connection, no room to record."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from declaration.onhost import STATE
from fleet.base.exitcodes import ExitCode
from fleet.model.plan import HostState
from lab.machines import Machine
from tests.ssh.conftest import Site
from tests.ssh.controllers import (
    controller,
    end_leftovers,
    ended,
    exists,
    in_the_ledger,
    wait_for,
)
from tests.ssh.planted import HEAVY, HEAVY_SIZE, KILL_AFTER, STEPS

pytestmark = pytest.mark.ssh

#: Seconds that a controller may take.
PATIENCE_S = 90
#: Kills the sshd of the first program that has read more than $1 bytes from its connection.
CUTTER = r"""
while :; do
  for p in /proc/[0-9]*; do
    { read -r name <"$p/comm"; read -r _ bytes <"$p/io"; } 2>/dev/null || continue
    [ "$name" = sh ] && [ "${bytes:-0}" -gt "$1" ] || continue
    pid=${p#/proc/}
    while [ "$pid" -gt 1 ]; do
      read -r name <"/proc/$pid/comm" && read -r _ _ _ parent _ <"/proc/$pid/stat" || break
      case $name in sshd*) kill -KILL "$pid"; : >/run/cut; exit;; esac
      pid=$parent
    done
  done
done
"""


@pytest.fixture(autouse=True)
def _clean(machine: Machine) -> None:
    """Give every test the machine without traces of the one before."""
    end_leftovers(machine)
    machine.run(f"rm -rf /srv/* /run/cut {STATE}")


@pytest.fixture
def small_state(site: Site, tmp_path: Path) -> Iterator[Site]:
    """Return the site with a state directory that has 256 KiB."""
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", state], check=True)
    try:
        yield Site(site.folder, state, site.guard)
    finally:
        subprocess.run(["umount", state], check=True)


def unlock(site: Site, machine: Machine, reason: str) -> None:
    """Remove the lock that is there, as the refusal says it is done."""
    lock = machine.read(f"{STATE}/lock").splitlines()[0]
    done = site.b70("unlock", machine.name, "--lock", lock, "--reason", reason)
    assert done.status == ExitCode.CLEAN, done.err


def test_a_controller_killed_between_two_operations_loses_and_doubles_none(
    site: Site, machine: Machine
) -> None:
    with controller(
        site, "counted", "converge", machine.name, **{KILL_AFTER: "Step[one]"}
    ) as killed:
        killed.communicate(timeout=PATIENCE_S)
    assert killed.returncode < 0
    assert machine.read(STEPS) == "one\n"
    assert exists(machine, f"{STATE}/lock")
    assert "interrupted" in site.b70("history").out

    with controller(site, "counted", "converge", machine.name) as refused:
        host = ended(refused, PATIENCE_S)
    assert (host.state, host.error_id) == (HostState.REFUSED, "locked")
    assert f"pid {killed.pid}" in host.error
    assert "that process is gone" in host.error
    lock = machine.read(f"{STATE}/lock").splitlines()[0]
    told = site.b70("history", "show", lock).out
    assert f"{machine.name}  uncertain" in told
    assert "uncertain Step[one]" in told
    assert f"b70 unlock {machine.name} --lock {lock}" in told
    assert machine.read(STEPS) == "one\n"

    unlock(site, machine, "the laptop died")
    assert "unlock" in site.b70("history", "--host", machine.name).out
    assert "the laptop died" in machine.read(f"{STATE}/journal.jsonl")
    with controller(site, "counted", "converge", machine.name) as second:
        host = ended(second, PATIENCE_S)
    assert (host.state, host.changed) == (HostState.CONVERGED, ["Step[two]", "Step[three]"])
    assert machine.read(STEPS) == "one\ntwo\nthree\n"
    assert site.b70("history", "verify").status == ExitCode.CLEAN


def test_a_controller_killed_in_the_middle_of_an_operation_leaves_it_to_end_once(
    site: Site, machine: Machine
) -> None:
    with controller(site, "slow", "converge", machine.name) as killed:
        wait_for(lambda: exists(machine, "/srv/started"), "the slow step runs")
        killed.kill()
        killed.wait()
    assert in_the_ledger(site, machine.name) == HostState.UNCERTAIN
    machine.run("touch /srv/go")
    wait_for(lambda: exists(machine, "/srv/slow"), "what was begun ends on the host")
    unlock(site, machine, "the laptop died")
    with controller(site, "slow", "converge", machine.name) as second:
        host = ended(second, PATIENCE_S)
    assert (host.state, host.changed) == (HostState.CONVERGED, ["Step[three]"])


def test_only_the_lock_that_is_there_is_removed_and_only_with_a_reason(
    site: Site, machine: Machine
) -> None:
    with controller(
        site, "counted", "converge", machine.name, **{KILL_AFTER: "Step[one]"}
    ) as killed:
        killed.communicate(timeout=PATIENCE_S)
    lock = machine.read(f"{STATE}/lock")
    another = site.b70("unlock", machine.name, "--lock", "20200101T000000Z-0000", "--reason", "x")
    assert another.status == ExitCode.REFUSED
    assert lock.splitlines()[0] in another.err
    silent = site.b70("unlock", machine.name, "--lock", lock.splitlines()[0], "--reason", " ")
    assert silent.status == ExitCode.USAGE
    assert machine.read(f"{STATE}/lock") == lock


def test_a_connection_that_is_cut_while_a_file_travels_leaves_the_old_file_whole(
    site: Site, machine: Machine
) -> None:
    machine.write(HEAVY, "old\n")
    machine.write("/root/cutter.sh", CUTTER)
    machine.run(f"systemd-run --quiet --collect --unit=cutter sh /root/cutter.sh {HEAVY_SIZE // 4}")
    with controller(site, "heavy", "converge", machine.name) as process:
        host = ended(process, PATIENCE_S)
    assert exists(machine, "/run/cut"), "the connection was cut by the test"
    assert (host.state, host.error_id) == (HostState.UNCERTAIN, "lost-contact")
    assert [item.outcome for item in host.resources] == ["uncertain"]
    assert host.lock == machine.read(f"{STATE}/lock").splitlines()[0]
    assert process.returncode == ExitCode.UNREACHABLE
    assert machine.read(HEAVY) == "old\n"
    wait_for(lambda: machine.run("ls -A /srv").stdout == "heavy\n", "no part of it stays behind")
    assert machine.read(HEAVY) == "old\n"

    unlock(site, machine, "the connection is back")
    with controller(site, "heavy", "converge", machine.name) as second:
        assert ended(second, PATIENCE_S).state is HostState.CONVERGED
    assert machine.run(f"stat -c %s {HEAVY}").stdout == f"{HEAVY_SIZE}\n"


def test_a_controller_without_room_for_its_ledger_changes_nothing(
    small_state: Site, machine: Machine
) -> None:
    (small_state.state / "ballast").write_bytes(b"")
    subprocess.run(
        ["dd", "if=/dev/zero", f"of={small_state.state}/ballast", "bs=4k"],
        capture_output=True,
        check=False,
    )
    done = small_state.b70("converge", "--limit", machine.name, "--yes")
    assert done.status not in (ExitCode.CLEAN, ExitCode.PENDING)
    assert "ledger" in done.err
    assert not exists(machine, STATE), "not even a lock was taken"
