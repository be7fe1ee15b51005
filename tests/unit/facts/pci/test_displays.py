"""Display controllers: which are cards of another kind, a processor's own, or a console."""

from __future__ import annotations

from pathlib import Path

import pytest

from facts.pci.displays import Display, Displays
from facts.value import ABSENT, Unknown
from tests.unit import gpu_tree
from tests.unit.fact_frame import SHELLS, read, run
from tests.unit.gpu_tree import Spec, build, write

ROOT = "pci0000:c0/0000:c0:01.1"


def put(root: Path, path: str, ids: str, kind: str = "0x030000", driver: str = "") -> None:
    """Add one PCI function, its path below /sys/devices, to a tree."""
    folder = root / "sys/devices" / path
    vendor, device = ids.split(":")
    for name, text in {"vendor": vendor, "device": device, "class": kind}.items():
        write(folder / name, f"0x{text.removeprefix('0x')}")
    if driver:
        target = root / "sys/bus/pci/drivers" / driver
        target.mkdir(parents=True, exist_ok=True)
        (folder / "driver").symlink_to(target)
    (root / "sys/bus/pci/devices" / folder.name).symlink_to(folder)


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    return build(tmp_path, Spec())


def others(root: Path) -> list[str]:
    return [f"{found.name} {found.bdf}" for found in run(Displays(), root) if found.is_other_card]


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_display_controller_is_listed_whoever_made_it(rig: Path, shell: list[str]) -> None:
    put(rig, f"{ROOT}/0000:c1:00.0/0000:c2:01.0/0000:c3:00.0", "8086:56a0")
    put(rig, "pci0000:60/0000:60:05.0/0000:68:00.0", "1a03:2000", driver="ast")
    put(rig, "pci0000:60/0000:60:05.0/0000:68:00.1", "1a03:2402", "0x0c0330")
    assert run(Displays(), rig, shell=shell) == (
        Display(gpu_tree.gpu_address(0), 0x8086, 0xE223, "xe", False),
        Display("0000:68:00.0", 0x1A03, 0x2000, "ast", False),
        Display("0000:c3:00.0", 0x8086, 0x56A0, ABSENT, False),
    )


@pytest.mark.parametrize(
    ("path", "ids", "kind", "name"),
    [
        (f"{ROOT}/0000:c1:00.0/0000:c2:01.0", "8086:56a0", "0x030000", "Intel 8086:56a0"),
        (f"{ROOT}/0000:c1:00.0/0000:c2:01.0", "8086:e211", "0x030000", "Intel Arc Pro B60"),
        (f"{ROOT}/0000:c1:00.0/0000:c2:00.0", "1002:73bf", "0x030000", "AMD 1002:73bf"),
        (ROOT, "10de:2204", "0x030000", "NVIDIA 10de:2204"),
        (ROOT, "10de:20b5", "0x030200", "NVIDIA 10de:20b5"),
        (ROOT, "8086:56c0", "0x038000", "Intel 8086:56c0"),
        (ROOT, "1ed5:0327", "0x030000", "GPU 1ed5:0327"),
        ("pci0000:00", "10de:2204", "0x030000", "NVIDIA 10de:2204"),
    ],
)
def test_another_card_is_told_whoever_made_it(
    rig: Path, path: str, ids: str, kind: str, name: str
) -> None:
    put(rig, f"{path}/0000:c4:00.0", ids, kind)
    put(rig, f"{path}/0000:c4:00.1", ids.split(":")[0] + ":0001", "0x040300")
    assert others(rig) == [f"{name} 0000:c4:00.0"]


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("pci0000:00/0000:00:02.0", "8086:7d67"),
        ("pci0000:00/0000:00:01.0", "1002:9874"),
        ("pci0000:60/0000:60:05.0/0000:68:00.0", "1a03:2000"),
        ("pci0000:60/0000:60:1c.4/0000:63:00.0", "102b:0538"),
        ("pci0000:00/0000:00:01.0", "1234:1111"),
        ("pci0000:00/0000:00:02.0/0000:05:00.0", "1af4:1050"),
    ],
)
def test_a_processors_own_gpu_and_a_console_are_no_cards(rig: Path, path: str, ids: str) -> None:
    put(rig, path, ids)
    assert others(rig) == []


def test_the_gpu_of_an_amd_processor_is_known_by_what_sits_beside_it(rig: Path) -> None:
    bridge = "pci0000:00/0000:00:08.1"
    put(rig, f"{bridge}/0000:0c:00.0", "1002:164e", driver="amdgpu")
    put(rig, f"{bridge}/0000:0c:00.1", "1002:1640", "0x040300")
    assert others(rig) == ["AMD 1002:164e 0000:0c:00.0"]
    put(rig, f"{bridge}/0000:0c:00.2", "1022:1649", "0x108000")
    assert others(rig) == []


def test_a_virtual_function_is_no_card_of_its_own(tmp_path: Path) -> None:
    build(tmp_path, Spec(device=0xE211, physfn="0000:03:00.9"))
    assert others(tmp_path) == []


def test_a_host_without_any_display_controller_has_none(tmp_path: Path) -> None:
    assert run(Displays(), build(tmp_path)) == ()


@pytest.mark.parametrize(
    "line",
    ["0000:03:00.0", "0000:03:00.0 0x8086 - - slot", "0000:03:00.0 0x8086 0xe223 xe somewhere"],
)
def test_a_line_that_is_no_display_controller_is_unknown(line: str) -> None:
    assert isinstance(read(Displays(), {"displays": f"{line}\n"}), Unknown)
