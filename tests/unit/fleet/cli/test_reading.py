"""The verbs that only read: facts, gates, history, explain; and unlock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from facts.system.clock import Clock
from facts.value import ABSENT, Unknown
from fleet.base.errors import FleetError, Unreachable
from fleet.base.exitcodes import ExitCode
from fleet.config import Fleet
from fleet.host.refusal import SudoRefused
from fleet.ledger import Ledger
from fleet.reference import explain
from gates.engine import decide
from gates.model import Decision, Severity, Verdict
from gates.rows import load as load_rows
from gates.world import build as build_world
from tests.given import given
from tests.recorded import recorded_rig
from tests.unit.base_facts import system
from tests.unit.fleet.cli.cli_cases import converged, unreachable
from tests.unit.fleet.cli.cli_harness import (
    RUN,
    ScriptedEngine,
    Told,
    b70,
    imaginary_fleet,
    run_result,
)
from tests.unit.fleet.cli.golden import check_golden

READ = {
    "os": system(),
    "clock": Unknown("no answer within 10 s", "garbage\nmore"),
    "memory": {"total": 64, "ecc": ABSENT, "channels": [1, 2], "dimms": [{"slot": "A", "gib": 32}]},
    "swap": [],
}


def decision(
    verdict: Verdict, severity: Severity = Severity.TUNING, name: str = "some-gate"
) -> Decision:
    """Return a decision."""
    return Decision(
        id=name,
        title="some value",
        verdict=verdict,
        choice="24576" if severity is Severity.TUNING else None,
        reason=f"because it is {verdict.value}",
        facts={"cards.width": "x16", "boot.token": "UNKNOWN (not read)"},
        evidence="docs/evidence.md#some",
        next_step="" if verdict is Verdict.PASS else "look at the slot",
        severity=severity,
        boot_dependent=True,
        simulated=verdict is Verdict.WARN,
    )


def test_facts_show_every_kind_of_reading_and_unknown_with_its_reason() -> None:
    result = b70("facts", "rig-a", engine=ScriptedEngine(read={"rig-a": Told(given(READ))}))
    check_golden("facts.txt", result.stdout)
    assert result.exit_code == ExitCode.CLEAN


@pytest.fixture
def rig() -> tuple[Fleet, Told]:
    """Return a fleet of one recorded rig, and what it said."""
    spec, readings = recorded_rig()
    fleet = replace(imaginary_fleet("rig-a"), hosts={"rig-a": spec})
    decided = decide(load_rows(), build_world(spec, readings))
    return fleet, Told(readings, execs=1, decided=decided)


def test_the_facts_of_a_real_rig(rig: tuple[Fleet, Told]) -> None:
    fleet, told = rig
    engine = ScriptedEngine(read={"rig-a": told})
    domains = ("os", "gpu", "memory", "production", "runtime_pm", "aspm")
    result = b70("facts", "rig-a", *domains, engine=engine, fleet=fleet)
    check_golden("rig-facts.txt", result.stdout)


def test_the_gates_of_a_real_rig(rig: tuple[Fleet, Told]) -> None:
    fleet, told = rig
    engine = ScriptedEngine(decided={"rig-a": told.decided})
    check_golden("rig-gates.txt", b70("gates", "rig-a", "-v", engine=engine, fleet=fleet).stdout)
    check_golden(
        "rig-gates.json", b70("gates", "rig-a", "--json", engine=engine, fleet=fleet).stdout
    )


def test_what_the_doctor_finds_on_a_real_rig(rig: tuple[Fleet, Told]) -> None:
    fleet, told = rig
    clock = told.readings[Clock]
    assert not isinstance(clock, Unknown)
    told.asked_at = clock.epoch_s
    engine = ScriptedEngine(read={"rig-a": told})
    check_golden("rig-doctor.txt", b70("doctor", "rig-a", engine=engine, fleet=fleet).stdout)


def test_the_doctor_says_why_sudo_refused_and_what_to_do_about_exactly_that(
    rig: tuple[Fleet, Told],
) -> None:
    fleet, told = rig
    told.without_root = SudoRefused("rig-a: the password from env:SP is wrong", "set env:SP")
    engine = ScriptedEngine(read={"rig-a": told})
    done = b70("doctor", "rig-a", engine=engine, fleet=fleet)
    assert done.exit_code == ExitCode.REFUSED
    assert "the password from env:SP is wrong" in done.stdout
    assert "set env:SP" in done.stdout
    assert "b70 bootstrap" not in done.stdout


def test_facts_as_json_keep_unknown_and_absent_apart() -> None:
    engine = ScriptedEngine(read={"rig-a": Told(given(READ), execs=1)})
    body = json.loads(b70("facts", "rig-a", "--json", engine=engine).stdout)
    assert body["facts"]["clock"] == {"unknown": "no answer within 10 s", "raw": "garbage\nmore"}
    assert body["facts"]["memory"]["ecc"] == {"absent": True}
    assert body["execs"] == 1


def test_a_named_domain_is_shown_alone_and_a_misspelt_one_is_refused_offline() -> None:
    engine = ScriptedEngine(read={"rig-a": Told(given(READ))})
    assert "64" not in b70("facts", "rig-a", "clock", engine=engine).stdout
    engine = ScriptedEngine()
    result = b70("facts", "rig-a", "clok", engine=engine)
    assert result.exit_code == ExitCode.USAGE
    assert "Did you mean 'clock'" in result.stderr
    assert engine.asked == []


@pytest.mark.parametrize("verb", ["gates", "doctor"])
def test_a_fact_that_starts_the_gpus_is_judged_where_a_person_asks_for_it(verb: str) -> None:
    engine = ScriptedEngine(decided={"rig-a": ()}, read={"rig-a": Told(given(READ))})
    b70(verb, "rig-a", engine=engine)
    assert not {"xpu_smi", "clinfo"} & set(engine.also)
    b70(verb, "rig-a", "--ask", "xpu_smi", "--ask", "clinfo", engine=engine)
    assert engine.also[-2:] == ["xpu_smi", "clinfo"]
    engine = ScriptedEngine()
    result = b70(verb, "rig-a", "--ask", "xpusmi", engine=engine)
    assert result.exit_code == ExitCode.USAGE
    assert "Did you mean 'xpu_smi'" in result.stderr
    assert engine.asked == []


def test_facts_of_a_host_that_does_not_answer_end_with_4() -> None:
    dead = Told(error=Unreachable("rig-a: silence"))
    result = b70("facts", "rig-a", engine=ScriptedEngine(read={"rig-a": dead}))
    assert result.exit_code == ExitCode.UNREACHABLE
    assert result.stdout == ""


def test_a_host_that_is_not_in_the_inventory_is_refused_with_the_likely_name() -> None:
    result = b70("facts", "rig-c")
    assert result.exit_code == ExitCode.REFUSED
    assert "rig-a" in result.stderr or "rig-b" in result.stderr


def test_gates_show_facts_reason_evidence_and_next_step_worst_last() -> None:
    decisions = (
        decision(Verdict.FAIL, Severity.BLOCKING, "link-degraded"),
        decision(Verdict.PASS, name="tp4"),
        decision(Verdict.WARN, name="context"),
        decision(Verdict.UNKNOWN, name="p2p"),
    )
    result = b70("gates", "rig-a", engine=ScriptedEngine(decided={"rig-a": decisions}))
    check_golden("gates.txt", result.stdout)
    assert result.exit_code == ExitCode.REFUSED


@pytest.mark.parametrize(
    ("verdict", "severity", "code"),
    [
        (Verdict.FAIL, Severity.BLOCKING, ExitCode.REFUSED),
        (Verdict.UNKNOWN, Severity.BLOCKING, ExitCode.UNREACHABLE),
        (Verdict.FAIL, Severity.TUNING, ExitCode.CLEAN),
        (Verdict.UNKNOWN, Severity.INFO, ExitCode.CLEAN),
        (Verdict.PASS, Severity.BLOCKING, ExitCode.CLEAN),
    ],
)
def test_only_blocking_gates_decide_the_exit_code(
    verdict: Verdict, severity: Severity, code: ExitCode
) -> None:
    engine = ScriptedEngine(decided={"rig-a": (decision(verdict, severity),)})
    result = b70("gates", "rig-a", "--json", engine=engine)
    assert result.exit_code == json.loads(result.stdout)["exit_code"] == code


def test_gates_of_a_host_that_does_not_answer_end_with_its_error() -> None:
    engine = ScriptedEngine(decided={"rig-a": FleetError("no facts")})
    assert b70("gates", "rig-a", engine=engine).exit_code == ExitCode.FAILED


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Return a ledger with a finished converge and a run that never ended."""
    path = tmp_path / "ledger.db"
    book = Ledger.open(path)
    book.begin(RUN, "converge", "rigs")
    book.host(RUN, converged())
    book.host(RUN, unreachable())
    book.finish(RUN, run_result("converge", converged(), unreachable()))
    book.close()
    return path


def test_history_lists_runs_and_shows_one_of_them(ledger: Path) -> None:
    listed = b70("history", ledger=ledger)
    assert listed.exit_code == 0
    row = listed.stdout.splitlines()[1].split()
    assert (row[0], row[2:5]) == (RUN, ["converge", "2", "2"])
    assert "1 converged, 1 unreachable (exit 4)" in listed.stdout
    shown = b70("history", "show", RUN[:12], ledger=ledger).stdout
    assert "~ Packages[gpu-userspace]  1 min 1 s" in shown
    assert f"certificate {'ab' * 32}" in shown
    assert "error: no answer from 10.0.0.2" in shown


def test_history_of_one_host_leaves_other_runs_out(ledger: Path) -> None:
    assert RUN in b70("history", "--host", "rig-b", ledger=ledger).stdout
    assert RUN not in b70("history", "--host", "lab1", ledger=ledger).stdout


def test_history_as_json_is_one_document(ledger: Path) -> None:
    runs = json.loads(b70("history", "--json", ledger=ledger).stdout)["runs"]
    assert [(run["run"], run["state"], run["exit_code"]) for run in runs] == [(RUN, "finished", 4)]
    record = json.loads(b70("history", "show", RUN, "--json", ledger=ledger).stdout)
    assert [host["host"] for host in record["hosts"]] == ["rig-a", "rig-b"]


def test_a_run_that_is_not_there_is_refused(ledger: Path) -> None:
    result = b70("history", "show", "1999", ledger=ledger)
    assert result.exit_code == ExitCode.REFUSED


def test_verify_prints_the_head_and_names_a_broken_record(ledger: Path) -> None:
    import sqlite3

    assert "4 records, the chain holds" in b70("history", "verify", ledger=ledger).stdout
    raw = sqlite3.connect(ledger)
    raw.executescript(
        "DROP TRIGGER record_is_never_changed;"
        "UPDATE record SET body = replace(body, 'unreachable', 'converged') WHERE seq = 3;"
    )
    raw.close()
    result = b70("history", "verify", ledger=ledger)
    assert result.exit_code == ExitCode.FAILED
    assert "record 3: its content was changed" in result.stderr


def test_unlock_needs_a_reason_and_records_it_before_it_acts(tmp_path: Path) -> None:
    engine, path = ScriptedEngine(), tmp_path / "ledger.db"
    words = ("unlock", "rig-a", "--lock", RUN, "--reason")
    assert b70(*words, " ", engine=engine, ledger=path).exit_code == ExitCode.USAGE
    assert engine.unlocked is None
    result = b70(*words, "laptop died", engine=engine, ledger=path)
    assert (result.exit_code, result.stdout) == (0, "rig-a: unlocked\n")
    assert engine.unlocked == ("rig-a", RUN, "laptop died")
    [note] = Ledger.open(path).notes("unlock")
    assert (note.host, note.body) == ("rig-a", {"lock": RUN, "reason": "laptop died"})


def test_explain_expands_errors_exit_codes_findings_and_gates() -> None:
    assert "A limit or a group matched no host" in b70("explain", "no-hosts").stdout
    assert "unreachable or in an unknown state" in b70("explain", "4").stdout
    kinds = {entry.kind for found in explain.entries().values() for entry in found}
    assert kinds == {"error", "exit code", "finding", "gate", "word"}


def test_an_id_that_nothing_has_gets_a_suggestion() -> None:
    result = b70("explain", "no-host")
    assert result.exit_code == ExitCode.USAGE
    assert "Did you mean 'no-hosts'" in result.stderr


def test_every_error_has_an_id_of_its_own_and_a_text() -> None:
    ids = [entry.id for entry in explain.errors()]
    assert len(ids) == len(set(ids))
    assert all(entry.title.endswith(".") for entry in explain.errors())


def test_every_error_that_a_person_may_meet_is_explained() -> None:
    known = explain.entries()

    def kinds(kind: type[FleetError]) -> Iterator[type[FleetError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from kinds(child)

    met = {kind.id for kind in kinds(FleetError) if kind.__module__.split(".")[0] == "fleet"}
    assert {"error", "aborted", "interrupted", "bug"} <= met
    assert met - known.keys() == set()


def test_explain_without_an_id_lists_everything() -> None:
    listing = b70("explain").stdout
    assert all(f"{entry.id} " in listing for entry in explain.errors())


def test_findings_of_doctor_and_gates_are_written_as_documents_too(
    rig: tuple[Fleet, Told], tmp_path: Path
) -> None:
    fleet, told = rig
    engine = ScriptedEngine(read={"rig-a": told}, decided={"rig-a": told.decided})
    for verb in ("doctor", "gates"):
        asked = f"json:{tmp_path}/{verb}.json"
        b70(verb, "rig-a", "--report", asked, "--report", f"markdown:{tmp_path}/{verb}.md",
            engine=engine, fleet=fleet)  # fmt: skip
        found = json.loads((tmp_path / f"{verb}.json").read_text())["findings"]
        assert {item["host"] for item in found} == {"rig-a"}
        assert (tmp_path / f"{verb}.md").read_text().count("\n| ") > len(found)
