"""Why a unit that sets something is run again, and why a card is kept awake."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from facts.pci.gpu_link import GpuLinks
from facts.pci.runtime_pm import PowerControl, RuntimePm
from facts.system.cpuidle import CpuIdle, IdleState
from facts.value import ABSENT
from operations.settings.live_setting import idle_states, power_caps
from operations.settings.runtime_pm import kept_awake
from tests.unit.pyinfra_harness import Told, reasons

BDF = "0000:03:00.0"
BRIDGE = "0000:00:01.1"
SERVICE = "b70fleet-x.service"


class Cap(NamedTuple):
    """What a power cap's fact says of one card."""

    bdf: str
    power1_cap_uw: Any


def listed(told: Told) -> list[tuple[str, str | None, str | None]]:
    return [(each.what, each.expected, each.seen) for each in told.differences]


def test_a_state_that_is_on_again_says_where_and_which_unit_restarts_for_it() -> None:
    found = {2: IdleState("C2", 3, 4), 3: IdleState("C3", 4, 4)}
    told = reasons(idle_states, {CpuIdle: found}, states=(2, 3), service=SERVICE)
    assert listed(told) == [("idle state 2 (C2)", "off on all processors", "off on 3 of 4")]
    assert told.restarted == {SERVICE: "idle state 2 is not off on all processors"}


@pytest.mark.parametrize(
    ("microwatts", "seen"), [(275_000_000, "275 W"), (262_500_000, "262.5 W"), (ABSENT, None)]
)
def test_a_cap_that_was_reset_says_the_watts_and_which_unit_restarts_for_it(
    microwatts: Any, seen: str | None
) -> None:
    found = (Cap(BDF, microwatts), Cap("0000:04:00.0", 210_000_000))
    caps = {BDF: 210, "0000:04:00.0": 210}
    told = reasons(power_caps, {GpuLinks: found}, caps=caps, service=SERVICE)
    assert listed(told) == [(f"power cap of {BDF}", "210 W", seen)]
    assert told.restarted == {SERVICE: f"the power cap of {BDF} is not as declared"}


def test_each_function_that_may_fall_asleep_is_named() -> None:
    found = (
        PowerControl(BDF, BDF, "on", "active"),
        PowerControl(BRIDGE, BDF, "auto", "suspended"),
    )
    told = reasons(kept_awake, {RuntimePm: found})
    assert listed(told) == [(f"power control of {BRIDGE}", "on", "auto")]
