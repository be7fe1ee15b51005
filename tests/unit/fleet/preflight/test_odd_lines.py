"""Every odd line of a host is named once, with a command that shows it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from facts.odd import OddLine, odd_line
from facts.system.units import UnitState
from fleet.model.finding import Finding
from fleet.preflight import inspect
from fleet.preflight.odd_lines import look
from gates.model import Verdict
from tests.given import given
from tests.unit.base_facts import accounts
from tests.unit.fleet.preflight.test_preflight import HEALTHY, SPEC, STORAGE

FSTAB = odd_line("/etc/fstab", 3, "UUID=1 /mnt/x ext4 rw, nofail", "field 5 is no number")
UNIT = odd_line("/etc/systemd/system", 0, "vllm (copy).service", "no unit can have this name")
USER = odd_line("getent passwd", 7, "b70:x:one", "it has 3 fields instead of 7")


def _odd(**facts: object) -> list[Finding]:
    found = inspect(SPEC, given({**HEALTHY, **facts}))
    return [finding for finding in found if finding.id == "odd-line"]


def test_a_host_without_odd_lines_is_told_nothing() -> None:
    assert _odd(users=accounts()) == []


def test_each_odd_line_is_named_once_with_its_place_and_what_is_odd() -> None:
    storage = replace(STORAGE, odd=(FSTAB, FSTAB))
    found = _odd(
        block=storage,
        units=UnitState({}, (), (UNIT,)),
        users=replace(accounts(), odd=(USER,)),
    )
    assert [finding.text for finding in found] == [
        "/etc/fstab:3 (block): field 5 is no number: UUID=1 /mnt/x ext4 rw, nofail",
        "/etc/systemd/system/vllm (copy).service (units): no unit can have this name",
        "line 7 of `getent passwd` (users): it has 3 fields instead of 7: b70:x:one",
    ]
    assert {finding.verdict for finding in found} == {Verdict.UNKNOWN}
    assert not any(finding.inhibits for finding in found)


def test_the_command_that_is_shown_finds_the_line(tmp_path: Path) -> None:
    odd = tmp_path / "odd (copy).conf"
    odd.write_bytes(b"one\ntwo\t\xe9\nthree\n")

    def shown(line: OddLine) -> str:
        return subprocess.run(
            look(line), shell=True, capture_output=True, text=True, check=True
        ).stdout

    assert shown(replace(FSTAB, place=str(odd), number=2)) == "two^IM-i$\n"
    assert "odd\\ (copy).conf" in shown(replace(UNIT, place=str(tmp_path)))
    assert "root:x:0:0" in shown(USER)
