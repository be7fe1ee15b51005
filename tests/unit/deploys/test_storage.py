"""The storage and swap layers: silent where nothing is declared, in order where something is."""

from __future__ import annotations

from typing import Any

from declaration.host import Connection, HostSpec
from declaration.onhost import BUILD_SWAP
from deploys.storage import storage
from deploys.swap import MAKE_S, swap
from facts.packages.apt_sources import AptSources, AptSourceState
from facts.packages.dpkg import Loader, Package, Packages, PackageState
from facts.value import ABSENT
from tests.unit.base_facts import running, stat, units
from tests.unit.disk_facts import (
    DEVICES,
    GIB,
    POINT,
    area,
    device,
    disks,
    formatted,
    mount,
    rig,
    swaps,
)
from tests.unit.pyinfra_harness import Resource, run_deploy

DECLARED = {
    "storage": {
        "filesystems": {
            f"{POINT}/deep": {"serial": "S2"},
            POINT: {"serial": "S1", "format": "if_blank"},
        },
        "directories": {
            f"{POINT}/src": {"use": "sources"},
            f"{POINT}/llm-models": {"use": "models"},
        },
    },
    "swap": {"permanent": {"path": "/swap", "size_gib": 8}},
}


def spec(**changes: Any) -> HostSpec:
    return HostSpec.model_validate(
        {"name": "rig", "connection": Connection(address="192.0.2.1"), **changes}
    )


def packages() -> dict[type, Any]:
    there = Package(version="1", arch="amd64", status="installed", held=False, reinstall=False)
    return {
        Packages: PackageState({"e2fsprogs": there}, (), (), (), False, (), Loader((), {}, ())),
        AptSources: AptSourceState((), (), {}, (), {"lists": 1}, ABSENT, (), ()),
    }


def plan(layer: Any, facts: dict[Any, Any], **changes: Any) -> list[Resource]:
    return run_deploy(layer, facts, spec=spec(**changes), probe_root="")


def blank_disk() -> list[Resource]:
    """Return what a host gets whose disk is blank and declared."""
    declared = {"filesystems": {POINT: {"serial": "S1", "format": "if_blank"}}}
    return plan(storage, rig() | packages(), storage=declared)


def permanent_swap() -> list[Resource]:
    """Return what a host gets that declares swap and has none."""
    return plan(swap, rig(Block=disks(room={"/": 100 * GIB})), swap=DECLARED["swap"])


def serving_beside_build_swap() -> list[Resource]:
    """Return what happens on a host that serves while the swap of a build is on."""
    path = "/build.swap"
    facts = rig(
        Swap=swaps(area(path)),
        Units=units(vllm_x=running()),
        texts={BUILD_SWAP: f"active\n{path}\n".encode()},
        stats={path: stat(size=16 * GIB)},
    )
    return plan(swap, facts, swap={"build": {"path": path}})


def test_a_host_that_declares_nothing_has_no_resource_and_reads_no_fact() -> None:
    assert plan(storage, {}) == []
    assert plan(swap, {}) == []


def test_mounts_come_before_what_lies_on_them() -> None:
    one = {**DECLARED, "storage": {**DECLARED["storage"], "filesystems": {POINT: {"serial": "S1"}}}}
    facts = rig(Block=disks(mount(POINT)), DeviceContent=formatted()) | packages()
    assert [resource.name for resource in plan(storage, facts, **one)] == [
        "Packages[storage]",
        f"Filesystem[{POINT}]",
        f"Mount[{POINT}]",
        f"Directory[{POINT}/llm-models]",
        f"Directory[{POINT}/src]",
    ]


def test_the_whole_way_from_a_blank_disk_is_one_plan() -> None:
    declared = {
        "storage": {
            "filesystems": {POINT: {"serial": "S1", "format": "if_blank"}},
            "directories": {f"{POINT}/src": {"use": "sources"}},
        }
    }
    wanted = plan(storage, rig() | packages(), **declared)
    assert [bool(resource.commands) for resource in wanted] == [False, True, True, True]
    formats, mounts = wanted[1].commands[0], wanted[2].writes["/etc/fstab"].content.decode()
    uuid = mounts.split("UUID=")[-1].split()[0]
    assert uuid in formats


def test_an_outer_mount_comes_before_an_inner_one() -> None:
    second = device("vdc", number="254:32", serial="S2")
    facts = rig(Block=disks(devices=(*DEVICES, second)), DeviceContent=formatted()) | packages()
    names = [resource.name for resource in plan(storage, facts, **DECLARED)]
    assert names.index(f"Mount[{POINT}]") < names.index(f"Filesystem[{POINT}/deep]")


def test_swap_is_declared_by_its_file_and_by_what_may_not_run_beside_it() -> None:
    facts = rig(Block=disks(room={"/": 100 * GIB}))
    both = plan(swap, facts, **DECLARED)
    assert [resource.name for resource in both] == ["Swap[/swap]", "Swap[build:serving]"]
    only = plan(swap, facts, swap={"build": {"size_gib": 64}})
    assert [resource.name for resource in only] == ["Swap[build:serving]"]
    assert MAKE_S > 160 * 1024 / 100  # 160 GiB at 100 MB/s
