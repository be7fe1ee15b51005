"""The frame between scripts and parsers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.base import END, ParseError, wrap
from facts.parts import PRELUDE, Parts, convert, script
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import NOBODY, execute, lack


def output(body: str, **options: object) -> Parts:
    done = execute(wrap(script(body), 5), **options)  # type: ignore[arg-type]
    text, _, end = done.stdout.rpartition("\n" + END)
    assert end.startswith(" 0 "), done.stdout
    return Parts(text)


def test_a_part_carries_the_first_line_of_a_file_even_without_a_newline(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one  two")
    assert output(f"val a {tmp_path}/a").reading("a") == "one  two"


def test_a_missing_file_is_absent_and_an_empty_one_unknown(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    parts = output(f"val gone {tmp_path}/gone; val empty {tmp_path}/empty")
    assert parts.reading("gone") is ABSENT
    assert isinstance(parts.reading("empty"), Unknown)


def test_a_file_for_root_only_is_unknown_to_others_and_says_so(open_folder: Path) -> None:
    secret = open_folder / "secret"
    secret.write_text("x")
    secret.chmod(0)
    parts = output(f"val s {secret}; lines f '' {secret}", uid=NOBODY)
    assert parts.reading("s") == Unknown("needs root")
    assert parts.files("f").denied == (str(secret),)


def test_a_tool_that_is_missing_or_fails_spoils_its_own_part_only() -> None:
    parts = output(
        "tool no nosuchtool-b70 -x; tool bad sh -c 'echo half; exit 7'; tool ok echo fine"
    )
    assert parts.reading("no") == Unknown("nosuchtool-b70 is not installed")
    assert parts.reading("bad") == Unknown("sh failed with exit status 7", "half")
    assert parts.reading("ok") == "fine"


def test_lines_of_many_files_keep_their_path_and_number(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("# no\nyes=1\n")
    (tmp_path / "b.conf").write_text("yes=a:b\n")
    files = output(f"lines f '^[^#]' {tmp_path}/*.conf {tmp_path}/gone").files("f")
    assert [(line.path, line.number, line.text) for line in files.lines] == [
        (f"{tmp_path}/a.conf", 2, "yes=1"),
        (f"{tmp_path}/b.conf", 1, "yes=a:b"),
    ]
    assert files.denied == ()


def test_the_effective_user_id_is_known_without_asking_a_tool() -> None:
    assert output('user; part u; echo "$uid"', uid=NOBODY).need("u") == str(
        NOBODY if os.geteuid() == 0 else os.geteuid()
    )


def test_what_every_fact_starts_with_reads_no_file() -> None:
    """The shell reads a file byte by byte; a host has thirty facts, and each of them starts so."""
    script = f"{PRELUDE}grep syscr: /proc/$$/io"
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[1]) < 20


def test_a_part_that_the_script_never_reached_is_an_error() -> None:
    with pytest.raises(ParseError, match="no part 'b'"):
        Parts("#b70 a\n1").need("b")


def test_an_unknown_text_is_never_parsed() -> None:
    assert convert(ABSENT, int) is ABSENT
    assert convert(Unknown("why"), int) == Unknown("why")
    assert convert("x", int) == Unknown(
        "cannot parse: invalid literal for int() with base 10: 'x'", "x"
    )
    assert convert("7", int) == 7
    assert lack("-")[0] == "-"


@given(st.text())
def test_any_text_can_be_taken_apart(text: str) -> None:
    parts = Parts(text)
    assert all(parts.reading(name) is not None for name in parts.names(""))
