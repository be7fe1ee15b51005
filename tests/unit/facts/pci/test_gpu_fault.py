"""Fault lines by family: every one is counted for its card, and the shown command finds it again.

The texts have the form of torvalds/linux, of 6.1 to 7.x, and of reports of people with such cards.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from facts.pci.gpu_fault import address_of, grep, kind_of
from facts.pci.gpu_log import GpuLog
from facts.value import Unknown
from tests.unit.fact_frame import SHELLS, run
from tests.unit.gpu_tree import write

A, PORT = "0000:83:00.0", "0000:82:01.0"
BOOT = "Linux version 7.0.0-38-generic"
LOADED = f"xe {A}: [drm] Using GuC firmware from xe/bmg_guc_70.bin version 70.54.0"
CRASH = f"xe {A}: [drm] *ERROR* Tile0: GT0: GuC Crash dump notification"
WEDGED = f"xe {A}: [drm] *ERROR* CRITICAL: Xe has declared device {A} as wedged."

FAMILIES = [
    (WEDGED, "wedged"),
    (f"xe {A}: [drm] device wedged, needs recovery", "wedged"),
    (f"xe {A}: [drm] device wedged, but recovered through reset", "reset"),
    (f"xe {A}: Probe blocked for device [8086:e223].", "refused"),
    (f"xe {A}: Your graphics device e223 is not officially supported", "refused"),
    ("Module xe is blacklisted", "module"),
    ("xe: Unknown symbol drm_gpuvm_bo_put (err -2)", "module"),
    (f"xe {A}: probe with driver xe failed with error -105", "probe"),
    (f"xe: probe of {A} failed with error -12", "probe"),
    (f"pcieport {PORT}: Unable to change power state from D3cold to D0, device gone", "power"),
    (f"xe {A}: Refused to change power state from D0 to D3hot", "power"),
    (f"pci {A}: not ready 65535ms after bus reset; giving up", "power"),
    (f"xe {A}: [drm] *ERROR* device lost from bus!", "device-lost"),
    (f"pcieport {PORT}: pciehp: Slot(2): Link Down", "device-lost"),
    (f"pcieport {PORT}: pciehp: Slot(2): Card not present", "device-lost"),
    (f"xe {A}: [drm] *ERROR* GT1: load failed: status = 0x80007134, done = -1", "firmware"),
    (f"xe {A}: Direct firmware load for xe/bmg_guc_70.bin failed with error -2", "firmware"),
    (f"xe {A}: [drm] *ERROR* Tile0: GT1: HuC: authentication failed -EIO", "firmware"),
    (f"xe {A}: [drm] *ERROR* Tile0: GT0: Unsupported GuC v70.5.1! v70.19 needed", "firmware"),
    (f"xe {A}: [drm] *ERROR* GT0: firmware signature verification failed", "firmware"),
    (f"xe {A}: [drm] *ERROR* TLB invalidation fence timeout, seqno=4 recv=3", "tlb"),
    (f"xe {A}: [drm] *ERROR* GT0: GUC: TLB invalidation response timed out for 309", "tlb"),
    (f"xe {A}: [drm] *ERROR* Tile0: GT0: No forward process on H2G, reset required", "ct"),
    (f"xe {A}: [drm] *ERROR* Tile0: GT0: Timed out wait for G2H, fence 12, action 4502", "ct"),
    (f"xe {A}: [drm] *ERROR* GT0: GuC mmio request 0x4100: no reply 0x4100", "ct"),
    (f"xe {A}: [drm] *ERROR* Tile0: GT0: CT dequeue failed: -71", "ct"),
    (CRASH, "guc"),
    (f"xe {A}: [drm] *ERROR* Tile0: GT0: GuC Exception notification", "guc"),
    (f"xe {A}: [drm] *ERROR* Received early GuC crash dump notification!", "guc"),
    (f"xe {A}: [drm] *ERROR* [Hardware Error]: Tile0 reported NONFATAL error 0x20", "hardware"),
    (f"xe {A}: PCIe Bus Error: severity=Uncorrectable (Fatal), type=Transaction", "hardware"),
    (f"pcieport {PORT}: AER: device recovery failed", "hardware"),
    (f"xe {A}: [drm] Tile0: GT0: Engine memory cat error: engine_class=ccs", "memory"),
    (f"xe {A}: [drm] Tile0: GT0: Fault response: Unsuccessful -ENOENT", "memory"),
    (f"xe {A}: [drm] Failed to resize BAR2 to 32768M (-ENOSPC).", "small-bar"),
    ("mei_gsc xe.mei-gscfi.33536: timer: connect/disconnect timeout.", "management"),
    (f"xe {A}: [drm] Xe device coredump has been created", "coredump"),
    (f"xe {A}: [drm] Tile0: GT0: trying reset from guc_exec_queue_timedout_job [xe]", "reset"),
    (f"xe {A}: [drm] Tile0: GT0: Engine reset: engine_class=bcs, guc_id=2", "reset"),
    (f"xe {A}: [drm] Tile0: GT0: Check job timeout: seqno=12, guc_id=0, not started", "timeout"),
    (f"xe {A}: [drm] Tile0: GT0: Timedout job: seqno=12, flags=0x73 in no process", "timeout"),
    (f"xe {A}: [drm] *ERROR* Schedule disable failed to respond, guc_id=7", "timeout"),
    (f"AMD-Vi: Event logged [IO_PAGE_FAULT device={A} domain=0x0010 flags=0x0020]", "iommu"),
    ("DMAR: [DMA Read NO_PASID] Request device [83:00.0] fault addr 0xfd000000", "iommu"),
    ("WARNING: CPU: 6 PID: 867 at drivers/gpu/drm/xe/xe_gt_mcr.c:700 mcr_lock [xe]", "driver-bug"),
    ("WARNING: intel_dmc.c:701 at assert_dmc_loaded+0x19f/0x210 [xe], CPU#6: (udev)", "driver-bug"),
    ("RIP: 0010:xe_guc_exec_queue_add+0x3b/0x90 [xe]", "driver-bug"),
    (f"pci {A}: not ready 1023ms after bus reset; waiting", "reset"),
    (f"xe {A}: [drm] *ERROR* Tile0: GT0: hwe ccs0: emit_wa_job failed (-ETIME)", "error"),
    (f"xe {A}: [drm] *ERROR* a sentence that no kernel has said yet", "error"),
]
QUIET = [
    LOADED,
    f"xe {A}: vgaarb: VGA decodes changed: olddecodes=io+mem,decodes=none:owns=none",
    f"xe {A}: [drm] Found battlemage (device ID e223) discrete display version 14.01",
    f"xe {A}: [drm] Using default something",
    f"xe {A}: [drm] Attempting to resize bar from 256MiB -> 32768MiB",
    f"xe {A}: [drm] Registered 4 planes with drm panic",
    f"xe {A}: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)",
    f"xe {A}:   device [8086:e223] error status/mask=00000001/00002000",
    "WARNING: CPU: 2 PID: 12 at net/core/dev.c:1 dev_queue+0x1/0x2 [tun]",
    "Modules linked in: tun xe(OE) drm_buddy [last unloaded: i915]",
    "amdgpu 0000:0b:00.0: [drm] *ERROR* ring gfx timeout",
    "xen_netfront: failed to connect",
    "nvme nvme0: I/O 12 QID 3 timeout, reset controller",
]


def log_of(root: Path, *lines: str) -> Any:
    write(root / "journal-k.txt", "\n".join((BOOT, *lines)))
    return run(GpuLog(), root)


@pytest.mark.parametrize(("line", "kind"), FAMILIES)
def test_a_fault_line_is_told_by_its_family_and_not_by_a_closed_list(line: str, kind: str) -> None:
    assert kind_of(line) == kind
    assert kind_of(f"Nov 20 08:31:09 rig kernel: {line}") == kind


@pytest.mark.parametrize("line", QUIET)
def test_what_is_no_fault_of_a_card_is_not_counted(line: str) -> None:
    assert kind_of(line) is None


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_host_and_the_controller_agree_which_lines_are_faults(
    tmp_path: Path, shell: list[str]
) -> None:
    lines = [line for line, _ in FAMILIES]
    write(tmp_path / "journal-k.txt", "\n".join((BOOT, *lines, *QUIET)))
    log = run(GpuLog(), tmp_path, shell=shell)
    assert [(fault.line, fault.kind) for fault in log.faults] == FAMILIES


@pytest.mark.parametrize(("line", "kind"), FAMILIES)
def test_the_command_that_is_shown_finds_the_lines_that_were_counted(
    tmp_path: Path, line: str, kind: str
) -> None:
    log = log_of(tmp_path, line, line, *QUIET)
    command = grep([fault for fault in log.faults if fault.kind == kind])
    tool = tmp_path / "bin/journalctl"
    write(tool, f"#!/bin/sh\ncat {tmp_path}/journal-k.txt", 0o755)
    shown = subprocess.run(
        ["sh", "-c", command],
        env={"PATH": f"{tool.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert shown.stdout.splitlines() == [line, line]


def test_a_card_is_known_by_each_of_the_names_that_the_kernel_gives_it() -> None:
    assert address_of("mei_gsc xe.mei-gscfi.33536: timer: connect timeout.") == A
    assert address_of("DMAR: [DMA Write] Request device [83:00.0] fault addr 0x0") == A
    assert address_of("mei_gsc xe.mei-gscfi.2048: timer: connect timeout.") == "0000:08:00.0"


def test_a_crash_stands_until_a_reset_was_done_after_it(tmp_path: Path) -> None:
    done = f"xe {A}: [drm] Tile0: GT0: reset done"
    log = log_of(tmp_path, LOADED, CRASH)
    assert log.card(A).standing == ("guc",)
    log = log_of(tmp_path, LOADED, CRASH, done)
    assert log.card(A).standing == ("reset",)
    log = log_of(tmp_path, LOADED, CRASH, done, CRASH)
    assert log.card(A).standing == ("guc", "reset")
    log = log_of(tmp_path, LOADED, WEDGED, done)
    assert "wedged" in log.card(A).standing


@pytest.mark.parametrize(
    "line",
    [
        f"xe {A}: [drm] *ERROR* GT1: load failed: status: Reset = 0, BootROM = 0x1A, done = -1",
        f"xe {A}: probe with driver xe failed with error -71",
        WEDGED,
        CRASH,
    ],
)
def test_firmware_is_not_called_loaded_by_a_driver_that_failed(tmp_path: Path, line: str) -> None:
    card = log_of(tmp_path, LOADED, line).card(A)
    assert card.guc == card.guc_wanted == Unknown(f"the driver of {A} failed: {line}")
    assert card.failure.line == line


def test_a_driver_that_loaded_its_firmware_after_a_failure_counts_as_working(
    tmp_path: Path,
) -> None:
    failed = f"xe {A}: probe with driver xe failed with error -71"
    card = log_of(tmp_path, failed, LOADED).card(A)
    assert (card.guc, card.failure, card.standing) == ("70.54.0", None, ())
    assert len(card.faults) == 1


def test_a_fault_of_a_port_is_one_of_the_card_below_it(tmp_path: Path) -> None:
    line = f"pcieport {PORT}: Unable to change power state from D3cold to D0, device inaccessible"
    log = log_of(tmp_path, LOADED, line)
    assert log.card(A).standing == ()
    assert log.card(A, {PORT}).standing == ("power",)


def test_a_link_that_came_up_before_the_driver_did_is_no_fault_that_stands(tmp_path: Path) -> None:
    log = log_of(tmp_path, f"pcieport {PORT}: pciehp: Slot(2): Link Down", LOADED)
    assert log.card(A, {PORT}).standing == ()


def test_a_flood_of_resets_does_not_push_out_the_line_that_says_wedged(tmp_path: Path) -> None:
    flood = [f"xe {A}: [drm] Tile0: GT0: Engine reset: guc_id={n}" for n in range(1000)]
    log = log_of(tmp_path, LOADED, *flood, WEDGED)
    assert log.card(A).standing[0] == "wedged"
    assert log.dropped == 700
