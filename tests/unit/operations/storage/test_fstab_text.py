"""fstab: one line is ours, every other byte stays."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.base import ParseError
from facts.disks.mountinfo import FstabEntry, fstab_entry
from operations.storage.fstab_text import TwoLines, UnclearLine, put, render
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
    assert fstab_entry(once.decode("latin-1").splitlines()[-1]) == ENTRY


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
    "place",
    [
        b"/mnt/fast-ai/",
        b"/mnt//fast-ai",
        b"/mnt/./fast-ai",
        b"//mnt/fast-ai//",
        b"/mnt/fast\\055ai",
    ],
)
def test_one_place_in_several_spellings_has_one_line(place: bytes) -> None:
    text = b"/dev/sdb1 %s ext4 defaults,noatime 0 2\n/dev/sdc1 /mnt/fast-ai/cache ext4 rw 0 2\n"
    assert put(text % place, ENTRY) == LINE + b"\n/dev/sdc1 /mnt/fast-ai/cache ext4 rw 0 2\n"


def test_one_swap_file_in_several_spellings_has_one_line() -> None:
    assert put(b"//swap none swap defaults 0 0\n", SWAP) == b"/swap none swap sw,nofail 0 0\n"


def test_a_line_that_says_the_same_in_another_spelling_of_the_place_is_rewritten_once() -> None:
    text = b"UUID=1-2 /mnt/fast-ai/ ext4 noatime,nofail 0 2\n"
    assert put(text, ENTRY) == LINE + b"\n"


def test_nofail_of_a_line_stays_when_the_line_is_replaced() -> None:
    entry = FstabEntry("UUID=1-2", "/mnt/fast-ai", "ext4", ("noatime",), 0, 2)
    once = put(b"/dev/sdb1 /mnt/fast-ai/ ext4 nofail,ro 0 0\n", entry)
    assert once == LINE + b"\n"
    assert put(once, entry) == once


@pytest.mark.parametrize("source", ["/dev/disk/by-uuid/1-2", "LABEL=ai", "/dev/dm-3"])
def test_one_device_in_several_spellings_is_not_mounted_twice(source: str) -> None:
    text = f"{source} /data ext4 defaults 0 2\n".encode()
    with pytest.raises(TwoLines, match=f"line 1 mounts {source} on /data, declared is /mnt/fast"):
        put(text, ENTRY, lambda other: other == source)
    assert put(text, ENTRY).endswith(LINE + b"\n"), "another device is another matter"


@pytest.mark.parametrize(
    "line",
    [
        b"UUID=9 /mnt/fast-ai/ ext4 defaults, nofail 0 2",
        b"UUID=9 /mnt/fast-ai",
        b"UUID=1-2 /data",
        b"UUID=9 /mnt/fast-ai ext4 x-note=caf\xe9 0 2",
        b'UUID=9 "/mnt/fast-ai"',
        b"UUID=9 /mnt/fast-ai ext4 defaults 0 two",
    ],
)
def test_an_odd_line_that_may_be_about_the_place_is_refused_and_every_other_stays(
    line: bytes,
) -> None:
    with pytest.raises(UnclearLine, match="line 2 is no entry and may be meant for /mnt/fast-ai"):
        put(b"#\n" + line + b"\n", ENTRY)
    elsewhere = line.replace(b"/mnt/fast-ai", b"/mnt/other").replace(b"1-2", b"3-4") + b"\n"
    assert put(elsewhere, ENTRY) == elsewhere + LINE + b"\n"


def test_a_line_counts_as_odd_where_mount_itself_reads_no_entry(tmp_path: Path) -> None:
    tails = ["", "ext4", "ext4 rw", "ext4 rw 0 2 # x", "ext4 rw # x", "ext4 rw, nofail 0 2",
             "ext4 rw 0 x", "ext4 rw 1", "ext4 rw 0 0 0 0"]  # fmt: skip
    lines = [f"UUID={index} /m{index} {tail}" for index, tail in enumerate(tails)]
    (tmp_path / "fstab").write_text("\n".join(lines) + "\n")
    command = ["findmnt", "--fstab", "--tab-file", str(tmp_path / "fstab"), "-rno", "TARGET"]
    read = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    assert [target for line in lines if (target := _target(line))] == read


def _target(line: str) -> str | None:
    try:
        entry = fstab_entry(line)
    except ParseError:
        return None
    return entry.target if entry else None


def test_a_path_with_blanks_is_one_field_of_the_line() -> None:
    entry = FstabEntry("LABEL=a b", "/mnt/a\tb\\c#", "ext4", ("ro",), 0, 0)
    assert render(entry) == b"LABEL=a\\040b /mnt/a\\011b\\134c\\043 ext4 ro 0 0"
    assert fstab_entry(render(entry).decode()) == entry


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
