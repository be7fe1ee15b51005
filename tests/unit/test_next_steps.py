"""A next step can be taken: each command that is shown is one that this tool takes as it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gates.rows import load
from gates.wording import placeholders
from tests.next_steps import FILLED, invented_paths, shown_commands, wrong_in
from tests.places import ROOT
from tests.unit.gates.gate_cases import CASES, Case
from tests.unit.gates.gate_world import judge, lose

ROOMS = ("declaration", "facts", "gates", "operations", "deploys", "fleet")
#: What values that are filled in may look like, the first and the others: a word, or nothing.
READINGS = ((FILLED, FILLED), ("", ""), ("", FILLED))
#: Sentences about a verb as such, which leave out what it is given.
ABOUT_VERBS = {
    "fleet/cli/boot_prune.py": "b70 boot list",
    "fleet/cli/converge.py": "b70 plan -o",
    "fleet/cli/init.py": "b70 init",
    "fleet/first/scaffold.py": "b70 inventory check",
    "fleet/config/choice.py": "b70 -i DIR",
    "fleet/docs.py": "b70 rig-a",
    "fleet/report/words.py": "b70 unlock",
}


def sentences(path: Path) -> Iterator[tuple[int, set[str]]]:
    """Yield line and readings of every text of a module that is no documentation of its code."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = {id(part) for node in ast.walk(tree) for part in _inside(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [v.value if isinstance(v, ast.Constant) else None for v in node.values]
            yield node.lineno, {_filled(parts, *words) for words in READINGS}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, {node.value}


def _filled(parts: list[Any], first: str, others: str) -> str:
    blanks = [number for number, part in enumerate(parts) if part is None]
    words = dict.fromkeys(blanks, others) | dict.fromkeys(blanks[:1], first)
    return "".join(words.get(number, str(part)) for number, part in enumerate(parts))


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.JoinedStr):
        yield from (part for part in ast.walk(node) if part is not node)
    elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
        first = node.body[0]
        if isinstance(first, ast.Expr):
            yield first.value


def about_a_verb(module: str, text: str) -> bool:
    return ABOUT_VERBS.get(module, "\0") in text


@pytest.mark.parametrize("room", ROOMS)
def test_every_command_in_a_sentence_is_one_that_this_tool_takes(room: str) -> None:
    wrong = []
    for path in sorted((ROOT / room).rglob("*.py")):
        module = str(path.relative_to(ROOT))
        for line, readings in sentences(path):
            shown = [text for text in readings if shown_commands(text)]
            if any(about_a_verb(module, text) for text in shown):
                continue
            problems = [wrong_in(text) for text in shown]
            if problems and all(problems):
                wrong.append(f"{module}:{line}: {problems[0][0]}")
    assert wrong == []


@pytest.mark.parametrize(("row", "case"), CASES.items(), ids=list(CASES))
def test_the_next_step_of_a_gate_is_for_this_host_in_this_state(row: str, case: Case) -> None:
    for world in (case.holds, case.fails, lose(case.lost)):
        decision = judge(row, case.given | world)
        assert decision is not None
        assert wrong_in(decision.next_step, "rig-a") == ()
        assert placeholders(decision.next_step) == ()
        assert "HOST" not in decision.next_step.split()


def test_the_steps_of_gates_show_commands() -> None:
    assert sum(bool(shown_commands(row.unknown.next_step)) for row in load()) > 20


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("b70 plan --limt rig-a", "No such option: --limt"),
        ("b70 boots list rig-a", "No such command 'boots'"),
        ("run `b70 facts`, then", "Missing parameter: host"),
        ("b70 facts rig-a gpu_lnk", "there is no fact domain gpu_lnk"),
        ("b70 facts rig-b", "it is shown for rig-a"),
        ("b70 plan --limit rig-b   # and so on", "it is shown for rig-a"),
        ("b70 explain no-such-thing", "nothing has that id"),
    ],
)
def test_a_command_that_cannot_help_is_noticed(text: str, problem: str) -> None:
    (found,) = wrong_in(text, "rig-a")
    assert problem in found


@pytest.mark.parametrize(
    "text",
    [
        "b70 plan --limit rig-a   # shows the repair as a step",
        "lower it, or `b70 storage prune rig-a`; then read again",
        "b70 explain boot-set",
        "nothing to type here; see /opt/b70 x",
    ],
)
def test_a_command_that_can_be_typed_is_left_alone(text: str) -> None:
    assert wrong_in(text, "rig-a") == ()


def test_a_path_that_the_state_does_not_know_is_noticed() -> None:
    state = "Line('/etc/default/grub.d/site.cfg', 2, 'GRUB_DEFAULT=1')"
    assert invented_paths("edit /etc/default/grub.d/site.cfg:2; update-grub", state) == []
    assert invented_paths("edit /etc/default/grub, then reboot", state) == ["/etc/default/grub"]
    assert invented_paths("as root: /usr/lib/b70fleet/boot-commit commit X", state) == []
