"""The facts of a content rig, read from a fake sysfs where links are concerned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from declaration.hardware import CardSlot, Hardware
from declaration.host import Connection, HostSpec
from declaration.profile import Needs, Profile
from declaration.stack import LevelZeroLoader, PackageSet, Stack
from facts.boot.kernel import Kernel, ModprobeXe, RunningKernel
from facts.disks.swap import Swap, SwapArea, SwapState
from facts.packages.apt_policy import Available, Origin, Policy
from facts.packages.dpkg import Loader, Package, Packages, PackageState
from facts.pci.aspm import AspmPolicy
from facts.pci.gpu import Gpu, Gpus, GpuState, Vram
from facts.pci.gpu_card import B70, Card
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_log import CardLog, GpuLog, KernelLog
from facts.system.measurements import Measurement, MeasurementLog, Measurements
from facts.system.memory import Memory, MemoryState
from facts.system.network import DefaultRoute, Network, NetworkState
from facts.system.units import Units, UnitState
from facts.value import ABSENT
from gates.engine import decide
from gates.model import Decision
from gates.rows import load
from gates.world import build
from tests.given import given
from tests.unit import gpu_tree
from tests.unit.fact_frame import run

BOOT = "0b5e9a52-2f4b-4c1e-8a34-000000000001"
GIB = 1 << 30
#: VRAM of a B70 with ECC off
VRAM = 34_242_297_856
NAME = "Intel(R) Arc(TM) Pro B70 Graphics"


def rig(cards: int = 4, **more: Any) -> HostSpec:
    slots = tuple(CardSlot(slot=str(n + 1), bdf=gpu_tree.gpu_address(n)) for n in range(cards))
    return HostSpec(
        **{
            "name": "rig-a",
            "connection": Connection(address="192.0.2.1"),
            "hardware": Hardware(cards=slots),
            "stack": Stack(
                name="sample",
                userspace=PackageSet(packages={"intel-opencl-icd": "26.18.38308.1-0"}),
                loader=LevelZeroLoader(
                    owner="level-zero", version="1.28.2", shim_version="1.28.2-local1"
                ),
                kernels=("6.17.0-*",),
                device_name=NAME,
            ),
            "profile": Profile(
                name="minimax-m27-c1",
                family="minimax",
                needs=Needs(cards=cards, tensor_parallel=cards),
                max_model_len=32_768,
                compile_sizes=(1,),
                model_path="/mnt/fast-ai/minimax",
            ),
            **more,
        }
    )


def cards_of(tmp_path: Path, *specs: gpu_tree.Spec, **more: Any) -> tuple[Card, ...]:
    found = run(GpuLinks(), gpu_tree.build(tmp_path, *specs, **more))
    assert isinstance(found, tuple), found
    return found


def measurements(**kinds: Mapping[str, Any]) -> MeasurementLog:
    records = tuple(
        Measurement(
            kind.replace("_", "-"), values.get("boot", BOOT), "2026-10-03T12:00:00Z", values
        )
        for kind, values in kinds.items()
    )
    return MeasurementLog(BOOT, records, {})


def readings(cards: tuple[Card, ...], **changed: Any) -> dict[str, object]:
    """Return the facts of a content rig with these cards; `domain=value` changes one."""
    bdfs = [card.bdf for card in cards]
    package = Package("1.28.2", "installed", "amd64", False, False)
    installed = {
        "level-zero": package,
        "intel-opencl-icd": replace(package, version="26.18.38308.1-0"),
        "intel-igc-core-2": replace(package, version="2.34.4"),
    }
    found: dict[str, object] = {
        AspmPolicy.domain: "default",
        GpuLinks.domain: cards,
        Gpus.domain: GpuState(
            "xe", tuple(Gpu(b, B70, "xe", Vram(VRAM, 26 << 20, 32656)) for b in bdfs)
        ),
        GpuLog.domain: KernelLog(
            True, 0, (), tuple(CardLog(b, "70.54.0", ABSENT, ABSENT, ()) for b in bdfs)
        ),
        Kernel.domain: RunningKernel(
            release="6.17.0-29-generic",
            cmdline="quiet xe.disable_display=1",
            tokens=("quiet", "xe.disable_display=1"),
            boot_id=BOOT,
            xe=ABSENT,
            modprobe=ModprobeXe({}, (), (), ()),
            knows_b70=True,
            secure_boot=ABSENT,
            taint=0,
            lockdown=ABSENT,
        ),
        Measurements.domain: measurements(),
        Memory.domain: MemoryState(256 * GIB, 250 * GIB, 0, ABSENT, True, ()),
        Network.domain: NetworkState((DefaultRoute("eno1", 4, "192.0.2.254", 100),), {}),
        Packages.domain: PackageState(
            installed, (), (), (), False, (), Loader(("level-zero",), {}, ("libze_loader.so.1",))
        ),
        Swap.domain: SwapState(
            (SwapArea("/dev/sda3", "partition", 64 * GIB, 0, -2, ("sda3",)),), ()
        ),
        Units.domain: UnitState({}, ()),
        "apt_policy": {"libze1": offer("1.28.0-1~24.04~ppa1")},
    }
    return found | changed


def offer(*versions: str, local: str = "") -> Policy:
    archive = Origin(index="ppa", priority=500, site="ppa.example")
    offered = [Available(version, 500, (archive,), None) for version in versions]
    offered += [Available(local, 100, (), None)] if local else []
    return Policy(ABSENT, ABSENT, ABSENT, tuple(offered))


def decisions(spec: HostSpec, found: Mapping[str, object]) -> dict[str, Decision]:
    return {decision.id: decision for decision in decide(load(), build(spec, given(found)))}


def good(tmp_path: Path, count: int = 4) -> tuple[Card, ...]:
    return cards_of(tmp_path, *[gpu_tree.Spec() for _ in range(count)])
