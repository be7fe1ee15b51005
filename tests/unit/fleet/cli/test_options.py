"""Global options, environment variables, help and completion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup, TyperOption

from fleet import docs
from fleet.base.exitcodes import ExitCode
from fleet.cli import lazy, settings, verbs
from fleet.report.terminal.colors import Color, wants_color
from tests.places import ROOT
from tests.unit.fleet.cli.cli_harness import ScriptedEngine, b70

FLEET = "hosts:\n  rig-a: {address: a, groups: [x]}\n  rig-b: {address: b}\n  lab1: {address: c}\n"


@pytest.mark.parametrize("words", [("-i", "d", "plan"), ("plan", "-i", "d")], ids=" ".join)
def test_a_global_option_counts_before_and_behind_the_verb(words: tuple[str, ...]) -> None:
    b70(*words)
    assert settings.current().inventory == Path("d")


def test_what_stands_behind_the_verb_wins_and_adds() -> None:
    b70("-i", "before", "-v", "--set", "a=1", "plan", "-i", "behind", "-v", "--set", "a=2")
    seen = settings.current()
    assert (seen.inventory, seen.verbose, seen.sets) == (Path("behind"), 2, ("a=1", "a=2"))


def test_settings_of_one_command_do_not_leak_into_the_next() -> None:
    b70("plan", "-q", "-i", "d")
    b70("plan")
    assert settings.current() == settings.Settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("B70_PLAN_LIMIT", "rig-a"), ("B70_INVENTORY", "d"), ("B70_QUIET", "1")],
)
def test_every_flag_has_an_environment_variable(variable: str, value: str) -> None:
    engine = ScriptedEngine()
    result = b70("plan", engine=engine, environ={variable: value})
    match variable:
        case "B70_PLAN_LIMIT":
            assert engine.asked == [("plan", ["rig-a"])]
        case "B70_INVENTORY":
            assert settings.current().inventory == Path("d")
        case _:
            assert result.stderr == ""


def test_an_option_before_the_verb_wins_over_the_environment() -> None:
    b70("-i", "given", "plan", environ={"B70_INVENTORY": "from-environment"})
    assert settings.current().inventory == Path("given")


def leaves() -> list[tuple[str, object]]:
    """Return every command of the product that does something."""
    found: list[tuple[str, object]] = []
    for verb in verbs.own():
        command = lazy.load(verb)
        if isinstance(command, TyperGroup):
            found += [(f"{verb.name} {name}", child) for name, child in command.commands.items()]
        else:
            found.append((verb.name, command))
    return found


@pytest.mark.parametrize(("path", "command"), leaves(), ids=[path for path, _ in leaves()])
def test_help_starts_with_examples_and_ends_with_the_exit_codes(path: str, command: object) -> None:
    result = b70(*path.split(), "--help")
    assert result.exit_code == 0
    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    assert lines[0].startswith(f"Usage: b70 {path}")
    assert lines[1] == "Examples:"
    assert lines[2].startswith(f"b70 {path.split()[0]}")
    assert [line.split(maxsplit=1)[0] for line in lines[-len(ExitCode) :]] == [
        str(code.value) for code in ExitCode
    ]


@pytest.mark.parametrize(("path", "command"), leaves(), ids=[path for path, _ in leaves()])
def test_every_flag_of_every_verb_is_named_after_the_mechanical_rule(
    path: str, command: object
) -> None:
    for param in getattr(command, "params"):  # noqa: B009 - the class is private to Typer
        if isinstance(param, TyperOption) and not param.hidden:
            flag = next(name for name in param.opts if name.startswith("--"))
            assert param.envvar == f"B70_{path} {flag[2:]}".upper().replace(" ", "_").replace(
                "-", "_"
            )


def test_the_help_of_the_whole_names_every_verb_and_every_exit_code() -> None:
    result = b70("--help")
    assert all(f"  {verb.name} " in result.stdout for verb in verbs.own())
    assert all(code.meaning in result.stdout for code in ExitCode)


def test_help_imports_neither_the_engine_nor_the_renderers() -> None:
    program = (
        "import sys; from fleet.cli.app import app; app(['--help'], standalone_mode=False); "
        "heavy = {'pyinfra', 'paramiko', 'rich', 'pydantic', 'yaml', 'jinja2'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=ROOT, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_command_of_a_broken_package_says_so_and_spares_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = verbs.Verb("broken", "no_such_module", "app")
    monkeypatch.setattr(lazy, "verbs", lambda: {**verbs.verbs(), "broken": broken})
    assert "(cannot be loaded: no module no_such_module)" in b70("--help").stdout
    result = b70("broken")
    assert result.exit_code == ExitCode.FAILED
    assert "b70 explain broken-command" in result.stderr


def complete(line: str, directory: Path, **environ: str) -> list[str]:
    """Return what a shell offers for a half-typed line."""
    words = line.split(" ")
    result = b70(
        environ={
            "_B70_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            "B70_INVENTORY": str(directory),
            **environ,
        }
    )
    return result.stdout.split()


@pytest.fixture
def rigs(tmp_path: Path) -> Path:
    """Return a fleet directory with three hosts."""
    (tmp_path / "hosts.yaml").write_text(FLEET)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("b70 facts rig", ["rig-a", "rig-b"]),
        ("b70 gates l", ["lab1"]),
        ("b70 plan --limit @", ["@x"]),
        ("b70 plan --limit rig-a,l", ["rig-a,lab1"]),
        ("b70 plan --limit !rig", ["!rig-a", "!rig-b"]),
        ("b70 conv", ["converge"]),
        ("b70 explain no-hos", ["no-hosts"]),
    ],
)
def test_completion_offers_hosts_groups_verbs_and_ids(
    line: str, offered: list[str], rigs: Path
) -> None:
    assert complete(line, rigs) == offered


def test_completion_reads_the_inventory_that_the_line_names(rigs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "hosts.yaml").write_text("hosts: {spark-1: {address: s}}")
    assert complete(f"b70 -i {other} facts s", rigs) == ["spark-1"]
    assert complete(f"b70 facts -i {other} s", rigs) == ["spark-1"]


@pytest.mark.parametrize("text", ["{", "", "hosts: 3", "hosts: {rig-a: 3}", "\0"])
def test_completion_never_fails_on_a_damaged_inventory(text: str, rigs: Path) -> None:
    (rigs / "hosts.yaml").write_text(text)
    assert complete("b70 plan --limit @", rigs) == []


def test_completion_never_fails_without_an_inventory(tmp_path: Path) -> None:
    assert complete("b70 facts rig", tmp_path / "none") == []


@pytest.mark.parametrize(
    ("choice", "environ", "is_terminal", "colored"),
    [
        (Color.AUTO, {}, True, True),
        (Color.AUTO, {}, False, False),
        (Color.AUTO, {"NO_COLOR": "1"}, True, False),
        (Color.AUTO, {"NO_COLOR": ""}, True, True),
        (Color.AUTO, {"TERM": "dumb"}, True, False),
        (Color.AUTO, {"CLICOLOR_FORCE": "1"}, False, True),
        (Color.AUTO, {"CLICOLOR_FORCE": "0"}, False, False),
        (Color.AUTO, {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, True, False),
        (Color.ALWAYS, {"NO_COLOR": "1"}, False, True),
        (Color.NEVER, {"CLICOLOR_FORCE": "1"}, True, False),
    ],
)
def test_colour_follows_the_option_then_no_color_then_force_then_the_terminal(
    choice: Color, environ: dict[str, str], is_terminal: bool, colored: bool
) -> None:
    assert wants_color(choice, environ, is_terminal) is colored


def test_colour_is_in_the_output_only_when_it_was_asked_for() -> None:
    assert "\x1b[" not in b70("plan", environ={"NO_COLOR": ""}).output
    assert "\x1b[" in b70("plan", "--color", "always").stdout
    assert "\x1b[" in b70("plan", environ={"NO_COLOR": "", "CLICOLOR_FORCE": "1"}).stdout


def test_the_generated_pages_are_up_to_date() -> None:
    assert docs.stale() == [], "run `python -m fleet.docs`"
