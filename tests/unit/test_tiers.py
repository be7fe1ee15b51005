"""Specification of what `make test` says at its end."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from bench import calibration
from bench.calibration import Calibration
from tests import tiers

QUICK = Calibration(0.5, 0.6, 2)


def test_each_tier_is_shown_with_its_time_and_a_calibration_to_compare_machines_by() -> None:
    said = tiers.table([tiers.Tier("unit", 97, QUICK, 0), tiers.Tier("ssh", 500.4, QUICK, 0)])
    assert [line.split()[:2] for line in said.splitlines()] == [
        ["tier", "time"],
        ["unit", "1:37"],
        ["ssh", "8:20"],
        ["all", "9:57"],
    ]
    assert "0.50 s alone, 0.60 s on 2 cores at once" in said
    assert said.splitlines()[1].endswith(f"{97 / 0.6:.0f}")


def test_a_failed_tier_ends_the_run_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def make(words: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(words[-1])
        return subprocess.CompletedProcess(words, 2 if words[-1] == "ssh" else 0)

    monkeypatch.setattr(calibration, "measure", lambda: QUICK)
    monkeypatch.setattr(subprocess, "run", make)
    done = tiers.run(["unit", "ssh", "vm"])
    assert asked == ["unit", "ssh"]
    assert done[-1].status == 2
    assert tiers.table(done).splitlines()[2].endswith("failed")


def test_the_calibration_is_the_same_work_each_time() -> None:
    assert calibration.work(2) == calibration.work(2) != calibration.work(3)
