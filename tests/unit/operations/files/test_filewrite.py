"""A file is its old self or its new self, never between: the write script under a real sh."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.files.filewrite import FileWrite, stream

USER, GROUP = "root", "root"


def write(path: Path | str, content: bytes = b"new\n", **kwargs: str) -> FileWrite:
    mode, validate = kwargs.get("mode", "0640"), kwargs.get("validate", "")
    return FileWrite(str(path), content, mode=mode, user=USER, group=GROUP, validate=validate)


def alone(item: FileWrite) -> subprocess.CompletedProcess[bytes]:
    """Run one write the way stock pyinfra does: the command, content on stdin."""
    stdin = base64.b64encode(item.content)
    return subprocess.run(
        ["sh", "-c", item.get_raw_value()], input=stdin, capture_output=True, check=False
    )


def together(items: list[FileWrite]) -> subprocess.CompletedProcess[bytes]:
    """Run many writes the way the executor does: one program on stdin."""
    return subprocess.run(
        ["sh", "-s"], input=stream(items, "#w").encode(), capture_output=True, check=False
    )


def leftovers(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".b70fleet")]


def test_a_new_file_has_content_mode_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "it's new"
    assert alone(write(path, b"secret\n", mode="0600")).returncode == 0
    assert path.read_bytes() == b"secret\n"
    assert (path.stat().st_mode & 0o7777, path.owner()) == (0o600, USER)
    assert leftovers(tmp_path) == []


@given(content=st.binary(max_size=5_000))
@settings(max_examples=25, deadline=None)
def test_any_bytes_arrive_both_ways(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    assert alone(write(folder / "a", content)).returncode == 0
    assert together([write(folder / "b", content)]).returncode == 0
    assert (folder / "a").read_bytes() == content == (folder / "b").read_bytes()


def test_a_link_is_replaced_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("untouched")
    (tmp_path / "link").symlink_to("target")
    assert alone(write(tmp_path / "link")).returncode == 0
    assert (tmp_path / "target").read_text() == "untouched"
    assert not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("kept", ["file", "folder"])
def test_what_chattr_keeps_is_named_with_its_flags(tmp_path: Path, kept: str) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    path = folder / "kept"
    path.write_text("old")
    held = path if kept == "file" else folder
    subprocess.run(["chattr", "+i", held], check=True)
    try:
        done = alone(write(path))
    finally:
        subprocess.run(["chattr", "-i", held], check=True)
    assert done.returncode != 0
    assert f"{held} is immutable or append-only (----i" in done.stderr.decode()
    assert path.read_text() == "old"
    assert leftovers(folder) == []


def test_a_refused_candidate_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "checked"
    path.write_text("old")
    done = alone(write(path, validate='grep -q old "$B70_FILE"'))
    assert done.returncode == 74
    assert b"refused by its check" in done.stderr
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_damage_on_the_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_text("old")
    item = write(path, b"what was meant")
    done = subprocess.run(
        ["sh", "-c", item.get_raw_value()],
        input=base64.b64encode(b"what arrived"),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 73
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_a_connection_that_ends_in_the_middle_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    """Nobody reads what the shell says any more, so its first word about it is its last."""
    path = tmp_path / "cut"
    path.write_text("old")
    program = stream([write(path, b"new" * 50_000)], "#w").encode()
    reader, writer = os.pipe()
    os.close(reader)
    subprocess.run(
        ["sh", "-s"], input=program[: len(program) // 2], stdout=writer, stderr=writer, check=False
    )
    os.close(writer)
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    done = alone(write(tmp_path / "no" / "file"))
    assert done.returncode == 71
    assert b"no directory" in done.stderr


def test_the_content_never_stands_in_the_command(tmp_path: Path) -> None:
    item = write(tmp_path / "x", b"hunter2-hunter2")
    assert "hunter2" not in item.get_raw_value()
    assert base64.b64encode(b"hunter2-hunter2").decode()[:12] not in item.get_raw_value()


def test_a_stream_stops_at_the_first_failure_and_says_where(tmp_path: Path) -> None:
    items = [write(tmp_path / "a"), write(tmp_path / "no" / "b"), write(tmp_path / "c")]
    done = together(items)
    assert done.stdout.decode().splitlines() == ["#w 0 0", "#w 1 71"]
    assert (tmp_path / "a").exists()
    assert not (tmp_path / "c").exists()
