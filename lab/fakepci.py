"""The PCI side of a fake rig: /sys/bus/pci, ports and cards, DRM, hwmon and debugfs nodes.

Every file is a constant: no driver, nothing reacts. Layout and modes: kernel
Documentation/ABI/testing/sysfs-bus-pci; drivers/gpu/drm/xe: xe_device_sysfs.c,
xe_survivability_mode.c, xe_ttm_vram_mgr.c. Power limits, temperatures and counters are made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lab.rigshape import Card, RigShape, driven, first_bus, gpu_address, present
from lab.tree import File, Link, Tree

#: What the kernel prints for a PCIe generation (drivers/pci/probe.c, pci_speed_string).
SPEEDS: Final = {
    1: "2.5 GT/s PCIe",
    2: "5.0 GT/s PCIe",
    3: "8.0 GT/s PCIe",
    4: "16.0 GT/s PCIe",
    5: "32.0 GT/s PCIe",
    6: "64.0 GT/s PCIe",
}
#: VRAM that the driver manages, in MiB, with ECC off.
VRAM_MIB: Final = 32_656
#: GPU function, card upstream port, its downstream ports, HDMI audio (8086:...).
GPU, CARD_PORT, GPU_PORT, AUDIO_PORT, AUDIO = 0xE223, 0xE2FF, 0xE2F0, 0xE2F1, 0xE2F7


@dataclass(frozen=True, slots=True)
class _Function:
    """One PCI function: path below sys/devices, ids, link (current and highest), driver."""

    path: str
    vendor: int
    device: int
    cls: int
    link: tuple[str, int, str, int]
    driver: str | None = None
    status: str = "active"
    dead: bool = False
    extra: dict[str, File] = field(default_factory=dict)

    @property
    def bdf(self) -> str:
        return self.path.rsplit("/", 1)[1]


_INTERNAL: Final = (SPEEDS[1], 1, SPEEDS[1], 1)
#: All-ones configuration space (surprise removal, D3cold), as kernels 6.1 and 6.12 print it.
_ALL_ONES: Final = ("Unknown", 63, SPEEDS[6], 63)


def pci_tree(shape: RigShape) -> Tree:
    """Return the files and links of every PCI function and of the nodes of every driven card."""
    functions = list(_functions(shape))
    files: Tree = {}
    for function in functions:
        files.update(_function_files(function))
    folders = {function.bdf: function.path for function in functions}
    for index, card in driven(shape):
        bdf = gpu_address(shape, index)
        files.update(_card_nodes(shape, index, card, f"sys/devices/{folders[bdf]}"))
    return files


def _functions(shape: RigShape) -> Iterator[_Function]:
    if shape.switch:
        uplink = (SPEEDS[shape.switch.gen], shape.switch.width, SPEEDS[4], 16)
        yield _Function("pci0000:40/0000:40:01.0", 0x1022, 0x1483, 0x060400, uplink, "pcieport")
        yield _Function(
            "pci0000:40/0000:40:01.0/0000:41:00.0", 0x1000, 0xC010, 0x060400, uplink, "pcieport"
        )
    for index, card in enumerate(shape.cards):
        if card.health == "missing":
            yield _slot(shape, index, card, (SPEEDS[1], 0))
        else:
            yield from _card_functions(shape, index, card)
    console = not any(card.boot_vga for _, card in present(shape))
    yield _Function(
        "pci0000:60/0000:60:05.0/0000:68:00.0",
        0x1A03,
        0x2000,
        0x030000,
        _INTERNAL,
        "ast",
        extra={"boot_vga": File(f"{int(console)}\n")},
    )


def _slot(shape: RigShape, index: int, card: Card, link: tuple[str, int]) -> _Function:
    """Return the port that the card's slot hangs on: a root port, or a port of the switch."""
    if shape.switch:
        path = f"pci0000:40/0000:40:01.0/0000:41:00.0/0000:42:{index * 4:02x}.0"
        return _Function(path, 0x1000, 0xC010, 0x060400, (*link, SPEEDS[4], 16), "pcieport")
    path = f"pci0000:{card.root_bus:02x}/0000:{card.root_bus:02x}:01.1"
    limit = (SPEEDS[card.port_gen], card.port_width)
    return _Function(path, 0x1022, 0x14AB, 0x060400, (*link, *limit), "pcieport")


def _card_functions(shape: RigShape, index: int, card: Card) -> Iterator[_Function]:
    bus = first_bus(shape, index)
    dead = card.health == "dead"
    asleep = "suspended" if card.health == "suspended" else "active"
    slot = (SPEEDS[card.gen], card.width)
    above = _slot(shape, index, card, slot)
    yield above
    upstream = f"{above.path}/0000:{bus:02x}:00.0"
    # a sleeping card's slot link idles at its lowest speed
    current = (SPEEDS[1], card.width) if card.health == "suspended" else slot
    yield _Function(
        upstream,
        0x8086,
        CARD_PORT,
        0x060400,
        _ALL_ONES if dead else (*current, SPEEDS[5], 16),
        "pcieport",
        asleep,
        dead,
        {"link/l1_aspm": File("0\n", 0o644)},
    )
    internal = _ALL_ONES if dead else _INTERNAL
    for number, device in ((1, GPU_PORT), (2, AUDIO_PORT)):
        path = f"{upstream}/0000:{bus + 1:02x}:{number:02x}.0"
        yield _Function(path, 0x8086, device, 0x060400, internal, "pcieport", asleep, dead)
    yield _Function(
        f"{upstream}/0000:{bus + 1:02x}:01.0/0000:{bus + 2:02x}:00.0",
        0x8086,
        GPU,
        0x030000,
        internal,
        card.driver,
        asleep,
        dead,
        _gpu_attributes(index, card),
    )
    yield _Function(
        f"{upstream}/0000:{bus + 1:02x}:02.0/0000:{bus + 3:02x}:00.0",
        0x8086,
        AUDIO,
        0x040300,
        internal,
        "snd_hda_intel",
        asleep,
        dead,
    )


def _gpu_attributes(index: int, card: Card) -> dict[str, File]:
    base = 0x100_0000_0000 * (index + 1)
    small = 0xC000_0000 + (index << 27)
    bars = [
        (small, small + 0xFF_FFFF, 0x140204),
        (0, 0, 0),
        (base, base + (card.bar2_mib << 20) - 1, 0x14220C),
        *[(0, 0, 0)] * 10,
    ]
    files = {
        "resource": File("".join(f"0x{s:016x} 0x{e:016x} 0x{f:016x}\n" for s, e, f in bars)),
        "resource2_resize": File(
            "0000000000000000\n" if card.health == "dead" else "000000000000ff00\n", 0o644
        ),
        "boot_vga": File(f"{int(card.boot_vga)}\n"),
        "sriov_totalvfs": File("7\n"),
        "sriov_numvfs": File("0\n", 0o644),
        "link/l1_aspm": File("0\n", 0o644),
        "power/control": File(f"{card.power_control}\n", 0o644),
        "power_state": File("D3cold\n" if card.health == "suspended" else "D0\n"),
    }
    if card.driver == "xe" and card.health == "survivability":
        files["survivability_mode"] = File("Survivability mode type: Boot\n", 0o400)
    elif card.driver == "xe":
        files |= {
            "auto_link_downgrade_capable": File("1\n", 0o400),
            "auto_link_downgrade_status": File(f"{int(card.downgraded)}\n", 0o400),
            "vram_d3cold_threshold": File("300\n", 0o644),
            "tile0/physical_vram_size_bytes": File(f"0x{VRAM_MIB << 20:016x}\n"),
            "tile0/gt0/freq0/min_freq": File("400\n", 0o644),
            "tile0/gt0/freq0/max_freq": File("2800\n", 0o644),
            "tile0/gt0/freq0/cur_freq": File("400\n"),
            "tile0/gt0/freq0/act_freq": File("0\n"),
            "tile0/gt0/freq0/rp0_freq": File("2800\n"),
            "tile0/gt0/freq0/rpe_freq": File("1600\n"),
            "tile0/gt0/freq0/rpn_freq": File("400\n"),
        }
    return files


def _function_files(function: _Function) -> Tree:
    current, width, top, top_width = function.link
    folder = f"sys/devices/{function.path}"
    intel = function.vendor == 0x8086
    files: Tree = {
        "vendor": File(f"0x{function.vendor:04x}\n"),
        "device": File(f"0x{function.device:04x}\n"),
        "class": File(f"0x{function.cls:06x}\n"),
        "revision": File("0x00\n"),
        "subsystem_vendor": File("0x8086\n" if intel else "0x0000\n"),
        "subsystem_device": File("0x1701\n" if function.device == GPU else "0x0000\n"),
        "current_link_speed": File(f"{current}\n"),
        "current_link_width": File(f"{width}\n"),
        "max_link_speed": File(f"{top}\n"),
        "max_link_width": File(f"{top_width}\n"),
        "numa_node": File("0\n", 0o644),
        "local_cpulist": File("0-15\n"),
        "enable": File("1\n", 0o644),
        "d3cold_allowed": File("1\n", 0o644),
        "power_state": File("unknown\n" if function.dead else "D0\n"),
        "power/control": File("on\n", 0o644),
        "power/runtime_status": File(f"{function.status}\n"),
        "aer_dev_correctable": File(
            _counters("COR", "RxErr", "BadTLP", "BadDLLP", "Rollover", "Timeout")
        ),
        "aer_dev_nonfatal": File(_counters("NONFATAL", "Undefined", "DLP", "SDES")),
        "aer_dev_fatal": File(_counters("FATAL", "Undefined", "DLP", "SDES")),
    }
    files.update(function.extra)
    placed: Tree = {f"{folder}/{name}": content for name, content in files.items()}
    placed[f"{folder}/subsystem"] = Link("sys/bus/pci")
    placed[f"sys/bus/pci/devices/{function.bdf}"] = Link(folder)
    if function.driver:
        driver = f"sys/bus/pci/drivers/{function.driver}"
        placed[f"{folder}/driver"] = Link(driver)
        placed[f"{driver}/{function.bdf}"] = Link(folder)
    return placed


def _counters(total: str, *names: str) -> str:
    return "".join(f"{name} 0\n" for name in (*names, f"TOTAL_ERR_{total}"))


def _card_nodes(shape: RigShape, index: int, card: Card, base: str) -> Tree:
    """Return DRM, hwmon and debugfs nodes of a driven card; `base` is its PCI folder."""
    bdf = gpu_address(shape, index)
    files: Tree = {}
    # numbering starts at card1: card0 is the board's own console
    for node, minor in ((f"card{index + 1}", index + 1), (f"renderD{128 + index}", 128 + index)):
        files[f"{base}/drm/{node}/dev"] = File(f"226:{minor}\n")
        files[f"{base}/drm/{node}/device"] = Link(base)
        files[f"sys/class/drm/{node}"] = Link(f"{base}/drm/{node}")
    hwmon = f"hwmon{3 + index}"
    values = {
        "name": "xe",
        "power1_max": "275000000",
        "power1_cap": "275000000",
        "power1_rated_max": "230000000",
        "energy1_input": "123456789",
        "energy2_input": "98765432",
        "temp2_input": "41000",
        "temp2_label": "pkg",
        "temp3_input": "50000",
        "temp3_label": "vram",
        "fan1_input": "1100",
    }
    for name, value in values.items():
        mode = 0o644 if name in ("power1_max", "power1_cap") else 0o444
        files[f"{base}/hwmon/{hwmon}/{name}"] = File(f"{value}\n", mode)
    files[f"{base}/hwmon/{hwmon}/device"] = Link(base)
    files[f"sys/class/hwmon/{hwmon}"] = Link(f"{base}/hwmon/{hwmon}")
    visible = min(card.bar2_mib, VRAM_MIB)
    files[f"sys/kernel/debug/dri/{bdf}/vram0_mm"] = File(
        vram_manager(card.idle_vram_mib, visible), 0o400
    )
    files[f"sys/kernel/debug/dri/{bdf}/gt0/uc/guc_info"] = File(
        "GuC firmware: xe/bmg_guc_70.bin\n\tstatus: RUNNING\n"
        f"\tversion: wanted {shape.guc_wanted or shape.guc}, found {shape.guc}\n",
        0o400,
    )
    return files


def vram_manager(used_mib: int, visible_mib: int) -> str:
    """Return what the kernel prints in debugfs for the VRAM manager.

    Order and wording: drivers/gpu/drm/ttm/ttm_resource.c (ttm_resource_manager_debug), then
    drivers/gpu/drm/xe/xe_ttm_vram_mgr.c (xe_ttm_vram_mgr_debug) and drivers/gpu/drm/drm_buddy.c.

    Args:
        used_mib: VRAM in use.
        visible_mib: part of VRAM that the CPU can see through BAR 2.
    """
    free = VRAM_MIB - used_mib
    return (
        "  use_type: 1\n"
        "  use_tt: 0\n"
        f"  size: {VRAM_MIB << 20}\n"
        f"  usage: {used_mib << 20}\n"
        "default_page_size: 4KiB\n"
        f"visible_avail: {max(visible_mib - used_mib, 0)}MiB\n"
        f"visible_size: {visible_mib}MiB\n"
        f"chunk_size: 4KiB, total: {VRAM_MIB}MiB, free: {free}MiB, clear_free: 0MiB\n"
        f"order-18 free: {free}MiB, blocks: {free // 1024}\n"
        f"man size:{VRAM_MIB << 20}\n"
    )
