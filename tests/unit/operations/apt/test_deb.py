"""The package builder: the same bytes everywhere, and dpkg takes them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from declaration import onhost
from operations.apt import loader_shim
from operations.apt.deb import build, control

FIELDS = {
    "Package": "thing",
    "Version": "1.0-1",
    "Architecture": "all",
    "Maintainer": "nobody <nobody@localhost>",
    "Description": "short\nlong line\n\nsecond paragraph",
}


def dpkg_deb(*arguments: str) -> str:
    return subprocess.run(
        ["dpkg-deb", *arguments], check=True, capture_output=True, text=True
    ).stdout


def test_the_same_input_gives_the_same_bytes_whatever_the_clock_and_umask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = build(FIELDS, {"/usr/share/x": b"1", "/etc/y": b"2"})
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    before = os.umask(0o077)
    try:
        assert build(FIELDS, {"/etc/y": b"2", "/usr/share/x": b"1"}) == first
    finally:
        os.umask(before)


def test_the_shim_has_had_the_same_bytes_since_it_was_first_made() -> None:
    digest = hashlib.sha256(loader_shim.package("1.28.2-local1", "1.28.2")).hexdigest()
    assert digest == "1f9b367f88266af0af8eb51222925a5016bf33674dea0056051070e74d2510b7"


def test_dpkg_reads_control_and_content(tmp_path: Path) -> None:
    deb = tmp_path / "thing.deb"
    deb.write_bytes(build(FIELDS, {"/usr/share/thing/x": b"text"}))
    assert dpkg_deb("-f", str(deb), "Package", "Version").split() == [
        "Package:", "thing", "Version:", "1.0-1",
    ]  # fmt: skip
    listing = [line.split()[-1] for line in dpkg_deb("-c", str(deb)).splitlines()]
    assert listing == ["./", "./usr/", "./usr/share/", "./usr/share/thing/", "./usr/share/thing/x"]
    assert all("root/root" in line for line in dpkg_deb("-c", str(deb)).splitlines())


def test_the_shim_is_empty_and_depends_on_the_true_owner(tmp_path: Path) -> None:
    deb = tmp_path / "libze1.deb"
    deb.write_bytes(loader_shim.package("1.28.2-local1", "1.28.2"))
    assert dpkg_deb("-f", str(deb), "Depends").strip() == "level-zero (>= 1.28.2)"
    assert [line.split()[-1] for line in dpkg_deb("-c", str(deb)).splitlines()] == ["./"]
    assert onhost.deb("libze1", "1.28.2-local1").endswith("/libze1_1.28.2-local1_all.deb")


def test_an_empty_line_of_a_description_becomes_a_dot() -> None:
    assert control(FIELDS).endswith("Description: short\n long line\n .\n second paragraph\n")


@pytest.mark.parametrize(
    "changes",
    [
        {"Package": "Bad Name"},
        {"Version": "one"},
        {"Maintainer": ""},
        {"Depends": "a\nPre-Depends: b"},
    ],
)
def test_a_field_that_would_break_the_format_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"control file|package name|more than one line"):
        build({**FIELDS, **changes})
