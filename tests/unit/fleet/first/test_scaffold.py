"""`b70 init`: a fleet that is right from the start, or nothing at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fleet.base.errors import Refused
from fleet.base.exitcodes import ExitCode
from fleet.config import load
from fleet.config.pins import with_host
from fleet.first.scaffold import create

FILES = {
    "hosts.yaml",
    "group_data/all.yaml",
    "group_data/groups/production.yaml",
    "README.md",
    ".gitignore",
}


def visible(folder: Path) -> set[str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)) for p in paths if ".git" not in p.relative_to(folder).parts}


def test_a_new_fleet_passes_the_check(tmp_path: Path) -> None:
    made = create(tmp_path / "garage")
    assert visible(made.directory) == FILES
    fleet = load(made.directory)
    assert (fleet.name, fleet.hosts) == ("garage", {})
    assert "production" in fleet.groups


def test_the_commented_example_is_a_right_host_record(tmp_path: Path) -> None:
    made = create(tmp_path / "garage")
    file = made.directory / "hosts.yaml"
    lines = file.read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("#   rig-a"))
    record = [line.removeprefix("# ").removeprefix("#") for line in lines[start:-1]]
    file.write_text("\n".join(["hosts:", *record, ""]))
    spec = load(made.directory).hosts["rig-a"]
    assert spec.groups == ("production",)
    assert [card.bdf for card in spec.hardware.cards] == ["0000:03:00.0", "0000:83:00.0"]


def test_the_first_host_can_be_added_to_a_new_fleet(tmp_path: Path) -> None:
    made = create(tmp_path / "garage")
    file = made.directory / "hosts.yaml"
    before = file.read_text()
    after = with_host(before, "rig-a", {"address": "10.0.0.1", "user": "rig"})
    file.write_text(after)
    assert after == before + "  rig-a:\n    address: 10.0.0.1\n    user: rig\n"
    assert list(load(made.directory).hosts) == ["rig-a"]


def test_the_readme_has_twenty_lines(tmp_path: Path) -> None:
    made = create(tmp_path / "garage")
    assert len((made.directory / "README.md").read_text().splitlines()) == 20


def test_an_empty_directory_is_used_as_it_is(tmp_path: Path) -> None:
    # the same inode: a shell that stands in it must not lose its directory
    before = tmp_path.stat().st_ino
    create(tmp_path)
    assert tmp_path.stat().st_ino == before
    assert visible(tmp_path) == FILES


@pytest.mark.parametrize("name", ["notes.txt", ".hidden"])
def test_a_directory_that_holds_anything_is_refused_untouched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(Refused, match="is not empty") as raised:
        create(tmp_path)
    assert raised.value.exit_code is ExitCode.REFUSED
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("mine")
    with pytest.raises(Refused, match="is a file"):
        create(tmp_path / "f")


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []

    def write_text(path: Path, text: str, encoding: str = "") -> int:
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        return path.write_bytes(text.encode())

    monkeypatch.setattr(Path, "write_text", write_text)
    with pytest.raises(Refused, match="No space left"):
        create(tmp_path / "garage")
    assert list(tmp_path.iterdir()) == []


def test_a_repository_is_made_when_git_is_there(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.fail("these tests need git")
    made = create(tmp_path / "garage")
    assert made.git
    assert (made.directory / ".git" / "HEAD").is_file()


def test_a_machine_without_git_still_gets_a_fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    made = create(tmp_path / "garage")
    assert not made.git
    assert visible(made.directory) == FILES
