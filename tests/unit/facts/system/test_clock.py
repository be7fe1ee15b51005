"""The host's clock."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from facts.system.clock import Clock, Sync
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import lack, read, run, run_below

PARTS: dict[str, str | tuple[str, str]] = {
    "now": "1791000000 000000042",
    "uptime": "484000.25 900000.00",
    "sync": "timesyncd yes",
    "zone": "Etc/UTC",
}


def test_time_is_exact_to_the_nanosecond() -> None:
    clock = read(Clock(), PARTS)
    assert clock.epoch_ns == 1_791_000_000_000_000_042
    assert clock.epoch_s == pytest.approx(1_791_000_000.0)
    assert clock.uptime_s == 484000.25
    assert clock.timezone == "Etc/UTC"


CHRONY = "C0000201,192.0.2.1,3,1791000000.1,0.0001,0.0,0.0,1.0,0.0,0.1,0.01,0.002,64.2,"


@pytest.mark.parametrize(
    ("text", "sync"),
    [
        ("timesyncd no", Sync(False, "timesyncd")),
        ("timedatectl yes", Sync(True, "timedatectl")),
        (f"chrony {CHRONY}Normal", Sync(True, "chrony")),
        (f"chrony {CHRONY}Not synchronised", Sync(False, "chrony")),
    ],
)
def test_each_time_service_is_understood(text: str, sync: Sync) -> None:
    assert read(Clock(), {**PARTS, "sync": text}).sync == sync


@pytest.mark.parametrize(
    "text", ["timedatectl ", "chrony ", "timedatectl perhaps", "chrony 506 Cannot talk"]
)
def test_a_service_that_does_not_answer_leaves_it_unknown(text: str) -> None:
    assert isinstance(read(Clock(), {**PARTS, "sync": text}).sync, Unknown)


def test_a_container_has_no_clock_of_its_own() -> None:
    assert read(Clock(), {**PARTS, "sync": lack("-")}).sync is ABSENT


def test_the_zone_may_come_from_the_link() -> None:
    zone = "/usr/share/zoneinfo/Europe/Berlin"
    assert read(Clock(), {**PARTS, "zone": zone}).timezone == "Europe/Berlin"


ZONES = Path("/usr/share/zoneinfo")


def zone(root: Path, note: str | None, link: str = "", copied: bytes | None = None) -> Any:
    """Return the zone of a host with such an /etc/localtime and /etc/timezone."""
    etc, zones = root / "etc", root / "usr/share/zoneinfo"
    etc.mkdir()
    (zones / "Europe").mkdir(parents=True)
    (zones / "Etc").mkdir()
    for name in ("Europe/Berlin", "Europe/Lisbon", "Etc/UTC"):
        (zones / name).write_bytes((ZONES / name).read_bytes())
    if note is not None:
        (etc / "timezone").write_text(f"{note}\n")
    if link:
        (etc / "localtime").symlink_to(link)
    if copied is not None:
        (etc / "localtime").write_bytes(copied)
    return run_below(Clock(), root, "/etc", "/usr").timezone


BERLIN = "../usr/share/zoneinfo/Europe/Berlin"


@pytest.mark.parametrize("note", ["Etc/UTC", None])
def test_the_time_zone_is_what_localtime_leads_to_and_not_the_note(
    note: str | None, tmp_path: Path
) -> None:
    assert zone(tmp_path, note, BERLIN) == "Europe/Berlin"


def test_a_link_by_way_of_another_link_leads_to_the_same_zone(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/zone").symlink_to(BERLIN)
    assert zone(tmp_path, "Etc/UTC", "../site/zone") == "Europe/Berlin"


@pytest.mark.parametrize("note", ["Etc/UTC", "Europe/Berlin", "no/such", None])
def test_a_copied_zone_is_known_by_its_content(note: str | None, tmp_path: Path) -> None:
    copied = (ZONES / "Europe/Berlin").read_bytes()
    assert zone(tmp_path, note, copied=copied) == "Europe/Berlin"


def test_a_copy_of_an_unknown_zone_is_unknown_with_what_date_says(tmp_path: Path) -> None:
    found = zone(tmp_path, "Etc/UTC", copied=(ZONES / "Asia/Tokyo").read_bytes())
    assert isinstance(found, Unknown)
    assert f"date says {time.strftime('%Z %z')}" in found.reason


def test_without_localtime_programs_use_utc_and_a_broken_link_is_told(tmp_path: Path) -> None:
    for name in ("none", "broken"):
        (tmp_path / name).mkdir()
    assert zone(tmp_path / "none", "Europe/Berlin") == "UTC"
    broken = zone(tmp_path / "broken", None, "../usr/share/zoneinfo/Asia/Nowhere")
    assert isinstance(broken, Unknown)
    assert "Asia/Nowhere, which is not there: programs use UTC" in broken.reason


def test_a_clock_that_says_no_number_is_unknown() -> None:
    assert isinstance(read(Clock(), {**PARTS, "now": "today N"}), Unknown)


def test_this_machines_clock_is_read() -> None:
    before = time.time_ns()
    clock = run(Clock())
    assert before <= clock.epoch_ns <= time.time_ns()
