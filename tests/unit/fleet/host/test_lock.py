"""The lock's shell text under a real sh, with the state directory moved to a temporary place."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from declaration import onhost
from fleet.host import lock


class Host:
    """A state directory and a way to run texts against it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, text: str) -> tuple[int, list[str]]:
        moved = text.replace(onhost.STATE, str(self.folder))
        done = subprocess.run(
            ["sh", "-s"], input=moved, text=True, capture_output=True, check=False
        )
        return done.returncode, done.stdout.splitlines()

    def journal(self) -> list[dict[str, str]]:
        text = (self.folder / "journal.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


def acquire_text() -> str:
    return lock.acquire("run-1", "me")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "state")


def test_a_free_lock_is_taken_and_gives_a_growing_fence(host: Host) -> None:
    assert host.run(lock.acquire("run-1", "ann@desk")) == (0, ["fence 1"])
    assert host.run(lock.release("run-1", 1, "converged", "c"))[0] == 0
    assert host.run(lock.acquire("run-2", "bob@lap")) == (0, ["fence 2"])


def test_a_live_lock_refuses_and_names_its_owner(host: Host) -> None:
    host.run(lock.acquire("run-1", "ann@desk"))
    status, lines = host.run(lock.acquire("run-2", "bob@lap"))
    owner = lock.parse_owner(lines)
    assert status == lock.LOCKED
    assert owner is not None
    assert (owner.run, owner.who) == ("run-1", "ann@desk")
    assert 0 < owner.left_s <= lock.LEASE_S


def test_an_expired_lease_is_taken_over_and_the_old_owner_is_fenced_off(host: Host) -> None:
    host.run(lock.acquire("run-1", "ann@desk"))
    (host.folder / "lease").write_text("0\n")
    assert host.run(lock.acquire("run-2", "bob@lap")) == (0, ["fence 2"])
    assert host.run(lock.guard(1) + "echo mutated") == (lock.FENCED, [])
    assert host.run(lock.guard(2) + "echo mutated") == (0, ["mutated"])
    assert host.run(lock.release("run-1", 1, "converged", ""))[0] == lock.FENCED
    assert host.run(lock.acquire("run-3", "eve@x"))[0] == lock.LOCKED


def test_a_lock_of_an_earlier_boot_is_taken_over(host: Host) -> None:
    host.run(lock.acquire("run-1", "ann@desk"))
    taken = host.folder / "lock"
    run, who, _, since = taken.read_text().splitlines()
    taken.write_text("\n".join([run, who, "another-boot", since, ""]))
    assert host.run(lock.acquire("run-2", "bob@lap")) == (0, ["fence 2"])


def test_every_mutation_renews_the_lease_for_its_own_deadline(host: Host) -> None:
    host.run(lock.acquire("run-1", "ann@desk"))
    before = int((host.folder / "lease").read_text())
    host.run(lock.guard(1, command_s=7_200))
    assert int((host.folder / "lease").read_text()) >= before + 6_000


def test_peek_tells_and_writes_nothing(host: Host) -> None:
    assert host.run(lock.peek()) == (0, [])
    assert not host.folder.exists()
    host.run(lock.acquire("run-1", "ann@desk"))
    assert lock.parse_owner(host.run(lock.peek())[1]) is not None


def test_only_the_named_runs_lock_is_removed_by_hand(host: Host) -> None:
    host.run(lock.acquire("run-1", "ann@desk"))
    other = (lock.LOCKED, ["other\trun-1\tann@desk"])
    assert host.run(lock.unlock("run-9", "typo", "bob")) == other
    assert host.run(lock.unlock("run-1", "it's dead", "bob")) == (0, ["removed"])
    assert host.run(lock.guard(1) + "echo mutated") == (lock.FENCED, [])
    assert host.run(lock.unlock("run-1", "again", "bob")) == (0, ["none"])


def test_a_host_that_no_run_ever_held_is_not_locked(host: Host) -> None:
    assert host.run(lock.unlock("run-1", "why", "bob")) == (0, ["none"])
    assert not host.folder.exists()


def test_a_lock_that_cannot_be_removed_is_never_called_removed(host: Host) -> None:
    host.run(lock.acquire("run-1", "ann@desk"))
    (host.folder / "journal.jsonl").unlink()
    (host.folder / "journal.jsonl").symlink_to("/dev/full")
    assert host.run(lock.unlock("run-1", "why", "bob")) == (lock.NO_STATE_DIR, [])
    assert (host.folder / "lock").exists()


def test_an_end_that_cannot_be_journaled_is_said_and_gives_the_lock_back(host: Host) -> None:
    host.run(lock.acquire("run-1", "ann@desk"))
    (host.folder / "journal.jsonl").unlink()
    (host.folder / "journal.jsonl").symlink_to("/dev/full")
    assert host.run(lock.release("run-1", 1, "converged", "c")) == (lock.NO_STATE_DIR, [])
    assert not (host.folder / "lock").exists()
    assert not (host.folder / "production").exists()


def test_the_journal_tells_who_what_and_how_it_ended(host: Host) -> None:
    host.run(lock.acquire("run-1", "o'brien@desk"))
    host.run(lock.release("run-1", 1, "converged", "cert"))
    start, end = host.journal()
    assert (start["event"], start["run"], start["who"]) == ("start", "run-1", "o'brien@desk")
    assert (end["event"], end["outcome"], end["certificate"]) == ("end", "converged", "cert")


@pytest.mark.parametrize(
    ("before", "text"),
    [(":", acquire_text()), (acquire_text(), lock.unlock("run-1", "gone", "me"))],
    ids=["acquire", "unlock"],
)
def test_a_power_cut_leaves_known_temporary_names_at_most_and_the_fence_never_goes_back(
    host: Host, tmp_path: Path, before: str, text: str
) -> None:
    host.run(before)
    calls = tmp_path / "calls"
    spies = (
        f'sync() {{ echo sync "$@" >>{calls}; }}\n'
        f'mv() {{ echo mv "$@" >>{calls}; command mv "$@"; }}\n'
    )
    host.run(spies + text)
    said = [line.split() for line in calls.read_text().splitlines()]
    moved = [words[2] for words in said if words[0] == "mv"]
    assert moved
    assert {Path(path).name[:10] for path in moved} == {".b70fleet."}
    assert said[-1] == ["sync", str(host.folder)], "a rename is safe once its directory is"
    assert not list(host.folder.glob(".b70fleet.*"))


def test_a_state_directory_that_cannot_be_made_is_its_own_answer(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file is in the way")
    status, _ = Host(tmp_path / "state").run(lock.acquire("run-1", "ann"))
    assert status == lock.NO_STATE_DIR


def test_another_machine_is_not_locked() -> None:
    here = Path("/etc/machine-id").read_text().strip()
    run = Host(Path("/nonexistent")).run
    assert run(lock.identify(here)) == (0, [])
    assert run(lock.identify("0" * 32)) == (lock.IDENTITY, [here])
    assert run(lock.identify("")) == (0, [])
