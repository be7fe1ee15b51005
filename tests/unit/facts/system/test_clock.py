"""The host's clock."""

from __future__ import annotations

import time

import pytest

from facts.system.clock import Clock, Sync
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import lack, read, run

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


def test_a_clock_that_says_no_number_is_unknown() -> None:
    assert isinstance(read(Clock(), {**PARTS, "now": "today N"}), Unknown)


def test_this_machines_clock_is_read() -> None:
    before = time.time_ns()
    clock = run(Clock())
    assert before <= clock.epoch_ns <= time.time_ns()
