"""One odd line spoils itself and what it could be about, and is carried to a person."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.base import END, HostFact, ParseError, interpret
from facts.odd import SEARCHED, SHOWN, doubt, odd_line, where
from facts.parts import NOT_UTF8, Parts, Rows
from facts.value import Unknown

BYTES = b"a=1\nb=\xe9\nc=3\n".decode("utf-8", "surrogateescape")


class _Pairs(HostFact[Rows[str]]):
    by_lines = True

    def parse(self, text: str) -> Rows[str]:
        return Parts(text).rows("pairs", _key, "/etc/pairs")


class _Whole(_Pairs):
    by_lines = False


def _key(line: str) -> str:
    key, separator, _ = line.partition("=")
    if not separator:
        raise ParseError("it is no assignment")
    return key


def test_a_line_that_is_not_understood_is_carried_with_its_number_and_the_rest_is_read() -> None:
    rows = Parts("#b70 pairs\na=1\nwhat?\nc=3").rows("pairs", _key, "/etc/pairs")
    assert rows.found == ("a", "c")
    (odd,) = rows.odd
    assert (odd.place, odd.number, odd.text) == ("/etc/pairs", 2, "what?")
    assert (where(odd), odd.why) == ("/etc/pairs:2", "it is no assignment")


def test_bytes_of_another_code_spoil_their_line_where_a_fact_reads_by_lines() -> None:
    output = [*f"#b70 pairs\n{BYTES}".split("\n"), f"{END} 0 "]
    rows = interpret(_Pairs(), output)
    assert isinstance(rows, Rows)
    assert rows.found == ("a", "c")
    assert (rows.odd[0].text, rows.odd[0].why) == ("b=\\xe9", NOT_UTF8)
    assert interpret(_Whole(), output) == Unknown(
        "output is not UTF-8", f"#b70 pairs\n{BYTES}".rstrip("\n").replace("\udce9", "\\xe9")
    )


def test_bytes_of_another_code_spoil_the_part_that_has_no_lines() -> None:
    parts = Parts(f"#b70 pairs\n{BYTES}#b70 other\nfine")
    assert parts.reading("other") == "fine"
    assert isinstance(parts.reading("pairs"), Unknown)
    with pytest.raises(ParseError, match="not UTF-8"):
        parts.lines("pairs")


def test_a_message_with_bytes_of_another_code_can_be_written_down() -> None:
    found = interpret(_Pairs(), ["", f"{END} 3 caf\udce9"])
    assert found == Unknown("exit status 3: caf\\xe9")


def test_a_line_of_a_file_with_bytes_of_another_code_stands_beside_the_others() -> None:
    files = Parts("#b70 f\n/etc/a:1:x\n/etc/a:2:\udce9\n/etc/a:3:y\n").files("f")
    assert [line.number for line in files.lines] == [1, 3]
    assert [where(line) for line in files.odd] == ["/etc/a:2"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("a\x00b\x1b[31m\tc", "a\\x00b\\x1b[31m\\tc"),
        ("srv /mnt cifs user=a,password=hunter2 0 x", "srv /mnt cifs user=a,password=… 0 x"),
        ("deb https://me:hunter2@example.org x", "deb https://…@example.org x"),
        ("x" * 10_000, "x" * SHOWN + "…"),
    ],
)
def test_what_a_person_sees_of_an_odd_line_is_short_printable_and_no_secret(
    line: str, shown: str
) -> None:
    odd = odd_line("/etc/x", 1, line, "why")
    assert odd.text == shown
    assert len(odd.raw) <= SEARCHED


@given(st.text(st.characters(exclude_categories=())), st.integers(0, 9))
def test_any_odd_line_can_be_written_down(line: str, number: int) -> None:
    line = line.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    odd = odd_line("/etc/x", number, line, line)
    assert odd.text.isprintable()
    json.dumps([odd.text, odd.why, where(odd)]).encode()
    f"{odd.text}{odd.why}{odd.raw}".encode()


@pytest.mark.parametrize(
    ("line", "name", "may"),
    [
        ("b70:x:::", "b70", True),
        ("  b70 ", "b70", True),
        ("xb70:x", "b70", False),
        ("b70-old:x", "b70", False),
        ("b70\\x2d1.service", "b70", False),
        ("/mnt/fast-ai/ x", "/mnt/fast-ai", True),
        ("y" * (SEARCHED + 1), "b70", True),
    ],
)
def test_only_what_an_odd_line_could_be_about_is_doubted(line: str, name: str, may: bool) -> None:
    unsure = doubt(name, [odd_line("getent passwd", 7, line, "it has no number")])
    assert (unsure is not None) is may
    if unsure is not None:
        assert unsure.reason == "line 7 of `getent passwd` may be about it: it has no number"
