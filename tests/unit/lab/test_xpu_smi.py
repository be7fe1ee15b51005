"""Specification of the xpu-smi stand-in: it replays recordings byte for byte."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab import standins


@pytest.fixture
def replay(tmp_path: Path) -> Path:
    """Return the stand-in's script with its fixed paths moved below a scratch folder."""
    script = (Path(standins.__file__).parent / "templates/xpu-smi").read_text()
    (tmp_path / "etc").mkdir()
    (tmp_path / "loader").write_text("")
    (tmp_path / "share").symlink_to(standins.RECORDINGS)
    for old, new in (
        ("@VERSION@", "1.3.7"),
        ("/etc/b70lab", f"{tmp_path}/etc"),
        ("/usr/share/b70lab", f"{tmp_path}/share"),
        ("/var/log/b70lab-xpu-smi.log", f"{tmp_path}/log"),
        ("/usr/lib/x86_64-linux-gnu/libze_loader.so.1", f"{tmp_path}/loader"),
    ):
        script = script.replace(old, new)
    path = tmp_path / "xpu-smi"
    path.write_text(script)
    return path


def call(replay: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(replay), *arguments], capture_output=True, text=True, timeout=20, check=False
    )


def choose(replay: Path, case: str) -> None:
    (replay.parent / "etc/xpu-smi-case").write_text(f"{case}\n")


def test_a_healthy_host_answers_with_the_recorded_bytes(replay: Path) -> None:
    choose(replay, "root")
    recording = (standins.RECORDINGS / "xpu-smi-1.3.7/discovery-d0-j.txt").read_text()
    body = recording.split("----- stdout\n", 1)[1].split("----- stderr\n", 1)[0]
    assert call(replay, "discovery", "-d", "0", "-j").stdout == body


def test_a_broken_level_zero_keeps_its_exit_status(replay: Path) -> None:
    choose(replay, "initfail")
    answer = call(replay, "discovery", "-d", "0", "-j")
    assert answer.returncode == 39
    assert "Level Zero" in answer.stdout


def test_the_other_version_has_recordings_of_its_own(replay: Path) -> None:
    choose(replay, "initfail")
    (replay.parent / "etc/xpu-smi-version").write_text("2.0.0\n")
    answer = call(replay, "discovery", "-j")
    assert answer.returncode == 255
    assert answer.stdout.strip() == "Sysman driver initialization failed."


@pytest.mark.parametrize("version", ["2.0.0", "2.1.0", "2.2.0", "2.4.0"])
def test_later_versions_are_the_recordings_of_2_0_under_another_number(
    replay: Path, version: str
) -> None:
    choose(replay, "sick")
    (replay.parent / "etc/xpu-smi-version").write_text(f"{version}\n")
    assert f"Version: {version}" in call(replay, "-v").stdout
    assert call(replay, "discovery", "-j").stdout.count("survivability mode") == 4


def test_a_missing_loader_is_the_dynamic_linkers_error(replay: Path) -> None:
    choose(replay, "root")
    (replay.parent / "loader").unlink()
    answer = call(replay, "discovery", "-j")
    assert answer.returncode == 127
    assert "loader: cannot open shared object file" in answer.stderr


def test_every_call_is_written_down(replay: Path) -> None:
    choose(replay, "none")
    call(replay, "discovery", "-j")
    call(replay, "ps", "-j")
    lines = (replay.parent / "log").read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["discovery -j", "ps -j"]


def test_a_call_that_was_never_recorded_ends_with_99(replay: Path) -> None:
    choose(replay, "root")
    assert call(replay, "frobnicate").returncode == 99
