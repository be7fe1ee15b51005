"""Error counters: a link or memory that fails is told by its rate; silence proves little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from declaration.host import HostSpec
from facts.pci.gpu_card import Card, Hop
from facts.pci.gpu_link import GpuLinks
from facts.system.clock import ClockState
from facts.system.memory import Controller, MemoryState
from facts.value import ABSENT, Unknown
from fleet.model.finding import Finding
from fleet.preflight import inspect
from gates.model import Verdict
from tests.given import given
from tests.unit.fact_frame import run
from tests.unit.gpu_tree import Spec, build

SPEC = HostSpec.model_validate(
    {
        "name": "rig",
        "connection": {"address": "192.0.2.1"},
        "hardware": {"cards": [{"slot": "1"}, {"slot": "2"}]},
    }
)
HOUR, DAY = 3600.0, 86400.0
#: place on a card's way -> what it is called
PLACES = {
    0: "0000:03:00.0 (the card)",
    1: "0000:02:01.0 (port above 0000:03:00.0)",
    2: "0000:01:00.0 (upstream port of 0000:03:00.0)",
    3: "0000:00:01.1 (root port above 0000:03:00.0)",
}


@cache
def cards(*, switch: bool = False) -> tuple[Card, ...]:
    with TemporaryDirectory() as folder:
        uplink = (4, 16) if switch else None
        found = run(GpuLinks(), build(Path(folder), Spec(), Spec(), uplink=uplink))
        assert isinstance(found, tuple)
        return found


def changed(depth: int, found: tuple[Card, ...] | None = None, **values: Any) -> tuple[Card, ...]:
    """Return the cards, of the first one the function at a depth changed."""
    first, *rest = found or cards()
    hops: list[Hop] = list(first.hops)
    hops[depth] = replace(hops[depth], **values)
    return (replace(first, hops=tuple(hops)), *rest)


def clock(uptime_s: float) -> ClockState:
    return ClockState(10**18, uptime_s, ABSENT, "Etc/UTC")


def told(name: str, uptime_s: float | Unknown = 12 * HOUR, **facts: Any) -> list[Finding]:
    now = uptime_s if isinstance(uptime_s, Unknown) else clock(uptime_s)
    found = inspect(SPEC, given({"gpu_link": cards(), "clock": now, **facts}))
    return [finding for finding in found if finding.id == name]


def links(uptime_s: float | Unknown = 12 * HOUR, **facts: Any) -> list[Finding]:
    return told("link-errors", uptime_s, **facts)


@pytest.mark.parametrize("depth", PLACES)
def test_counters_that_are_read_are_judged_on_every_port_of_a_cards_way(depth: int) -> None:
    (found,) = links(gpu_link=changed(depth, aer_correctable=4_320_000))
    assert found.verdict is Verdict.WARN
    assert found.text == (
        f"{PLACES[depth]}: 4,320,000 corrected errors since the boot 12.0 hours ago, "
        "6,000.0 a minute"
    )
    assert found.remedy is not None
    assert "reseat the card" in found.remedy


@pytest.mark.parametrize(
    ("count", "uptime_s", "verdict"),
    [
        (4, 60.0, None),
        (99, 60.0, None),
        (100, 60.0, Verdict.WARN),
        (481, HOUR, Verdict.WARN),
        (480, HOUR, None),
        (50_000, 30 * DAY, None),
        (100_000, 365 * DAY, Verdict.WARN),
        (100, 0.0, Verdict.WARN),
        (99, Unknown("no answer"), None),
        (100, Unknown("no answer"), Verdict.UNKNOWN),
        (100_000, Unknown("no answer"), Verdict.WARN),
    ],
)
def test_corrected_errors_are_judged_by_their_rate(
    count: int, uptime_s: float | Unknown, verdict: Verdict | None
) -> None:
    found = links(uptime_s, gpu_link=changed(2, aer_correctable=count))
    assert [finding.verdict for finding in found] == ([] if verdict is None else [verdict])


@pytest.mark.parametrize(
    ("field", "word"), [("aer_nonfatal", "uncorrected"), ("aer_fatal", "fatal")]
)
def test_an_error_that_was_not_corrected_is_told_from_the_first_on(field: str, word: str) -> None:
    (found,) = links(gpu_link=changed(3, **{field: 1}))
    assert (found.verdict, found.text) == (
        Verdict.WARN,
        f"{PLACES[3]}: 1 {word} error since the boot",
    )


@pytest.mark.parametrize("field", ["aer_correctable", "aer_nonfatal", "aer_fatal"])
def test_a_counter_that_cannot_be_read_is_unknown(field: str) -> None:
    (found,) = links(gpu_link=changed(1, **{field: Unknown("the file cannot be read")}))
    assert found.verdict is Verdict.UNKNOWN


def test_a_port_that_two_cards_share_is_told_once_with_both() -> None:
    found = cards(switch=True)
    root = found[0].hops[-1].bdf
    both = tuple(
        replace(card, hops=(*card.hops[:-1], replace(card.hops[-1], aer_correctable=900_000)))
        for card in found
    )
    (finding,) = links(gpu_link=both)
    assert f"{root} (root port above 0000:" in finding.text
    assert all(card.bdf in finding.text for card in both)


def test_the_silence_of_ports_that_do_not_count_proves_nothing() -> None:
    nothing: Callable[[Hop], Hop] = lambda hop: replace(  # noqa: E731 - used once
        hop, aer_correctable=ABSENT, aer_nonfatal=ABSENT, aer_fatal=ABSENT
    )
    mute = tuple(replace(card, hops=tuple(map(nothing, card.hops))) for card in cards())
    (found,) = links(gpu_link=mute)
    assert found.verdict is Verdict.PASS
    assert "no port on the way to the processor counts its errors" in found.text
    assert links() == []


def memory(*controllers: Controller, corrupted: int = 0) -> MemoryState:
    return MemoryState(2**37, 2**36, 0, corrupted, True, controllers)


@pytest.mark.parametrize(
    ("state", "verdict", "words"),
    [
        (memory(Controller("mc0", "F1Ah", 0, 0)), None, ""),
        (memory(Controller("mc0", "F1Ah", 99, 0)), None, ""),
        (memory(Controller("mc0", "F1Ah", 90_000, 0)), Verdict.WARN, "125.0 a minute"),
        (memory(Controller("mc1", "F1Ah", 0, 1)), Verdict.WARN, "mc1 (F1Ah): 1 uncorrected"),
        (memory(Controller("mc0", "?", Unknown("x"), 0)), Verdict.UNKNOWN, "errors are UNKNOWN"),
        (memory(Controller("mc0", "?", 0, Unknown("x"))), Verdict.UNKNOWN, "errors are UNKNOWN"),
        (memory(corrupted=8 << 20), Verdict.WARN, "8,192 KiB of memory are out of use"),
        (memory(), None, ""),
    ],
)
def test_memory_that_fails_is_told(state: MemoryState, verdict: Verdict | None, words: str) -> None:
    found = told("memory-errors", memory=state)
    assert [finding.verdict for finding in found] == ([] if verdict is None else [verdict])
    assert all(words in finding.text for finding in found)
