"""Shell assignments without a shell."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from facts.assignments import Misread, assignments, misread
from facts.parts import Line
from facts.value import Unknown


def test_quotes_escapes_and_comments_are_read_as_a_shell_does() -> None:
    lines = [
        "A=plain # comment",
        "B='single $A'",
        'C="double $A \\"q\\" \\$x \\y"',
        "  export D=a\\ b",
        "E=${A}b$C",
        "F=one\\",
        "two",
        "#G=no",
        "H=",
        "I=a'b'\"c\"",
    ]
    assert assignments(lines) == {
        "A": "plain",
        "B": "single $A",
        "C": 'double plain "q" $x \\y',
        "D": "a b",
        "E": 'plainbdouble plain "q" $x \\y',
        "F": "onetwo",
        "H": "",
        "I": "abc",
    }


def test_a_value_that_a_command_computes_is_unknown_and_so_is_what_uses_it() -> None:
    values = assignments(["A=$(lsb_release -is)", "B=`date`", 'C="$A x"', "D=${X:-y}", "E='$(x)'"])
    for name in "ABCD":
        assert isinstance(values[name], Unknown), name
    assert values["E"] == "$(x)"


def test_an_open_quote_makes_the_value_unknown() -> None:
    assert isinstance(assignments(['A="open'])["A"], Unknown)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=" \tab'\"\\$#;=~-*", max_size=12))
@example("$")
def test_a_quoted_text_comes_back_as_the_shell_would_print_it(text: str) -> None:
    line = f"A={shlex.quote(text)}"
    shown = subprocess.run(
        ["sh", "-c", f'{line}; printf %s "$A"'], capture_output=True, text=True, check=True
    ).stdout
    assert assignments([line])["A"] == shown == text


CURLY = "A=\u201dquiet splash pci=noaer\u201d"
#: lines that a person means as an assignment of A, and what is wrong with them
NO_ASSIGNMENT = [
    (CURLY, "a curly quote (U+201D)"),
    ("A=\u2018x\u2019", "a curly quote (U+2018)"),
    ('A="quiet splash\u201d', "a quote is not closed on its line: a curly quote (U+201D)"),
    ('A="x', "a quote is not closed"),
    ('A = "x"', "it runs a program of that name"),
    ('A ="x"', "take the blank before = away"),
    ('A= "x"', "take the blank behind = away"),
    ("A=quiet splash", "it runs splash with it: quote the whole value"),
    ('A+=" x"', "sh has no +="),
    ("A=x\r", "Windows line end"),
    ('A="x"\r', "Windows line end"),
    ("\ufeffA=x", "a byte order mark"),
    ("\u00a0A=x", "a non-breaking space"),
    ("A=x\u00a0y", "a non-breaking space"),
    ("A=\u2013x", "a typographic dash"),
    ("A\uff1dx", "a wide equals sign"),
]


@pytest.mark.parametrize(("line", "said"), NO_ASSIGNMENT)
def test_the_same_thing_in_another_spelling_is_no_assignment_and_is_unknown(
    line: str, said: str
) -> None:
    value = assignments(["A=before", line])["A"]
    assert isinstance(value, Unknown)
    assert said in value.reason
    assert value.raw == line


@pytest.mark.parametrize(("line", "said"), NO_ASSIGNMENT)
def test_a_misread_line_is_named_with_its_number_its_variable_and_its_fix(
    line: str, said: str
) -> None:
    lines = [Line("/f", 2, "B=1"), Line("/f", 7, line), Line("/f", 9, 'C="x"'), Line("/g", 1, "D=")]
    (found,) = misread(lines)
    assert (found.path, found.number, found.name) == ("/f", 7, "A")
    assert said in found.why


@pytest.mark.parametrize("line", [line for line, _ in NO_ASSIGNMENT])
def test_sh_agrees_that_the_line_does_not_set_what_it_shows(line: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'{line}\nprintf %s "$A"'], capture_output=True, text=True, check=False
    )
    value = done.stdout
    assert value not in ("x", "quiet splash", "quiet splash pci=noaer")


@pytest.mark.parametrize(
    "line",
    [
        'A="x" # a \u201ccomment\u201d',
        "# \u201ccomment\u201d\r",
        'A="Rig \u2013 B70"',
        "A=K\u00f6ln",
        "export A=1 B",
        'if [ "$X" = "" ]; then A=1; fi',
        "A=`( . /etc/os-release; echo ${NAME:-x} ) 2>/dev/null || echo y`",
        '[ -n "$A" ] || A=1',
        'A="a\\',
    ],
)
def test_what_sh_reads_as_it_was_meant_is_no_finding(line: str) -> None:
    rest = [Line("/f", 2, 'b"')] if line.endswith("\\") else []
    assert misread([Line("/f", 1, line), *rest]) == ()


def test_every_misread_line_of_a_file_is_found() -> None:
    lines = [Line("/f", 1, "\ufeff# first"), Line("/f", 2, "A = 1"), Line("/f", 5, CURLY)]
    found = misread(lines)
    assert [(each.number, each.name) for each in found] == [(1, ""), (2, "A"), (5, "A")]
    assert isinstance(found[0], Misread)
