"""Main memory."""

from __future__ import annotations

import os

import pytest

from facts.system.memory import Memory
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import fixture, lack, read, run

MEMINFO = "MemTotal: 131912204 kB\nMemAvailable: 121634816 kB\nSwapFree: 0 kB\n"
PARTS: dict[str, str | tuple[str, str]] = {
    "meminfo": MEMINFO + "HardwareCorrupted: 4 kB\n",
    "edac": "",
    "arrays": fixture("memory/dmidecode-t16-none.txt"),
}


def test_sizes_are_bytes() -> None:
    memory = read(Memory(), PARTS)
    assert memory.total == 131912204 * 1024
    assert memory.corrupted == 4096
    assert memory.swap_free == 0


def test_a_kernel_that_counts_no_corrupted_memory_has_none_to_tell() -> None:
    assert read(Memory(), {**PARTS, "meminfo": MEMINFO}).corrupted is ABSENT


@pytest.mark.parametrize(("name", "verdict"), [("none", False), ("ecc", True)])
def test_the_board_says_whether_memory_corrects_errors(name: str, verdict: bool) -> None:
    text = fixture(f"memory/dmidecode-t16-{name}.txt")
    assert read(Memory(), {**PARTS, "arrays": text}).ecc is verdict


def test_one_array_without_correction_decides() -> None:
    text = fixture("memory/dmidecode-t16-ecc.txt") + fixture("memory/dmidecode-t16-none.txt")
    assert read(Memory(), {**PARTS, "arrays": text}).ecc is False


def test_a_board_that_does_not_say_is_unknown() -> None:
    text = fixture("memory/dmidecode-t16-unknown.txt")
    assert read(Memory(), {**PARTS, "arrays": text}).ecc == Unknown(
        "the board does not say", "Unknown"
    )


def test_correction_is_unknown_without_root_and_without_the_tool_and_absent_without_dmi() -> None:
    assert read(Memory(), {**PARTS, "arrays": lack("!", "needs root")}).ecc == Unknown("needs root")
    missing = lack("?", "dmidecode is not installed")
    assert isinstance(read(Memory(), {**PARTS, "arrays": missing}).ecc, Unknown)
    assert read(Memory(), {**PARTS, "arrays": lack("-")}).ecc is ABSENT
    assert isinstance(read(Memory(), {**PARTS, "arrays": "garbage"}).ecc, Unknown)


def test_watched_controllers_count_errors() -> None:
    (first, second) = read(
        Memory(), {**PARTS, "edac": "mc0 3 0 Family 19h\nmc1 ? 0 x\n"}
    ).controllers
    assert (first.name, first.kind, first.corrected, first.uncorrected) == (
        "mc0",
        "Family 19h",
        3,
        0,
    )
    assert isinstance(second.corrected, Unknown)


def test_a_table_without_a_total_is_unknown() -> None:
    assert isinstance(read(Memory(), {**PARTS, "meminfo": "MemFree: 1 kB\n"}), Unknown)


def test_this_machine_has_the_memory_that_the_kernel_tells() -> None:
    assert run(Memory()).total == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
