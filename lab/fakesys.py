"""A whole fake rig under one probe root: PCI tree, kernel, modules, DMI, settings, kernel log.

`tree()` is pure; `lab.tree.write()` puts the files somewhere. Serial numbers are made up, module
and firmware texts are in the form that the kernel prints (drivers/gpu/drm/xe/xe_uc_fw.c,
kernel/module/procfs.c).
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Final

from lab.fakepci import VRAM_MIB, pci_tree
from lab.rigshape import RigShape, gpu_address, present
from lab.tree import File, Tree

_TEMPLATES: Final = Path(__file__).parent / "templates"


def tree(shape: RigShape, boot_id: str, machine_id: str = "") -> Tree:
    """Return every file and link of a rig.

    Args:
        shape: the rig.
        boot_id: UUID of the simulated boot.
        machine_id: makes the DMI UUID unique; may be empty.
    """
    return {**pci_tree(shape), **_host(shape, boot_id, machine_id)}


def kernel_log(shape: RigShape) -> str:
    """Return the xe lines of the kernel log of this boot, as `journalctl -k` prints them."""
    lines = [f"Linux version {shape.osrelease}", f"Command line: {_cmdline(shape)}"]
    for index, card in present(shape):
        bdf = gpu_address(shape, index)
        if card.driver != "xe":
            continue
        if card.health == "survivability":
            lines.append(f"xe {bdf}: Survivability Boot Status : Critical Failure (8)")
            lines.append(f"xe {bdf}: In Survivability Mode")
            continue
        if card.bar2_mib < VRAM_MIB:
            lines.append(f"xe {bdf}: [drm] Failed to resize BAR2 to 32768M (-ENOENT)")
            lines.append(f"xe {bdf}: [drm] Small BAR device")
        lines.append(
            f"xe {bdf}: [drm] Using GuC firmware from xe/bmg_guc_70.bin version {shape.guc}"
        )
        if shape.guc_wanted:
            lines.append(
                f"xe {bdf}: [drm] GuC firmware ({shape.guc_wanted}) is recommended, "
                f"but only ({shape.guc}) was found in xe/bmg_guc_70.bin"
            )
        lines.append(f"xe {bdf}: [drm] Using HuC firmware from xe/bmg_huc.bin version 8.2.10")
        if card.health == "dead":
            lines.append(
                f"xe {bdf}: Unable to change power state from D3cold to D0, device inaccessible"
            )
    return "".join(
        f"Nov 20 08:31:0{min(i, 9)} rig kernel: {line}\n" for i, line in enumerate(lines)
    )


def _cmdline(shape: RigShape) -> str:
    return (
        f"BOOT_IMAGE=/boot/vmlinuz-{shape.osrelease} "
        f"root=UUID=7c1e5d2a-0b70-4b70-8b70-00000000b700 ro {shape.cmdline}"
    )


def _clinfo(shape: RigShape) -> str:
    """Return the stand-in's text; it finds the cards that a driver could start."""
    usable = sum(card.driver == "xe" and card.health == "ok" for _, card in present(shape))
    return (_TEMPLATES / "clinfo").read_text().replace("@CARDS@", str(usable))


def _host(shape: RigShape, boot_id: str, machine_id: str) -> Tree:
    modules = f"lib/modules/{shape.osrelease}"
    xe = f"{modules}/kernel/drivers/gpu/drm/xe/xe.ko.zst"
    files: Tree = {
        "proc/cmdline": File(_cmdline(shape) + "\n"),
        "proc/modules": File("xe 3182592 4 - Live 0x0000000000000000\n"),
        "proc/sys/kernel/osrelease": File(f"{shape.osrelease}\n"),
        "proc/sys/kernel/random/boot_id": File(f"{boot_id}\n"),
        "proc/sys/kernel/hardlockup_all_cpu_backtrace": File("0\n", 0o644),
        "proc/sys/kernel/hardlockup_panic": File("0\n", 0o644),
        "proc/sys/kernel/panic": File("0\n", 0o644),
        "proc/sys/kernel/panic_on_oops": File("0\n", 0o644),
        "proc/sys/kernel/softlockup_all_cpu_backtrace": File("0\n", 0o644),
        "proc/sys/kernel/softlockup_panic": File("0\n", 0o644),
        "proc/sys/kernel/sysrq": File("176\n", 0o644),
        "proc/sys/vm/min_free_kbytes": File("67584\n", 0o644),
        "proc/sys/vm/overcommit_memory": File("0\n", 0o644),
        "proc/sys/vm/swappiness": File("60\n", 0o644),
        "proc/sys/vm/vfs_cache_pressure": File("100\n", 0o644),
        f"{modules}/modules.alias": File(
            "# Aliases extracted from modules themselves.\n"
            "alias pci:v00008086d0000E20Bsv*sd*bc03sc*i* xe\n"
            "alias pci:v00008086d0000E223sv*sd*bc03sc*i* xe\n",
            0o644,
        ),
        f"{modules}/modules.dep": File("kernel/drivers/gpu/drm/xe/xe.ko.zst:\n", 0o644),
        xe: File("", 0o644),
        "sys/module/xe/refcnt": File("4\n"),
        "sys/module/xe/srcversion": File("85B7CA089405934276CBAD3\n"),
        "sys/module/pcie_aspm/parameters/policy": File(
            "[default] performance powersave powersupersave \n", 0o644
        ),
        "sys/class/dmi/id/board_name": File(f"{shape.board}\n"),
        "sys/class/dmi/id/board_vendor": File("ASRockRack\n"),
        "sys/class/dmi/id/bios_version": File("10.06\n"),
        "sys/class/dmi/id/product_name": File("b70lab\n"),
        "sys/class/dmi/id/product_serial": File(f"{shape.serial}\n", 0o400),
        "sys/class/dmi/id/product_uuid": File(
            f"{uuid.uuid5(uuid.NAMESPACE_OID, machine_id or shape.name)}\n", 0o400
        ),
        "journal-k.txt": File(kernel_log(shape), 0o644),
        "usr/bin/clinfo": File(_clinfo(shape), 0o755),
    }
    if shape.dram_ecc:
        files["sys/devices/system/edac/mc/mc0/mc_name"] = File("F1Ah_M00h\n")
        files["sys/devices/system/edac/mc/mc0/ce_count"] = File("0\n")
        files["sys/devices/system/edac/mc/mc0/ue_count"] = File("0\n")
    return files
