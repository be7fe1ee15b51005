"""State of paths: one at a time and many at once must say the same."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from facts.system.files import HASH_LIMIT, TOO_LONG, FileState, FileText, Stat, script
from facts.value import ABSENT, Unknown


def lines(command: str) -> list[str]:
    out = subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout
    return out.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")


def single(path: Path | str) -> object:
    fact = FileState()
    return fact.process(lines(fact.command(path=str(path))))


def bulk(paths: list[Path]) -> list[object]:
    calls = [{"path": str(path)} for path in paths]
    parts = FileState.split(calls, lines(FileState.bulk(calls)))
    return [FileState().process(part) for part in parts]


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, Path]:
    paths = {
        "file": tmp_path / "a file",
        "quote": tmp_path / "it's",
        "no quote": tmp_path / "it's not",
        "empty": tmp_path / "empty",
        "dir": tmp_path / "dir",
        "link": tmp_path / "link",
        "dangling": tmp_path / "dangling",
        "fifo": tmp_path / "fifo",
        "missing": tmp_path / "missing",
        "below": tmp_path / "a file" / "below",
    }
    paths["file"].write_text("content\n")
    paths["file"].chmod(0o640)
    paths["quote"].write_text("quoted")
    paths["empty"].touch()
    paths["dir"].mkdir()
    paths["link"].symlink_to("a file")
    paths["dangling"].symlink_to("/nowhere")
    os.mkfifo(paths["fifo"])
    return paths


def test_what_a_path_costs_does_not_grow_with_the_file_that_lies_there(tmp_path: Path) -> None:
    """A swap file of 160 GiB is a path as well: every plan and every audit looks at it."""
    huge, edge, beside = tmp_path / "swap", tmp_path / "edge", tmp_path / "beside"
    with huge.open("wb") as stream:
        stream.truncate(1 << 40)
    with edge.open("wb") as stream:
        stream.truncate(HASH_LIMIT)
    beside.write_text("x")
    long, still, short = bulk([huge, edge, beside])
    assert isinstance(long, Stat)
    assert (long.kind, long.size, long.sha256) == ("file", 1 << 40, TOO_LONG)
    assert isinstance(still, Stat)
    assert still.sha256 == hashlib.sha256(bytes(HASH_LIMIT)).hexdigest()
    assert isinstance(short, Stat)
    assert short.sha256 == hashlib.sha256(b"x").hexdigest(), "its neighbours are read all the same"
    assert single(huge) == long


def test_a_file_has_mode_size_and_hash(tree: dict[str, Path]) -> None:
    state = single(tree["file"])
    assert isinstance(state, Stat)
    assert (state.kind, state.mode, state.size) == ("file", "0640", 8)
    assert state.sha256 == hashlib.sha256(b"content\n").hexdigest()


@pytest.mark.parametrize(
    ("name", "kind"), [("dir", "directory"), ("link", "link"), ("fifo", "other")]
)
def test_other_kinds_have_no_hash(tree: dict[str, Path], name: str, kind: str) -> None:
    state = single(tree[name])
    assert isinstance(state, Stat)
    assert (state.kind, state.sha256) == (kind, ABSENT)


def test_a_link_is_not_followed(tree: dict[str, Path]) -> None:
    for name, target in (("link", "a file"), ("dangling", "/nowhere")):
        state = single(tree[name])
        assert isinstance(state, Stat)
        assert state.target == target


@pytest.mark.parametrize("name", ["missing", "below", "no quote"])
def test_nothing_there_is_absent(tree: dict[str, Path], name: str) -> None:
    assert single(tree[name]) is ABSENT


def test_a_path_below_a_folder_that_may_not_be_searched_is_unknown_not_absent(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "closed").mkdir(mode=0o700)
    fact = FileState()
    command = fact.command(path=str(tmp_path / "closed" / "x"))
    out = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", command],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    ).stdout
    value = fact.process(out.removesuffix("\n").split("\n"))
    assert isinstance(value, Unknown)
    assert "may not be searched" in value.reason


def test_many_paths_say_what_single_reads_say(tree: dict[str, Path]) -> None:
    paths = list(tree.values())
    assert bulk(paths) == [single(path) for path in paths]


def test_a_cut_bulk_output_spoils_no_path_silently(tree: dict[str, Path]) -> None:
    calls = [{"path": str(path)} for path in tree.values()]
    output = lines(FileState.bulk(calls))
    for part in FileState.split(calls, output[:-1]):
        assert isinstance(FileState().process(part), Unknown)


@pytest.mark.parametrize("path", ["relative", "/with\nbreak", "/with\ttab", "/back\\slash"])
def test_paths_that_could_be_misread_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a plain absolute path"):
        script([path])


def test_text_comes_back_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(256)) * 7)
    fact = FileText()
    assert fact.process(lines(fact.command(path=str(path)))) == path.read_bytes()
    assert fact.process(lines(fact.command(path=f"{path}-no"))) is ABSENT


def test_a_large_file_is_not_fetched(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 300_000)
    fact = FileText()
    value = fact.process(lines(fact.command(path=str(path))))
    assert isinstance(value, Unknown)
    assert "too large" in value.reason
