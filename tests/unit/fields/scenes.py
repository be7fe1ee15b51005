"""Hosts on which fields matter: one that is well in all, and some with something wrong in each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from declaration.host import HostSpec
from facts.disks.swap import SwapArea, SwapState
from facts.odd import OddLine
from facts.packages.apt_upgrade import Change, Pin
from facts.packages.dpkg import LockHolder
from facts.packages.mirrors import Mirror
from facts.packages.updaters import Updater, UpdaterState
from facts.pci.clinfo import ClDevice, ClPlatform
from facts.pci.displays import Display
from facts.pci.gpu_card import B70, Card
from facts.pci.gpu_log import CardLog, Fault, KernelLog
from facts.pci.xpu_smi_parse import Firmware, XpuDevice, XpuSmiReport
from facts.readings import Readings
from facts.system.clock import Sync
from facts.system.identity import Sudo
from facts.system.measurements import MeasurementLog
from facts.system.memory import Controller, MemoryState
from facts.system.sysctl_files import BootSettings
from facts.system.units import UnitState
from facts.value import ABSENT, Unknown
from fleet.preflight import inspect
from gates.engine import decide
from gates.rows import load
from gates.world import build
from tests.given import given
from tests.unit.base_facts import drop_ins, system
from tests.unit.fleet.preflight import test_kernel_packages as packages
from tests.unit.fleet.preflight import test_preflight as preflight
from tests.unit.fleet.preflight import test_settings
from tests.unit.gates import gate_rig, test_boots
from tests.unit.gates.gate_rig import GIB, NAME
from tests.unit.gpu_tree import Spec

#: Controller's clock in every scene, seconds since the epoch.
NOW: Final = 1_000.0
_ROWS: Final = load()


class Scene(NamedTuple):
    """A host: how it is declared and what its facts said."""

    name: str
    spec: HostSpec
    values: Mapping[str, object]

    def verdicts(self, **changed: object) -> object:
        """Return everything that a person is told and everything that is decided."""
        readings = given({**self.values, **changed})
        return decide(_ROWS, build(self.spec, readings)), inspect(self.spec, readings, NOW)


@cache
def scenes() -> tuple[Scene, ...]:
    """Return all scenes."""
    return (*_rigs(), *_boots(), *_packages(), *_files())


def _cards(*specs: Spec, **more: Any) -> tuple[Card, ...]:
    with TemporaryDirectory() as folder:
        return gate_rig.cards_of(Path(folder), *specs, **more)


def _rigs() -> Iterator[Scene]:
    well = _cards(Spec(), Spec(), Spec(), Spec())
    first, second, *_ = (card.bdf for card in well)
    values = {**_sick_host(), **gate_rig.readings(well), **_sick_cards([c.bdf for c in well])}
    yield Scene("good links", gate_rig.rig(4), values)
    sick = _cards(
        Spec(gpu_status="error", extra={"boot_vga": "1", "sriov_numvfs": "2"}),
        Spec(link=(5, 8), bar_mib=256, driver=None),
        Spec(survivability="Boot", device=B70),
        Spec(downgraded=True, link=(4, 16)),
    )
    without = {"clinfo", "xpu_smi"}
    alone = {name: value for name, value in values.items() if name not in without}
    yield Scene("sick cards", gate_rig.rig(4), {**alone, "gpu_link": sick})
    switch = _cards(Spec(), Spec(), uplink=(1, 16))
    grouped = tuple(replace(card, iommu_group=str(n)) for n, card in enumerate(switch))
    nodes = tuple(replace(card, numa_node=n) for n, card in enumerate(grouped))
    yield Scene("switch", gate_rig.rig(2), {**alone, "gpu_link": nodes})
    asleep = _cards(Spec(gpu_status="suspended", bridge_status="suspended", link=(1, 16)), Spec())
    dead = replace(asleep[1], hops=tuple(replace(hop, all_ones=True) for hop in asleep[1].hops))
    yield Scene("asleep and dead", gate_rig.rig(2), {**alone, "gpu_link": (asleep[0], dead)})
    told = {**values, "clinfo": _platforms(first, second, unified=ABSENT)}
    told["xpu_smi"] = _report(
        [card.bdf for card in well], state="survivability mode", version="2.2.0"
    )
    told["measurements"] = MeasurementLog(gate_rig.BOOT, (), {"memory-test": "it is cut off"})
    yield Scene("other names", gate_rig.rig(4), told)


def _sick_host() -> dict[str, object]:
    return {
        "identity": replace(preflight.WHO, uid=1000, user="rig", sudo=Sudo.REFUSED),
        "block": replace(
            preflight.STORAGE,
            root_read_only=True,
            room={"/": replace(preflight.ROOM, free=1, inodes_free=1), "/boot": preflight.ROOM},
        ),
        "clock": replace(preflight.CLOCK, epoch_ns=1, uptime_s=900.0, sync=Sync(False, "chrony")),
        "mirrors": (Mirror("http://x", "noble", "timed out"),),
        "updaters": UpdaterState(
            {
                "snapd": Updater("snapd", True, "all", (), ("snapd.service",)),
                "apt-daily": Updater("apt-daily", True, "all", ("blacklist",), ("x.timer",)),
            },
            (),
            "l",
        ),
    }


def _sick_cards(bdfs: list[str]) -> dict[str, object]:
    first, second, *_ = bdfs
    state = gate_rig.readings(())["packages"]
    return {
        "packages": replace(  # type: ignore[type-var]
            state, half_configured=("x",), locks=(LockHolder("/lock", 4, "apt"),), interrupted=True
        ),
        "measurements": gate_rig.measurements(
            host_submission={"launch_us": 5.0, "rms_norm_us": 9.0},
            p2p_data={"result": "passed", "every_pair": True},
            memory_test={"result": "passed", "tested_gib": 250},
            working_set={"profile": "minimax-m27-c1", "anon_gib": 8.3},
            sentinels={"toolchain": "6.17.0-29-generic_igc2.34.4"},
            faults={"bdf": second},
        ),
        "memory": MemoryState(
            60 * GIB, 50 * GIB, 0, 8 << 20, False, (Controller("mc0", "x", 200, 1),)
        ),
        "swap": SwapState(
            (
                SwapArea("/dev/sda3", "partition", 64 * GIB, 0, -2, ("sda3",)),
                SwapArea("/dev/zram0", "partition", GIB, 0, 100, ("zram0",)),
            ),
            (),
        ),
        "displays": (
            Display(first, 0x8086, B70, "xe", False),
            Display("0000:c3:00.0", 0x8086, 0x56A0, "i915", False),
            Display("0000:00:02.0", 0x8086, 0x7D67, "i915", True),
        ),
        "gpu_log": KernelLog(
            False,
            0,
            (Fault(first, "wedged", 2, "a line"),),
            tuple(
                CardLog(bdf, "70.44.1", "70.54.0", ABSENT, (Fault(bdf, "wedged", 2, "a line"),))
                for bdf in bdfs
            ),
        ),
        "units": UnitState({}, ("a.service",)),
        "clinfo": _platforms(first, second, unified=True),
        "xpu_smi": _report(bdfs, state="normal", version="2.4.0"),
    }


def _platforms(first: str, second: str, *, unified: Any) -> tuple[ClPlatform, ...]:
    kinds = ("CL_DEVICE_TYPE_GPU",)
    name = "A name of tomorrow" if unified is True else NAME
    devices = (
        ClDevice(name, kinds, "26.31", first if unified is True else ABSENT, False),
        ClDevice("Intel(R) Graphics", kinds, "26.31", ABSENT, unified),
        ClDevice("Intel(R) UHD", kinds, "26.31", "0000:00:02.0", False),
    )
    mesa = ClDevice("Mesa Intel(R) Graphics", kinds, "26.1", second, False)
    return (
        ClPlatform("Intel(R) OpenCL Graphics", "Intel(R) Corporation", devices),
        ClPlatform("rusticl", "Mesa/X.org", (mesa,)),
    )


def _report(bdfs: list[str], *, state: str, version: str) -> XpuSmiReport:
    one = XpuDevice(
        index=0,
        bdf=bdfs[0],
        pci_device_id=B70,
        function="physical",
        state=state,
        max_gen=5,
        max_width=16,
        ecc=False,
        ecc_pending=False,
        downgraded=False,
        firmware=(Firmware("gfx", "BMG__31.1058"),),
    )
    listed = [replace(one, index=n, bdf=bdf) for n, bdf in enumerate(bdfs)]
    more = [replace(one, index=8, bdf="0000:c3:00.0")]
    more.append(replace(one, index=9, bdf="0000:c3:00.1", function="virtual"))
    return XpuSmiReport(version=version, level_zero="1.33.0", devices=(*listed, *more))


def _boots() -> Iterator[Scene]:
    tainted = replace(preflight.KERNEL, secure_boot=True, taint=1 << 7)
    locked = replace(preflight.KERNEL, lockdown="integrity")
    for name, lines, disks in (
        ("armed", (f"saved_entry={test_boots.NEW_ID}", f"next_entry={test_boots.OLD_ID}"), "plain"),
        ("armed for ever", (f"next_entry={test_boots.OLD_ID}",), "lvm"),
        ("vanished", ("saved_entry=gone",), "plain"),
    ):
        block = test_boots.PLAIN if disks == "plain" else test_boots.LVM
        values = {
            **preflight.HEALTHY,
            "kernel": locked if name == "vanished" else tainted,
            "boot": replace(test_boots.host(*lines), reboot_required=("linux-image",)),
            "efi": test_boots.EFI,
            "block": block,
        }
        yield Scene(name, preflight.WITH_BOOT_SET, values)


def _packages() -> Iterator[Scene]:
    hwe, image = packages.HWE, packages.IMAGE
    path = "/etc/apt/preferences.d/kernel"
    state = packages.upgrade(
        full=packages.NEXT,
        plain=(Change(image, "7.0.0-31.31", "7.0.0-31.32"),),
        autoremove=(Change(image, "7.0.0-31.31", None),),
        holds=(hwe, packages.GA),
        pins=(Pin(path, 2, ("linux-generic*",), "version 7.0.0-31*", 1001),),
        written={hwe: packages.SINCE, path: packages.SINCE},
        policies={hwe: packages.behind("7.0.0-38.38", "7.0.0-35.35")},
    )
    installed = {name: v for name, v in packages.INSTALLED.items() if name != packages.GA}
    values = {
        "os": packages.UBUNTU,
        "kernel": packages.running(packages.OLD),
        "boot": packages.boot([packages.kernel(packages.OLD)]),
        "packages": packages.package_facts(installed, holds=state.holds),
    }
    unread = packages.upgrade(full=Unknown("E: broken"))
    yield Scene("upgrade", packages.SPEC, {**values, "apt_upgrade": state})
    yield Scene("upgrade of a set", packages.WITH_BOOT_SET, {**values, "apt_upgrade": state})
    yield Scene("no simulation", packages.WITH_BOOT_SET, {**values, "apt_upgrade": unread})


def _files() -> Iterator[Scene]:
    """Hosts with odd lines, with files that take a setting of ours back, and with a guard."""
    boot = replace(test_boots.host(), odd=(_odd("/etc/default/grub"),))
    values = {
        **preflight.HEALTHY,
        "boot": boot,
        "swap": SwapState((), (), (_odd("/proc/swaps"),)),
        "sysctl_files": BootSettings((), (), (_odd("/etc/sysctl.d/a.conf"),)),
        "updaters": UpdaterState(
            {"unattended-upgrades": preflight.UNATTENDED},
            (),
            "l",
            odd=(_odd("/etc/crontab"),),
            strict_whitelist=("openssl",),
        ),
        "os": system("ubuntu-24.04"),
        "packages": packages.package_facts(preflight.INSTALLED),
        "drop_ins": drop_ins(
            {
                test_settings.JOURNALD: "[Journal]\nStorage=persistent\n",
                test_settings.SITE: "[Journal]\nStorage=volatile\n",
                "/etc/needrestart/needrestart.conf": "$nrconf{restart} = 'a';\n",
                "/etc/needrestart/conf.d/b70fleet.conf": "$nrconf{restart} = 'l';\n",
            }
        ),
    }
    yield Scene("files", preflight.SPEC, values)


def _odd(place: str) -> OddLine:
    return OddLine(place, 3, "a line", "it is odd")


def readings(scene: Scene) -> Readings:
    """Return a scene's readings."""
    return given(scene.values)
