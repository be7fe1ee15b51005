"""The ledger: durable, append-only, hash-chained, private, honest about runs without an end."""

from __future__ import annotations

import json
import os
import pwd
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facts.value import Unknown
from fleet.base.exitcodes import ExitCode
from fleet.base.run import user_name
from fleet.ledger import Ledger, LedgerError, RunState, process
from fleet.ledger.chain import GENESIS, Record, link, verify
from fleet.model.plan import Difference, HostResult, HostState, Resource, ResourceStatus
from tests.places import ROOT
from tests.unit.fleet.cli.cli_cases import SOURCES, converged, culprit, unreachable
from tests.unit.fleet.cli.cli_harness import RUN, in_sync, run_result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger lies."""
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    """Return an empty ledger."""
    book = Ledger.open(path)
    yield book
    book.close()


def tamper(path: Path, sql: str) -> None:
    """Change the file behind the ledger's back, guards removed."""
    raw = sqlite3.connect(path)
    raw.executescript(
        "DROP TRIGGER IF EXISTS record_is_never_changed;"
        f"DROP TRIGGER IF EXISTS record_is_never_removed; {sql}"
    )
    raw.commit()
    raw.close()


def fill(ledger: Ledger) -> None:
    """Record one run over two hosts: 4 records."""
    ledger.begin(RUN, "converge", "rigs")
    ledger.host(RUN, converged())
    ledger.host(RUN, unreachable())
    ledger.finish(RUN, run_result("converge", converged(), unreachable()))


def test_a_finished_run_is_told_with_hosts_changes_and_exit_code(ledger: Ledger) -> None:
    fill(ledger)
    [run] = ledger.runs()
    assert (run.run, run.command, run.fleet, run.state) == (
        RUN,
        "converge",
        "rigs",
        RunState.FINISHED,
    )
    assert run.hosts == {"rig-a": "converged", "rig-b": "unreachable"}
    assert (run.changed, run.exit_code, run.seconds) == (2, ExitCode.UNREACHABLE, 12.3)


def test_a_run_without_an_end_is_running_while_its_process_lives(ledger: Ledger) -> None:
    ledger.begin(RUN, "converge", "rigs")
    assert ledger.runs()[0].state is RunState.RUNNING


def test_a_run_whose_process_died_is_interrupted(ledger: Ledger, path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from fleet.ledger import Ledger; "
        "Ledger.open(Path(sys.argv[1])).begin('dead', 'converge', 'rigs')"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, cwd=ROOT)
    assert ledger.runs()[0].state is RunState.INTERRUPTED


def test_a_run_is_called_gone_only_where_its_own_process_is_known_to_have_ended(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.begin("here", "converge", "rigs")
    assert not ledger.is_gone("here"), "it lives"
    assert not ledger.is_gone("of-somebody-else"), "nobody knows"
    monkeypatch.setattr(process, "_start", lambda pid: "")
    assert ledger.is_gone("here")
    monkeypatch.setattr(process.socket, "gethostname", lambda: "another-computer")
    assert not ledger.is_gone("here")


def test_a_user_without_a_name_in_the_environment_or_an_account_is_still_somebody(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.delenv(name, raising=False)
    assert user_name() == pwd.getpwuid(os.getuid()).pw_name
    assert user_name({"USER": "a\nb"}) == user_name(), "a name is a line of the lock"
    assert user_name({"USER": "root", "SUDO_USER": "ann"}) == "ann"

    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr("fleet.base.run.pwd.getpwuid", nobody)
    ledger.begin("in-a-container", "converge", "rigs")
    assert user_name() == f"uid-{os.getuid()}"


def test_a_reused_process_id_does_not_look_alive() -> None:
    host, pid, start = process.token().rsplit(":", 2)
    assert process.alive(f"{host}:{pid}:{start}")
    assert not process.alive(f"{host}:{pid}:{int(start) - 1}")
    assert not process.alive(f"elsewhere:{pid}:{start}")
    assert not process.alive("")


def test_a_converge_after_its_own_plan_is_one_run_that_is_open_again(ledger: Ledger) -> None:
    ledger.begin(RUN, "plan", "rigs")
    ledger.finish(RUN, run_result("plan", in_sync("rig-a")))
    ledger.begin(RUN, "converge", "rigs")
    [run] = ledger.runs()
    assert (run.command, run.state) == ("converge", RunState.RUNNING)


def test_show_returns_what_was_recorded_and_takes_the_beginning_of_an_id(ledger: Ledger) -> None:
    fill(ledger)
    ledger.begin("20990101T000000Z-0000", "plan", "rigs")
    record = ledger.show(RUN[:8])
    assert record is not None
    assert record.hosts == (converged(), unreachable())
    assert ledger.show("2") is None
    assert ledger.show("nothing") is None
    assert ledger.show("") is None


def test_runs_come_newest_first_and_can_be_asked_for_one_host(ledger: Ledger) -> None:
    for number, name in enumerate(("rig-a", "rig-b", "rig-a")):
        ledger.begin(f"run-{number}", "plan", "rigs")
        ledger.host(f"run-{number}", in_sync(name))
    assert [run.run for run in ledger.runs()] == ["run-2", "run-1", "run-0"]
    assert [run.run for run in ledger.runs(host="rig-a")] == ["run-2", "run-0"]


def test_the_last_certificate_of_a_host_outlives_failures(ledger: Ledger) -> None:
    assert ledger.last_certificate("lab1") is None
    ledger.host("one", in_sync("lab1"))
    ledger.host("two", culprit())
    certificate = ledger.last_certificate("lab1")
    assert certificate is not None
    assert (certificate.run, certificate.hash) == ("one", "c" * 64)


def test_durations_come_from_resources_that_were_really_applied(ledger: Ledger) -> None:
    first, second = converged(), converged()
    second.resources[0].seconds = 0.8
    ledger.host("one", first)
    ledger.host("two", second)
    ledger.host("three", in_sync("rig-a"))
    assert ledger.durations("rig-a", SOURCES) == [0.8, 0.4]
    assert ledger.durations("rig-a", "Sysctl[vm.swappiness]") == []
    assert ledger.typical_durations("rig-a") == {
        SOURCES: pytest.approx(0.6),
        "Packages[gpu-userspace]": 61.0,
    }


def test_durations_do_not_read_the_audits_that_changed_nothing(ledger: Ledger, path: Path) -> None:
    ledger.host("one", converged())
    ledger.host("two", in_sync("rig-a"))
    spoilt = """replace(body, '{', 'no JSON ')"""
    tamper(path, f"UPDATE record SET body = {spoilt} WHERE run = 'two';")
    assert ledger.durations("rig-a", SOURCES) == [0.4]
    assert ledger.verify().broken == 2


def test_facts_are_recorded_only_when_they_changed(ledger: Ledger) -> None:
    assert ledger.facts("one", "rig-a", {"kernel": "6.8", "swap": []}) == ["kernel", "swap"]
    assert ledger.facts("two", "rig-a", {"kernel": "6.8", "swap": []}) == []
    assert ledger.facts("three", "rig-a", {"kernel": Unknown("no answer")}) == ["kernel"]
    assert ledger.facts("four", "rig-a", {"kernel": "6.8", "swap": []}) == ["kernel"]
    history = ledger.facts_history("rig-a", "kernel")
    assert [(change.run, change.value) for change in history] == [
        ("one", "6.8"),
        ("three", {"unknown": "no answer", "raw": ""}),
        ("four", "6.8"),
    ]
    assert [change.domain for change in ledger.facts_history("rig-a")].count("swap") == 1
    assert ledger.facts_history("rig-b") == []


def test_remembered_keys_belong_to_one_declaration(ledger: Ledger) -> None:
    ledger.remember("rig-a", "hash-1", ["FileState path=/etc/x", "Units"])
    assert ledger.recall("rig-a", "hash-1") == ["FileState path=/etc/x", "Units"]
    assert ledger.recall("rig-a", "hash-2") is None
    ledger.remember("rig-a", "hash-2", [])
    assert ledger.recall("rig-a", "hash-1") is None
    assert ledger.recall("rig-a", "hash-2") == []


def test_an_untouched_chain_holds_and_its_head_moves(ledger: Ledger) -> None:
    assert ledger.verify().broken is None
    assert ledger.verify().head == GENESIS
    fill(ledger)
    found = ledger.verify()
    assert (found.records, found.broken) == (4, None)
    assert found.head != GENESIS


@pytest.mark.parametrize(
    ("damage", "broken", "reason"),
    [
        ("UPDATE record SET body = '{}' WHERE seq = 2", 2, "content was changed"),
        ("UPDATE record SET at = '2020' WHERE seq = 3", 3, "content was changed"),
        ("UPDATE record SET host = 'rig-z' WHERE seq = 2", 2, "content was changed"),
        ("DELETE FROM record WHERE seq = 2", 2, "record is missing"),
        ("DELETE FROM record WHERE seq = 1", 1, "record is missing"),
        ("DELETE FROM record WHERE seq = 4", 4, "end of the ledger was cut off"),
        ("UPDATE record SET previous = hash WHERE seq = 3", 3, "does not follow"),
        ("UPDATE record SET hash = 'x' WHERE seq = 1", 1, "content was changed"),
    ],
)
def test_verify_names_the_first_broken_record(
    damage: str, broken: int, reason: str, ledger: Ledger, path: Path
) -> None:
    fill(ledger)
    tamper(path, f"{damage};")
    found = ledger.verify()
    assert found.broken == broken
    assert reason in found.reason


def test_a_record_rewritten_with_a_fitting_hash_breaks_the_next_link(
    ledger: Ledger, path: Path
) -> None:
    fill(ledger)
    raw = sqlite3.connect(path)
    row = raw.execute("SELECT previous, at, kind, run, host FROM record WHERE seq = 2").fetchone()
    raw.close()
    previous, at, kind, run, host = row
    digest = link(previous, at, kind, run, host, "{}")
    tamper(path, f"UPDATE record SET body = '{{}}', hash = '{digest}' WHERE seq = 2;")
    assert ledger.verify().broken == 3


@pytest.mark.parametrize("sql", ["UPDATE record SET body = '{}'", "DELETE FROM record"])
def test_the_file_itself_refuses_to_change_or_remove_a_record(
    sql: str, ledger: Ledger, path: Path
) -> None:
    fill(ledger)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        sqlite3.connect(path).execute(sql)


def chain(bodies: list[str]) -> list[Record]:
    """Return a correct chain."""
    records: list[Record] = []
    previous = GENESIS
    for seq, body in enumerate(bodies, 1):
        digest = link(previous, "t", "k", "r", "h", body)
        records.append(Record(seq, "t", "k", "r", "h", body, previous, digest))
        previous = digest
    return records


@given(st.lists(st.text(max_size=5), min_size=1, max_size=8), st.data())
def test_any_changed_body_is_found_at_its_own_record(
    bodies: list[str], data: st.DataObject
) -> None:
    records = chain(bodies)
    assert verify(records, len(records)).broken is None
    index = data.draw(st.integers(0, len(records) - 1))
    old = records[index]
    records[index] = Record(
        old.seq, old.at, old.kind, old.run, old.host, old.body + "x", old.previous, old.hash
    )
    assert verify(records, len(records)).broken == index + 1


@given(st.lists(st.text(max_size=5), min_size=1, max_size=8), st.data())
def test_any_removed_record_is_found(bodies: list[str], data: st.DataObject) -> None:
    records = chain(bodies)
    index = data.draw(st.integers(0, len(records) - 1))
    del records[index]
    assert verify(records, len(bodies)).broken == index + 1


def test_only_the_owner_can_read_the_ledger_and_its_side_files(ledger: Ledger, path: Path) -> None:
    fill(ledger)
    files = list(path.parent.iterdir())
    assert len(files) == 3
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_planted_secret_never_reaches_the_file(path: Path) -> None:
    def redact(text: str) -> str:
        return text.replace('pa"ss', "*****")

    book = Ledger.open(path, redact)
    host = converged()
    host.resources[0].changes[0].text = host.error = 'echo pa"ss'
    book.begin(RUN, 'converge pa"ss', "rigs")
    book.host(RUN, host)
    book.facts(RUN, "rig-a", {"env": {'pa"ss': Unknown("?", 'pa"ss')}})
    book.note("unlock", RUN, "rig-a", {"reason": 'pa"ss'})
    book.close()
    data = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"*****" in data
    assert b'pa"ss' not in data
    assert b'pa\\"ss' not in data


def test_a_full_disk_stops_the_run_and_leaves_the_chain_whole(ledger: Ledger, path: Path) -> None:
    fill(ledger)
    # the page limit makes SQLite report exactly what it reports on a full disk
    pages = ledger._database.query("PRAGMA page_count")[0][0]
    ledger._database.query(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="disk is full"):
        ledger.note("intent", RUN, "rig-a", {"pad": "x" * 400_000})
    other = Ledger.open(path)
    assert other.verify().broken is None
    assert other.runs()[0].state is RunState.FINISHED


def test_a_state_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot open the ledger"):
        Ledger.open(tmp_path / "file" / "ledger.db")


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger.open(tmp_path / "ledger.db")


def test_two_processes_write_one_unbroken_chain(ledger: Ledger, path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from fleet.ledger import Ledger; "
        "book = Ledger.open(Path(sys.argv[1])); "
        "[book.note('step', sys.argv[2], 'rig-a', {'n': n}) for n in range(40)]"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(path), f"run-{n}"], cwd=ROOT)
        for n in range(2)
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    found = ledger.verify()
    assert (found.records, found.broken) == (80, None)


def test_a_crash_in_the_middle_of_a_write_loses_only_that_record(path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from fleet.ledger import Ledger; "
        "book = Ledger.open(Path(sys.argv[1])); book.begin('one', 'plan', 'rigs'); "
        "book._database._connection.execute('BEGIN IMMEDIATE'); "
        'book._database._connection.execute("INSERT INTO record (at, kind, run, host, body, '
        "previous, hash) VALUES ('', '', '', '', '', '', '')\"); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False, cwd=ROOT)
    assert done.returncode == 9
    found = Ledger.open(path).verify()
    assert (found.records, found.broken) == (1, None)


def test_bodies_are_canonical_json(ledger: Ledger, path: Path) -> None:
    fill(ledger)
    for (body,) in sqlite3.connect(path).execute("SELECT body FROM record"):
        value = json.loads(body)
        assert body == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@settings(max_examples=20)
@given(st.lists(st.sampled_from(list(HostState)), max_size=5))
def test_the_recorded_exit_code_is_that_of_the_result(states: list[HostState]) -> None:
    hosts = [in_sync(f"rig-{n}").model_copy(update={"state": s}) for n, s in enumerate(states)]
    result = run_result("plan", *hosts)
    with TemporaryDirectory() as folder:
        book = Ledger.open(Path(folder) / "ledger.db")
        book.begin(RUN, "plan", "rigs")
        book.finish(RUN, result)
        assert book.runs()[0].exit_code == result.exit_code
        book.close()


FILE = "File[/etc/default/grub]"
LINE = "kernel command line"


def wrote(
    host: str, *tokens: str | None, what: str = LINE, name: str = FILE, outcome: str | None = "done"
) -> HostResult:
    """Return a host on which a run gave a property of a resource these values."""
    return HostResult(
        host=host,
        state=HostState.CONVERGED,
        changed=[name],
        resources=[
            Resource(
                layer="boot-set",
                name=name,
                status=ResourceStatus.CHANGE,
                differences=[
                    Difference(what=what, expected=token, seen="other") for token in tokens
                ],
                outcome=outcome,
            )
        ],
    )


def test_every_value_that_runs_gave_a_property_is_on_record_once_and_in_order(
    ledger: Ledger,
) -> None:
    for number, tokens in enumerate((("quiet", "iommu=pt"), ("panic=10", "quiet"))):
        run = f"{RUN}{number}"
        ledger.begin(run, "converge", "rigs")
        ledger.host(run, wrote("rig-a", *tokens))
    assert ledger.expectations("rig-a", FILE, LINE) == ("quiet", "iommu=pt", "panic=10")


@pytest.mark.parametrize(
    "result",
    [
        wrote("rig-b", "quiet"),
        wrote("rig-a", "quiet", what="GRUB_DEFAULT"),
        wrote("rig-a", "quiet", name="File[/etc/fstab]"),
        # what was taken out was not given
        wrote("rig-a", None),
        wrote("rig-a", "quiet", outcome="failed"),
        wrote("rig-a", "quiet", outcome="not-run"),
        wrote("rig-a", "quiet", outcome=None),
        wrote("rig-a", "quiet").model_copy(update={"changed": []}),
        converged(),
    ],
)
def test_what_no_run_gave_that_property_there_is_not_on_record(
    ledger: Ledger, result: HostResult
) -> None:
    ledger.begin(RUN, "converge", "rigs")
    ledger.host(RUN, result)
    assert ledger.expectations("rig-a", FILE, LINE) == ()


def test_an_empty_ledger_has_no_values_on_record(ledger: Ledger) -> None:
    assert ledger.expectations("rig-a", FILE, LINE) == ()
