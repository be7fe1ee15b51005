"""Shell text in .sh files: loading one loses nothing, and each says what it needs."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from facts.shelltext import shell_text, shell_variables
from tests.places import ROOT
from tests.unit.fact_frame import SHELLS

#: The rooms whose shell text goes to hosts, and what stands in them.
ROOMS = [ROOT / room for room in ("facts", "operations", "deploys", "fleet/host", "fleet/first")]
#: Its long texts are YAML.
OTHER_TEXT = ROOT / "fleet/first/scaffold.py"
FILES = sorted(path for room in ROOMS for path in room.rglob("*.sh"))
MODULES = sorted({path for room in ROOMS for path in room.rglob("*.py")} - {OTHER_TEXT})
#: Lines from which on a shell text stands in a file of its own.
LONG = 6
SHELLCHECK = Path(sys.executable).with_name("shellcheck")
FRONT = re.compile(r"^# shellcheck disable=SC2154 # set in front: (.*)\n", re.MULTILINE)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def as_bash_reads_it(text: str) -> str:
    """Return a text without comments, every quoted text and here-document as it is."""
    function = f"text() {{\n{text}\n}}\ndeclare -f text"
    done = subprocess.run(["bash", "-c", function], capture_output=True, text=True, check=True)
    return done.stdout


def module_of(folder: Path, text: str, suffix: str = "") -> str:
    (folder / f"one{suffix}.sh").write_text(text)
    return str(folder / "one.py")


def test_comment_lines_and_blank_lines_stay_at_home(tmp_path: Path) -> None:
    text = "# says what\n\necho '#' # one\n  # two\n\t\n  echo \"$#\"\n"
    assert shell_text(module_of(tmp_path, text)) == "echo '#' # one\n  echo \"$#\"\n"


def test_a_second_file_has_a_suffix(tmp_path: Path) -> None:
    module = module_of(tmp_path, "echo first\n")
    module_of(tmp_path, "echo second\n", "_more")
    assert (shell_text(module), shell_text(module, "_more")) == ("echo first\n", "echo second\n")


def test_a_file_is_read_once_and_from_any_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = module_of(tmp_path, "echo same\n")
    first = shell_text(module)
    monkeypatch.chdir("/")
    (tmp_path / "one.sh").unlink()
    assert shell_text(module) == first


def test_variables_in_front_are_quoted() -> None:
    text = shell_variables(word="it's", number=7, empty="") + 'printf "%s|" "$word" $number $empty'
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "it's|7|"


def test_a_here_document_that_would_lose_a_line_is_noticed(tmp_path: Path) -> None:
    text = "cat <<E\n# not a comment\nE\n"
    assert as_bash_reads_it(shell_text(module_of(tmp_path, text))) != as_bash_reads_it(text)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_loading_loses_nothing_but_comments(path: Path) -> None:
    assert as_bash_reads_it(shell_text(str(path))) == as_bash_reads_it(path.read_text("utf-8"))


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_shell_understands_every_text(path: Path, shell: list[str]) -> None:
    done = subprocess.run(
        [*shell, "-n"], input=shell_text(str(path)), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_says_first_what_it_does_and_for_which_shell(path: Path) -> None:
    first, *rest = path.read_text("utf-8").split("\n")
    assert re.match(r"# (?!shellcheck )\S", first)
    assert "# shellcheck shell=sh" in rest


def test_a_file_names_exactly_the_variables_that_are_set_in_front(tmp_path: Path) -> None:
    """A misspelt variable would be an empty one."""
    named: list[set[str]] = []
    for number, path in enumerate(FILES):
        text = path.read_text("utf-8")
        listed = re.sub(r" \([^)]*\)", "", ", ".join(FRONT.findall(text)))
        named.append(set(listed.split(", ")) - {""})
        text = FRONT.sub("", text)
        assert all(re.search(rf"\b{name}\b", text) for name in named[-1]), name_of(path)
        (tmp_path / f"{number}.sh").write_text(text)
    done = subprocess.run(
        [SHELLCHECK, "-s", "sh", "-i", "SC2154", "-f", "json", *tmp_path.glob("*.sh")],
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    assert found
    for finding in found:
        number = int(Path(finding["file"]).stem)
        assert finding["message"].split()[0] in named[number], name_of(FILES[number])


def long_texts(path: Path) -> Iterator[int]:
    """Yield the lines at which a module holds a long text that is no docstring."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    told = {
        id(node.body[0].value)
        for node in nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(node.body[0], ast.Expr)
    }
    for node in nodes:
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        texts = [
            part.value
            for part in parts
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        ]
        if id(node) not in told and "".join(texts).strip("\n").count("\n") + 1 >= LONG:
            yield node.lineno if isinstance(node, ast.expr) else 0


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_holds_a_long_shell_text(path: Path) -> None:
    assert list(long_texts(path)) == []
