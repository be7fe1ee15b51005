"""`b70 unlock` over the engine, against the real text of a host's lock."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from declaration import onhost
from fleet.base.exitcodes import ExitCode
from fleet.base.run import Run
from fleet.config import load
from fleet.host import lock
from fleet.host.session import Output
from fleet.host.shell import Shell
from fleet.ledger import Ledger, RunState
from fleet.model.plan import HostState
from fleet.run import order
from fleet.run.engine import Engine, Outcome
from fleet.run.hosterrors import IdentityChanged, OtherLock, StateNotWritable

HERE = "0123456789abcdef0123456789abcdef"


class Desk:
    """A fleet of one host whose files lie in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        (folder / "machine-id").write_text(f"{HERE}\n")
        self.ledger = Ledger.open(folder / "ledger.db")
        self.declare(HERE)

    def declare(self, machine_id: str) -> None:
        """Pin the host."""
        record = f"{{address: 192.0.2.1, identity: {{machine_id: {machine_id}}}}}"
        (self.folder / "hosts.yaml").write_text(f"hosts: {{rig-a: {record}}}\n")

    def sh(self, text: str) -> Output:
        moved = text.replace(onhost.STATE, str(self.state))
        moved = moved.replace("/etc/machine-id", str(self.folder / "machine-id"))
        done = subprocess.run(["sh", "-s"], input=moved.encode(), capture_output=True, check=False)
        return Output(done.returncode, done.stdout, done.stderr)

    def unlock(self, holder: str) -> Outcome:
        fleet = load(self.folder, {})
        desk = self

        class Session:
            execs = 0

            def __init__(self, name: str, data: object, shell: Shell) -> None:
                pass

            def connect(self, patience_s: float | None = None) -> None:
                pass

            def run(self, program: str, *, deadline_s: float) -> Output:
                return desk.sh(program)

            def close(self) -> None:
                pass

        self.run = Run.begin()
        engine = Engine(fleet, self.ledger, layers=(), run=self.run, way=Session)
        return engine.run([fleet.hosts["rig-a"]], order.unlock(holder, "it died"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.sh(lock.acquire("run-1", "ann@desk pid 7"))
    return desk


def test_a_removed_lock_is_a_run_in_the_history(desk: Desk) -> None:
    (visit,) = desk.unlock("run-1").visits
    assert visit.said == "unlocked; the lock of run run-1 is removed"
    assert not (desk.state / "lock").exists()
    record = desk.ledger.show(desk.run.id)
    assert record is not None
    assert (record.summary.command, record.summary.state) == ("unlock", RunState.FINISHED)
    assert record.summary.exit_code is ExitCode.CLEAN
    assert [(host.state, host.changed) for host in record.hosts] == [
        (HostState.DONE, ["Lock[run-1]"])
    ]


def test_a_host_that_is_not_locked_needs_nothing(desk: Desk) -> None:
    desk.unlock("run-1")
    outcome = desk.unlock("run-1")
    assert outcome.visits[0].said == "not locked, nothing to remove"
    assert outcome.result.exit_code is ExitCode.CLEAN
    assert outcome.result.hosts[0].changed == []


def test_the_lock_of_another_run_is_named_with_its_owner_and_stays(desk: Desk) -> None:
    (visit,) = desk.unlock("run-9").visits
    assert isinstance(visit.error, OtherLock)
    assert "the lock there is of run run-1 (ann@desk pid 7), not of run-9" in visit.error.message
    assert visit.error.hint.startswith("b70 unlock rig-a --lock run-1 ")
    assert (desk.state / "lock").exists()


def test_another_machine_behind_the_address_is_not_unlocked(desk: Desk) -> None:
    desk.declare("f" * 32)
    (visit,) = desk.unlock("run-1").visits
    assert isinstance(visit.error, IdentityChanged)
    assert (desk.state / "lock").exists()


def test_a_host_that_cannot_be_written_is_not_called_unlocked(desk: Desk) -> None:
    (desk.state / "journal.jsonl").unlink()
    (desk.state / "journal.jsonl").symlink_to("/dev/full")
    outcome = desk.unlock("run-1")
    assert isinstance(outcome.visits[0].error, StateNotWritable)
    assert outcome.result.exit_code is ExitCode.REFUSED
