"""Shell assignments without a shell."""

from __future__ import annotations

import shlex
import subprocess

from hypothesis import example, given, settings
from hypothesis import strategies as st

from facts.assignments import assignments
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
