"""A small /sys with Battlemage cards for the probe's own tests: constants, nothing reacts."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

GTS = {0: "Unknown", 1: "2.5", 2: "5.0", 3: "8.0", 4: "16.0", 5: "32.0", 6: "64.0"}
ROOT_BUSES = (0x00, 0x80, 0xA0, 0xE0)


@dataclass
class Spec:
    """One card: (gen, width) of its link and of both ends, and what differs from a good B70."""

    link: tuple[int, int] = (5, 16)
    card: tuple[int, int] = (5, 16)
    port: tuple[int, int] = (5, 16)
    bar_mib: int = 32768
    driver: str | None = "xe"
    device: int = 0xE223
    bridge: int = 0xE2FF
    gpu_status: str = "active"
    bridge_status: str = "active"
    downgraded: bool = False
    survivability: str = ""
    physfn: str = ""
    guest: bool = False
    extra: dict[str, str] = field(default_factory=dict)


def speed(gen: int) -> str:
    return f"{GTS[gen]} GT/s PCIe" if gen else "Unknown"


def gpu_address(index: int, domain: str = "0000") -> str:
    return f"{domain}:{ROOT_BUSES[index] + 3:02x}:00.0"


def build(
    root: Path, *cards: Spec, uplink: tuple[int, int] | None = None, domain: str = "0000"
) -> Path:
    """Write root/sys and return root; with `uplink` all cards sit behind one switch."""
    (root / "sys/bus/pci/devices").mkdir(parents=True)
    for index, spec in enumerate(cards):
        _card(root, index, spec, uplink, domain)
    return root


def gpu_folder(root: Path, index: int, domain: str = "0000") -> Path:
    return (root / "sys/bus/pci/devices" / gpu_address(index, domain)).resolve()


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    path.chmod(mode)


def make_fifo(path: Path) -> None:
    """Replace a file by a FIFO: whoever opens it for reading never comes back."""
    path.unlink()
    os.mkfifo(path)


def _card(root: Path, index: int, spec: Spec, uplink: tuple[int, int] | None, domain: str) -> None:
    base = ROOT_BUSES[index]
    devices = root / "sys/devices"
    if spec.guest:
        top = devices / f"pci{domain}:{base:02x}"
        gpu = top / gpu_address(index, domain)
    else:
        if uplink:
            above = devices / f"pci{domain}:40/{domain}:40:01.0"
            _function(root, above, 0x1022, 0x1483, 0x060400, uplink, (5, 16))
            above = above / f"{domain}:41:00.0"
            _function(root, above, 0x1000, 0xC010, 0x060400, uplink, (4, 16))
            port = above / f"{domain}:42:{index * 4:02x}.0"
        else:
            port = devices / f"pci{domain}:{base:02x}/{domain}:{base:02x}:01.1"
        _function(root, port, 0x1022, 0x14AB, 0x060400, spec.link, spec.port)
        top = port / f"{domain}:{base + 1:02x}:00.0"
        status = spec.bridge_status
        _function(root, top, 0x8086, spec.bridge, 0x060400, spec.link, spec.card, status)
        for number, device in ((1, 0xE2F0), (2, 0xE2F1)):
            inner = top / f"{domain}:{base + 2:02x}:{number:02x}.0"
            _function(root, inner, 0x8086, device, 0x060400, (1, 1), (1, 1))
        audio = top / f"{domain}:{base + 2:02x}:02.0/{domain}:{base + 4:02x}:00.0"
        _function(root, audio, 0x8086, 0xE2F7, 0x040300, (1, 1), (1, 1))
        gpu = top / f"{domain}:{base + 2:02x}:01.0" / gpu_address(index, domain)
    _function(root, gpu, 0x8086, spec.device, 0x030000, (1, 1), (1, 1), spec.gpu_status)
    _gpu_files(root, gpu, index, spec)


def _function(
    root: Path,
    folder: Path,
    vendor: int,
    device: int,
    pci_class: int,
    link: tuple[int, int],
    top: tuple[int, int],
    status: str = "active",
) -> None:
    for name, text in {
        "vendor": f"0x{vendor:04x}",
        "device": f"0x{device:04x}",
        "class": f"0x{pci_class:06x}",
        "revision": "0x00",
        "subsystem_vendor": "0x8086",
        "subsystem_device": "0x1701",
        "current_link_speed": speed(link[0]),
        "current_link_width": str(link[1]),
        "max_link_speed": speed(top[0]),
        "max_link_width": str(top[1]),
        "numa_node": "-1",
        "power/control": "on",
        "power/runtime_status": status,
        "power_state": "D0",
        "d3cold_allowed": "1",
        "aer_dev_correctable": "RxErr 3\nBadTLP 1\nTOTAL_ERR_COR 4",
        "aer_dev_nonfatal": "Undefined 0\nTOTAL_ERR_NONFATAL 0",
        "aer_dev_fatal": "Undefined 0\nTOTAL_ERR_FATAL 0",
        "link/l1_aspm": "0",
    }.items():
        write(folder / name, text)
    entry = root / "sys/bus/pci/devices" / folder.name
    if not entry.is_symlink():
        entry.symlink_to(os.path.relpath(folder, entry.parent))


def _gpu_files(root: Path, gpu: Path, index: int, spec: Spec) -> None:
    start = 0x100_0000_0000 * (index + 1)
    window = f"0x{start:016x} 0x{start + (spec.bar_mib << 20) - 1:016x} 0x000000000014220c"
    nothing = " ".join(["0x" + "0" * 16] * 3)
    write(gpu / "resource", "\n".join([nothing, nothing, window, nothing]))
    write(gpu / "resource2_resize", "000000000000ff00")
    write(gpu / "boot_vga", "0")
    write(gpu / "sriov_totalvfs", "7")
    write(gpu / "sriov_numvfs", "0")
    if spec.driver:
        driver = root / "sys/bus/pci/drivers" / spec.driver
        driver.mkdir(parents=True, exist_ok=True)
        (gpu / "driver").symlink_to(os.path.relpath(driver, gpu))
    if spec.physfn:
        (gpu / "physfn").symlink_to(f"../{spec.physfn}")
        (gpu.parent / spec.physfn).mkdir(exist_ok=True)
    if spec.survivability:
        write(gpu / "survivability_mode", spec.survivability, 0o400)
    elif spec.driver == "xe":
        write(gpu / "auto_link_downgrade_capable", "1", 0o400)
        write(gpu / "auto_link_downgrade_status", str(int(spec.downgraded)), 0o400)
        write(gpu / "tile0/physical_vram_size_bytes", "0x00000007f9000000")
        write(gpu / f"hwmon/hwmon{3 + index}/name", "xe")
        write(gpu / f"hwmon/hwmon{3 + index}/power1_cap", "275000000")
        (gpu / f"drm/card{index + 1}").mkdir(parents=True)
        (gpu / f"drm/renderD{128 + index}").mkdir()
        vram = root / "sys/kernel/debug/dri" / gpu.name / "vram0_mm"
        write(vram, VRAM_MM.format(used=26 << 20), 0o400)
        (root / "sys/kernel/debug").chmod(0o700)
    for name, text in spec.extra.items():
        write(gpu / name, text)


#: Form of torvalds/linux drivers/gpu/drm/ttm/ttm_resource.c and xe/xe_ttm_vram_mgr.c.
VRAM_MM = (
    "  use_type: 1\n  use_tt: 0\n  size: 34242297856\n  usage: {used}\n"
    "default_page_size: 4KiB\nvisible_avail: 32628MiB\nvisible_size: 32656MiB\n"
    "chunk_size: 4KiB, total: 32656MiB, free: 32628MiB\nman size:34242297856"
)
