"""fstab: one line is ours, every other byte stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.disks.mountinfo import FstabEntry, parse_fstab
from operations.storage.fstab_text import TwoLines, put, render
from operations.units.unit_name import from_path

ENTRY = FstabEntry("UUID=1-2", "/mnt/fast-ai", "ext4", ("noatime", "nofail"), 0, 2)
LINE = b"UUID=1-2 /mnt/fast-ai ext4 noatime,nofail 0 2"
SWAP = FstabEntry("/swap", "none", "swap", ("sw", "nofail"), 0, 0)

#: lines that a person or an installer could have there: comments in any encoding, other mounts
_WORD = st.text("abcdefgh/=-.0123456789", min_size=1, max_size=8)
_MOUNT = st.builds(
    lambda source, target, tail: f"UUID={source}\t/other/{target}  xfs {tail} 0 0".encode(),
    _WORD.filter(lambda word: f"UUID={word}" != ENTRY.source),
    _WORD,
    _WORD,
)
_COMMENT = st.binary(max_size=20).map(lambda data: b"#" + data.replace(b"\n", b""))
_BLANK = st.sampled_from([b"", b"   ", b"\t", b"one", b"one two"])
_LINES = st.lists(st.one_of(_MOUNT, _COMMENT, _BLANK), max_size=8)


@given(before=_LINES, after=_LINES, end=st.booleans())
def test_every_other_byte_stays(before: list[bytes], after: list[bytes], end: bool) -> None:
    tail = b"\n" if end else b""
    old = b"UUID=9 /mnt/fast-ai auto defaults 0 0"
    text = b"\n".join([*before, old, *after]) + tail
    assert put(text, ENTRY) == b"\n".join([*before, LINE, *after]) + tail


@given(lines=_LINES, end=st.booleans())
def test_a_new_line_comes_at_the_end_and_the_second_time_changes_nothing(
    lines: list[bytes], end: bool
) -> None:
    text = b"\n".join(lines) + (b"\n" if end else b"")
    once = put(text, ENTRY)
    assert once.startswith(text)
    assert once.removeprefix(text) in (LINE + b"\n", b"\n" + LINE + b"\n")
    assert put(once, ENTRY) == once
    shown = parse_fstab(once.decode("latin-1").split("\n"))
    assert shown[-1] == ENTRY


def test_a_line_that_says_the_same_keeps_its_spaces() -> None:
    text = b"UUID=1-2\t/mnt/fast-ai   ext4 noatime,nofail\t0 2\n"
    assert put(text, ENTRY) == text


def test_a_comment_about_the_place_is_no_line_for_it() -> None:
    text = b"# UUID=1-2 /mnt/fast-ai ext4 defaults 0 0\n"
    assert put(text, ENTRY) == text + LINE + b"\n"


def test_a_swap_file_is_found_by_its_path_and_other_swap_stays() -> None:
    text = b"UUID=7 none swap sw 0 0\n/swap none swap defaults 0 0\n"
    assert put(text, SWAP) == b"UUID=7 none swap sw 0 0\n/swap none swap sw,nofail 0 0\n"


def test_two_lines_for_one_place_need_a_person() -> None:
    with pytest.raises(TwoLines, match="has lines 1 and 3 for /mnt/fast-ai"):
        put(LINE + b"\n#\n" + LINE + b"\n", ENTRY)
    with pytest.raises(TwoLines, match="line 1 mounts UUID=1-2 on /mnt/old"):
        put(b"UUID=1-2 /mnt/old ext4 defaults 0 0\n", ENTRY)


def test_a_bind_mount_of_the_same_source_is_another_matter() -> None:
    text = b"UUID=1-2 /mnt/old none bind 0 0\n"
    assert put(text, ENTRY) == text + render(ENTRY) + b"\n"


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/", "-"),
        ("/mnt/fast-ai", "mnt-fast\\x2dai"),
        ("/srv/a_b.c", "srv-a_b.c"),
        ("/.hidden", "\\x2ehidden"),
    ],
)
def test_mount_units_are_named_as_systemd_names_them(path: str, unit: str) -> None:
    assert from_path(path) == unit
