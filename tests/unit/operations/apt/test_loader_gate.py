"""Who owns the loader: the gate's word, the stack's test, and nothing on a guess."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.stack import LevelZeroLoader
from facts.packages.apt_sources import AptSources
from facts.value import Unknown
from gates.gpu_set import REAL, SHIM
from gates.model import Decision, Severity, Verdict
from operations.apt import loader_gate as room
from operations.apt.apt_repository import Repository
from operations.apt.loader_gate import GATE, chosen, loader_gate
from tests.unit.apt_facts import apt_facts
from tests.unit.pyinfra_harness import run_operation

WITH_SHIM = LevelZeroLoader(owner="level-zero", version="1.28.2", shim_version="1.28.2-local1")
ARCHIVE = LevelZeroLoader(owner="libze1", version="1.28.2-1")
GRAPHICS = Repository("graphics", ("http://mirror/ppa",), ("noble",))
READ = apt_facts(lists=["mirror_ppa_dists_noble_InRelease"])


def says(verdict: Verdict, choice: str | None) -> Decision:
    return Decision(
        id=GATE,
        title="",
        verdict=verdict,
        choice=choice,
        reason="because.",
        facts={},
        evidence="",
        next_step="Do that.",
        severity=Severity.BLOCKING,
    )


@pytest.mark.parametrize(
    ("loader", "choice"), [(WITH_SHIM, SHIM), (ARCHIVE, REAL)], ids=["shim", "real"]
)
def test_the_gates_word_is_taken_when_the_stack_was_tested_with_it(
    loader: LevelZeroLoader, choice: str
) -> None:
    assert chosen(loader, says(Verdict.PASS, choice), archives_unread=False) == choice


@pytest.mark.parametrize(("loader", "choice"), [(WITH_SHIM, REAL), (ARCHIVE, SHIM)])
def test_a_choice_that_the_stack_was_not_tested_with_is_refused(
    loader: LevelZeroLoader, choice: str
) -> None:
    with pytest.raises(OperationError, match="was tested with"):
        chosen(loader, says(Verdict.PASS, choice), archives_unread=False)


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.FAIL])
def test_a_loader_is_never_changed_when_the_gate_cannot_tell(verdict: Verdict) -> None:
    with pytest.raises(OperationError, match=r"because. Do that."):
        chosen(WITH_SHIM, says(verdict, None), archives_unread=False)


def test_a_new_host_plans_what_the_stack_was_tested_with() -> None:
    unknown = says(Verdict.UNKNOWN, None)
    assert chosen(WITH_SHIM, unknown, archives_unread=True) == SHIM
    assert chosen(ARCHIVE, unknown, archives_unread=True) == REAL


def test_a_choice_made_from_the_lists_of_other_archives_is_not_the_last_word() -> None:
    """A host that changes its stack still has the lists of the snapshot before."""
    assert chosen(WITH_SHIM, says(Verdict.PASS, REAL), archives_unread=True) == SHIM
    assert chosen(ARCHIVE, says(Verdict.PASS, SHIM), archives_unread=True) == REAL


def test_a_missing_gate_decides_nothing() -> None:
    with pytest.raises(OperationError, match="is missing"):
        chosen(ARCHIVE, None, archives_unread=True)


def ask(monkeypatch: pytest.MonkeyPatch, decision: Decision, state: Any = READ) -> list[str]:
    monkeypatch.setattr(room, "decision", {GATE: decision}.get)
    arguments = {"loader": WITH_SHIM, "repositories": [GRAPHICS], "planned": SHIM}
    commands, noops = run_operation(loader_gate, {AptSources: state}, **arguments)
    assert commands == []
    return noops


def test_the_run_goes_on_when_the_gate_still_says_what_was_planned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noops = ask(monkeypatch, says(Verdict.PASS, SHIM))
    assert noops == ["shim libze1, level-zero owns the loader"]


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.FAIL])
def test_the_run_stops_when_the_archives_were_read_and_the_gate_cannot_tell(
    monkeypatch: pytest.MonkeyPatch, verdict: Verdict
) -> None:
    with pytest.raises(OperationError, match=GATE):
        ask(monkeypatch, says(verdict, None))


def test_the_run_stops_when_apts_sources_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OperationError, match="hung"):
        ask(monkeypatch, says(Verdict.PASS, SHIM), Unknown("hung"))
