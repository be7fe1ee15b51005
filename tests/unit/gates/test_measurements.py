"""Measurement records count for their own boot, and a spoiled file spoils its kind alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from declaration.onhost import MEASUREMENTS
from facts.base import interpret
from facts.pci.aspm import AspmPolicy
from facts.system.measurements import MeasurementLog, Measurements
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import execute, plant, relocated

BOOT, BEFORE = "0b5e9a52-2f4b-4c1e-8a34-000000000001", "0b5e9a52-2f4b-4c1e-8a34-000000000000"


def record(boot: str, **values: Any) -> str:
    return json.dumps({"boot_id": boot, "taken": "2026-10-03T12:00:00Z", "values": values}) + "\n"


def log(root: Path, files: dict[str, str], boot: str = BOOT) -> MeasurementLog:
    """Run the probe against a tree of the test's own."""
    plant(root, {"/proc/sys/kernel/random/boot_id": boot + "\n"})
    plant(root, {f"{MEASUREMENTS}/{name}.json": text for name, text in files.items()})
    fact = Measurements()
    done = execute(
        relocated(fact.command(probe_root=str(root)), root, MEASUREMENTS.rsplit("/", 1)[0])
    )
    value = interpret(fact, done.stdout.split("\n"))
    assert isinstance(value, MeasurementLog), value
    return value


def test_the_newest_record_of_this_boot_counts(tmp_path: Path) -> None:
    text = record(BOOT, result="failed") + record(BOOT, result="passed")
    found = log(tmp_path, {"p2p-data": text}).on_this_boot("p2p-data")
    assert not isinstance(found, Unknown)
    assert found is not ABSENT
    assert found.values == {"result": "passed"}


def test_a_record_of_another_boot_never_counts_as_this_boot(tmp_path: Path) -> None:
    found = log(tmp_path, {"p2p-data": record(BEFORE, result="passed")})
    assert found.on_this_boot("p2p-data") is ABSENT
    assert found.latest("p2p-data") is not ABSENT


def test_without_a_boot_id_no_record_counts_as_this_boot(tmp_path: Path) -> None:
    plant(tmp_path, {f"{MEASUREMENTS}/p2p-data.json": record(BOOT, result="passed")})
    fact = Measurements()
    command = relocated(fact.command(probe_root=str(tmp_path)), tmp_path, "/var/lib/b70fleet")
    value = interpret(fact, execute(command).stdout.split("\n"))
    assert isinstance(value, MeasurementLog)
    assert isinstance(value.on_this_boot("p2p-data"), Unknown)


def test_no_records_at_all_is_absent(tmp_path: Path) -> None:
    assert log(tmp_path, {}).latest("memory-test") is ABSENT


@pytest.mark.parametrize(
    "line",
    [
        '{"boot_id": "',
        "[]",
        '{"boot_id": "", "taken": "x", "values": {}}',
        '{"values": {}}',
        '{"boot_id": "b", "taken": "t", "values": {"pairs": [1]}}',
    ],
)
def test_a_line_that_is_no_record_makes_its_kind_unknown_and_no_other(
    tmp_path: Path, line: str
) -> None:
    good = record(BOOT, result="passed")
    found = log(tmp_path, {"p2p-data": good + line + "\n", "memory-test": good})
    spoiled = found.on_this_boot("p2p-data")
    assert isinstance(spoiled, Unknown)
    assert "p2p-data.json:2 is no measurement" in spoiled.reason
    assert isinstance(found.latest("p2p-data"), Unknown)
    assert not isinstance(found.on_this_boot("memory-test"), Unknown)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("[default] performance powersave powersupersave\n", "default"),
        ("default performance powersave [powersupersave]\n", "powersupersave"),
    ],
)
def test_the_marked_aspm_policy_is_read(tmp_path: Path, text: str, policy: str) -> None:
    plant(tmp_path, {"/sys/module/pcie_aspm/parameters/policy": text})
    done = execute(AspmPolicy().command(probe_root=str(tmp_path)))
    assert interpret(AspmPolicy(), done.stdout.split("\n")) == policy


def test_a_kernel_without_aspm_has_no_policy(tmp_path: Path) -> None:
    done = execute(AspmPolicy().command(probe_root=str(tmp_path)))
    assert interpret(AspmPolicy(), done.stdout.split("\n")) is ABSENT


def test_a_policy_file_without_a_mark_is_unknown(tmp_path: Path) -> None:
    plant(tmp_path, {"/sys/module/pcie_aspm/parameters/policy": "default performance\n"})
    done = execute(AspmPolicy().command(probe_root=str(tmp_path)))
    assert isinstance(interpret(AspmPolicy(), done.stdout.split("\n")), Unknown)
