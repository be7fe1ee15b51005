"""Sizes, ages and users of a directory, read by the real tools."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from facts.disks.directory_use import DirectoryUse, RealPath, TreeUse
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import frame, read, run_as


def use(path: Path) -> TreeUse:
    found = run_as(DirectoryUse(), DirectoryUse().command(path=str(path)))
    assert isinstance(found, TreeUse)
    return found


def test_sizes_kinds_and_the_newest_change_below_are_read(tmp_path: Path) -> None:
    (tmp_path / "tree/deep").mkdir(parents=True)
    (tmp_path / "tree/deep/big").write_bytes(b"x" * 300_000)
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("/etc")
    for path in ("tree/deep", "tree", "file"):
        os.utime(tmp_path / path, (1_000, 1_000))
    os.utime(tmp_path / "tree/deep/big", (2_000, 2_000))
    found = use(tmp_path)
    assert [(x.name, x.kind) for x in found.entries] == [
        ("tree", "directory"),
        ("file", "file"),
        ("link", "link"),
    ]
    assert found.entries[0].size >= 300_000
    assert found.size >= found.entries[0].size
    assert [x.changed for x in found.entries[:2]] == [2_000, 1_000]
    assert (found.real, found.users) == (str(tmp_path), {})


def test_odd_names_spoil_nothing(tmp_path: Path) -> None:
    for name in ("two\nlines", "tab\there", "ümlaut", " space "):
        (tmp_path / name).mkdir()
    names = {entry.name for entry in use(tmp_path).entries}
    assert names == {"two\x01lines", "tab\there", "??mlaut", " space "}


def test_a_process_in_a_directory_is_a_user_of_it(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "log").write_text("")
    with (tmp_path / "log").open() as log:
        process = subprocess.Popen(["sleep", "60"], cwd=tmp_path / "tree", stdin=log)
        try:
            users = use(tmp_path).users
        finally:
            process.kill()
            process.wait()
    assert users[f"{tmp_path}/tree"] == (process.pid,)
    assert process.pid in users[f"{tmp_path}/log"]


def test_a_user_of_something_with_an_odd_name_is_one_user(tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/two\nlines \xe9")
    Path(odd).mkdir()
    process = subprocess.Popen(["sleep", "60"], cwd=odd)
    try:
        found = use(tmp_path)
    finally:
        process.kill()
        process.wait()
    assert found.users == {f"{tmp_path}/two\x01lines \\xe9": (process.pid,)}
    assert found.odd == ()


def test_an_odd_user_is_carried_and_spoils_no_other() -> None:
    parts = {"real": "/x", "entries": "", "sizes": "1\t/x/\n", "changes": ""}
    found = read(DirectoryUse(), frame({**parts, "users": "/proc/7/cwd /x/a\nfrag\n"}))
    assert found.users == {"/x/a": (7,)}
    assert [line.text for line in found.odd] == ["frag"]


def test_a_mapped_library_counts_as_use(tmp_path: Path) -> None:
    copy = tmp_path / "sleep"
    copy.write_bytes(Path("/bin/sleep").read_bytes())
    copy.chmod(0o755)
    process = subprocess.Popen([copy, "60"])
    try:
        assert process.pid in use(tmp_path).users[str(copy)]
    finally:
        process.kill()
        process.wait()


def test_no_directory_is_absent_and_nonsense_is_unknown(tmp_path: Path) -> None:
    path = str(tmp_path / "none")
    assert run_as(DirectoryUse(), DirectoryUse().command(path=path)) is ABSENT
    parts = {"real": "/x", "entries": "", "sizes": "1\t/x/a\n", "changes": "", "users": ""}
    assert isinstance(read(DirectoryUse(), frame(parts)), Unknown)
    assert isinstance(read(DirectoryUse(), ""), Unknown)


@pytest.mark.parametrize("name", ["link", "chain"])
def test_a_path_is_followed_to_its_end(tmp_path: Path, name: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "chain").symlink_to("link")
    found = run_as(RealPath(), RealPath().command(path=str(tmp_path / name)))
    assert found == str(tmp_path / "there")
    (tmp_path / "there").rmdir()
    assert run_as(RealPath(), RealPath().command(path=str(tmp_path / name))) is ABSENT
