"""The B70's name as Intel's compute runtime prints it, whatever other GPUs clinfo lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from facts.pci.clinfo import Clinfo
from facts.value import Reading, Unknown
from gates.vocabulary import TermValue
from gates.world import build
from tests.given import given
from tests.unit import gpu_tree
from tests.unit.fact_frame import read
from tests.unit.gates.gate_rig import good, readings, rig

B70 = "Intel(R) Arc(TM) Pro B70 Graphics"
OWN = "Intel(R) Graphics"
FIRST, SECOND = gpu_tree.gpu_address(0), gpu_tree.gpu_address(1)
INTEL = ("Intel(R) OpenCL Graphics", "Intel(R) Corporation")
RUSTICL = ("rusticl", "Mesa/X.org")
POCL = ("Portable Computing Language", "The pocl project")


def device(name: str, bdf: str = "", kind: str = "GPU", **more: Any) -> dict[str, Any]:
    """Return a device as clinfo prints it."""
    said: dict[str, Any] = {
        "CL_DEVICE_NAME": name,
        "CL_DEVICE_TYPE": {"raw": 4, "type": [f"CL_DEVICE_TYPE_{kind}"]},
        "CL_DRIVER_VERSION": "26.31.39395",
        **more,
    }
    return said | ({"CL_DEVICE_PCI_BUS_INFO_KHR": f"PCI-E, {bdf}"} if bdf else {})


def named(
    folder: Path, *platforms: tuple[tuple[str, str], list[dict[str, Any]]], **changed: Any
) -> Reading[TermValue]:
    """Return gpu.device_name of a rig with two B70 where clinfo lists these platforms."""
    text = json.dumps(
        {
            "platforms": [
                {"CL_PLATFORM_NAME": name, "CL_PLATFORM_VENDOR": vendor}
                for (name, vendor), _ in platforms
            ],
            "devices": [{"online": devices} for _, devices in platforms],
        }
    )
    found = readings(good(folder, 2), clinfo=read(Clinfo(), f"clinfo\n{text}\n"))
    return build(rig(2), given(found | changed)).read("gpu.device_name")


def test_a_processors_own_gpu_does_not_hide_the_name_of_the_card(tmp_path: Path) -> None:
    listed = [device(B70), device(B70), device(OWN, CL_DEVICE_HOST_UNIFIED_MEMORY=True)]
    assert named(tmp_path, (INTEL, listed)) == B70


@pytest.mark.parametrize(
    ("own", "card"),
    [
        (device(OWN), device(B70)),
        (device("Intel(R) Graphics [0x7d67]"), device("Intel(R) Graphics [0xe223]")),
        (device("Intel(R) UHD Graphics 770", "0000:00:02.0"), device("Some new name", FIRST)),
        (device("Intel(R) Arc(TM) A770 Graphics", "0000:c3:00.0"), device(B70, SECOND)),
        (device(OWN, CL_DEVICE_HOST_UNIFIED_MEMORY=True), device("Some new name")),
        (device("Intel(R) Arc(TM) Pro B60 Graphics"), device(B70)),
        (device("Intel(R) Xeon(R) w5", kind="CPU"), device("Some new name")),
    ],
    ids=lambda said: said["CL_DEVICE_NAME"],
)
def test_another_device_of_the_same_runtime_is_told_apart(
    tmp_path: Path, own: dict[str, Any], card: dict[str, Any]
) -> None:
    assert named(tmp_path, (INTEL, [own, card])) == card["CL_DEVICE_NAME"]


@pytest.mark.parametrize("other", [RUSTICL, POCL], ids=lambda names: names[0])
def test_other_runtimes_have_no_say_in_the_name(tmp_path: Path, other: tuple[str, str]) -> None:
    mesa = (other, [device("Mesa Intel(R) Graphics (BMG G31)", FIRST)])
    assert named(tmp_path, mesa, (INTEL, [device(B70, FIRST)])) == B70
    assert isinstance(named(tmp_path / "alone", mesa), Unknown)


def test_two_platforms_of_intel_are_looked_through(tmp_path: Path) -> None:
    legacy = (("Intel(R) OpenCL HD Graphics", INTEL[1]), [device("Intel(R) UHD Graphics 630")])
    assert named(tmp_path, legacy, (INTEL, [device(B70)])) == B70


@pytest.mark.parametrize(
    "listed",
    [
        [],
        [device(OWN, CL_DEVICE_HOST_UNIFIED_MEMORY=True)],
        [device("Intel(R) UHD Graphics 770", "0000:00:02.0")],
        [device("one name", FIRST), device("another name", SECOND)],
        [device("one name"), device("another name")],
    ],
    ids=["no device", "own GPU", "own GPU by address", "two names of cards", "two names"],
)
def test_a_name_that_cannot_be_told_is_unknown(
    tmp_path: Path, listed: list[dict[str, Any]]
) -> None:
    assert isinstance(named(tmp_path, (INTEL, listed)), Unknown)


def test_without_a_list_of_cards_the_name_alone_decides(tmp_path: Path) -> None:
    listed = [device(B70, FIRST), device(OWN, "0000:00:02.0")]
    assert named(tmp_path, (INTEL, listed), gpu_link=Unknown("no answer")) == B70
