"""VRAM, module alias and kernel log of the cards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.base import interpret
from facts.pci.gpu import Gpus, Vram
from facts.pci.gpu_fault import FAILURE, FAULTS, HARMLESS, SPEAKERS
from facts.pci.gpu_log import GpuLog
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import NOBODY, SHELLS, finished, run
from tests.unit.gpu_tree import VRAM_MM, Spec, build, gpu_address, make_fifo, write

RELEASE = "6.17.0-29-generic"
A, B = "0000:23:00.0", "0000:27:00.0"
BOOT = f"Linux version {RELEASE}"
LOADED = "xe {bdf}: [drm] Tile0: GT0: Using GuC firmware from xe/bmg_guc_70.bin version {version}"
OLD = (
    "xe {bdf}: [drm] GuC firmware (70.54.0) is recommended, but only (70.44.1) was found in "
    "xe/bmg_guc_70.bin"
)


@pytest.fixture
def root() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="b70-probe."))
    folder.chmod(0o755)
    write(folder / "proc/sys/kernel/osrelease", RELEASE)
    aliases = (
        "# Aliases extracted from modules themselves.\n"
        "alias pci:v00008086d0000E211sv*sd*bc03sc*i* xe\n"
        "alias pci:v00008086d0000E223sv*sd*bc03sc*i* xe"
    )
    write(folder / f"lib/modules/{RELEASE}/modules.alias", aliases)
    yield folder
    shutil.rmtree(folder)


def manager(root: Path, index: int) -> Path:
    return root / "sys/kernel/debug/dri" / gpu_address(index) / "vram0_mm"


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_idle_vram_comes_from_debugfs_in_every_shell(root: Path, shell: list[str]) -> None:
    build(root, Spec(), Spec())
    write(manager(root, 1), VRAM_MM.format(used=(139 << 20) + 1))
    found = run(Gpus(), root, shell=shell)
    assert found.b70_module == "xe"
    assert [card.bdf for card in found.cards] == ["0000:03:00.0", "0000:83:00.0"]
    assert found.cards[0].vram == Vram(34_242_297_856, 26 << 20, 32656)
    assert [card.vram.used_mib for card in found.cards] == [26, 140]
    assert found.card("0000:83:00.0").driver == "xe"
    assert found.card("0000:a3:00.0") is None


def test_vram_is_unknown_to_another_user_and_never_zero(root: Path) -> None:
    build(root, Spec())
    (card,) = run(Gpus(), root, uid=NOBODY).cards
    assert card.vram == Unknown("debugfs cannot be read (it needs root)")


def test_vram_of_a_sleeping_card_is_not_opened(root: Path) -> None:
    build(root, Spec(gpu_status="suspended"), Spec())
    make_fifo(manager(root, 0))
    asleep, awake = run(Gpus(), root).cards
    assert asleep.vram == Unknown("not read, because it would wake the card")
    assert isinstance(awake.vram, Vram)


def test_the_debugfs_names_of_other_kernels_are_understood(root: Path) -> None:
    build(root, Spec(), Spec())
    folder = manager(root, 0).parent
    (folder / "tile0").mkdir()
    (folder / "vram0_mm").rename(folder / "tile0/vram_mm")
    numbered = folder.parent / "1"
    manager(root, 1).parent.rename(numbered)
    write(numbered / "name", f"xe dev={gpu_address(1)} unique={gpu_address(1)}")
    assert [card.vram.used_mib for card in run(Gpus(), root).cards] == [26, 26]


@pytest.mark.parametrize("content", ["", "nonsense", "  size: many\n  usage: few", "  size: 1"])
def test_an_odd_memory_manager_is_unknown(root: Path, content: str) -> None:
    build(root, Spec())
    write(manager(root, 0), content)
    assert isinstance(run(Gpus(), root).cards[0].vram, Unknown)


def test_an_unbound_card_has_no_memory_manager_and_no_driver(root: Path) -> None:
    build(root, Spec(driver=None))
    (card,) = run(Gpus(), root).cards
    assert card.driver is ABSENT
    assert card.vram == Unknown("debugfs shows no memory manager for this card")


def test_the_only_driver_that_may_bind_a_card_is_read_with_the_file_that_sets_it(
    root: Path,
) -> None:
    build(
        root,
        Spec(driver="vfio-pci", extra={"driver_override": "vfio-pci"}),
        Spec(extra={"driver_override": "(null)"}),
        Spec(driver=None, extra={"driver_override": "vfio-pci"}),
    )
    write(root / "etc/driverctl.d" / gpu_address(2), "vfio-pci")
    first, second, third = run(Gpus(), root).cards
    assert (first.override, first.override_file) == ("vfio-pci", ABSENT)
    assert (second.override, second.override_file) == (ABSENT, ABSENT)
    assert third.override_file == f"/etc/driverctl.d/{gpu_address(2)}"


def test_a_kernel_that_does_not_know_e223_has_no_module_for_it(root: Path) -> None:
    build(root)
    write(root / f"lib/modules/{RELEASE}/modules.alias", "alias pci:v00008086d0000E211sv* xe")
    assert run(Gpus(), root).b70_module is ABSENT


def test_a_missing_module_index_is_unknown_and_not_absent(root: Path) -> None:
    build(root)
    (root / f"lib/modules/{RELEASE}/modules.alias").unlink()
    assert run(Gpus(), root).b70_module == Unknown(
        f"there is no /lib/modules/{RELEASE}/modules.alias"
    )


def test_gpu_output_cut_at_any_line_is_unknown(root: Path) -> None:
    build(root, Spec(), Spec())
    text = "A -\n" + "".join(
        f"C {gpu_address(i)} 0xe223 active xe\nM size: 5\nM usage: 1\n" for i in range(2)
    )
    lines = [*text.rstrip("\n").split("\n"), "E 2"]
    assert len(interpret(Gpus(), finished("\n".join(lines))).cards) == 2
    for count in range(len(lines)):
        assert isinstance(interpret(Gpus(), finished("\n".join(lines[:count]))), Unknown)


@given(st.text(max_size=300))
def test_gpu_garbage_is_unknown(text: str) -> None:
    assert isinstance(interpret(Gpus(), finished(text)), Unknown)
    assert isinstance(interpret(GpuLog(), finished(text)), Unknown)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_firmware_found_and_wanted_are_told_per_card(root: Path, shell: list[str]) -> None:
    write(
        root / "journal-k.txt",
        "\n".join(
            [
                BOOT,
                LOADED.format(bdf=A, version="70.44.1"),
                OLD.format(bdf=A),
                LOADED.format(bdf=B, version="70.54.0"),
                f"xe {B}: [drm] Using HuC firmware from xe/bmg_huc.bin version 8.2.10",
                "usb 1-1: new device",
            ]
        ),
    )
    log = run(GpuLog(), root, shell=shell)
    assert log.from_boot is True
    assert (log.card(A).guc, log.card(A).guc_wanted) == ("70.44.1", "70.54.0")
    assert (log.card(B).guc, log.card(B).guc_wanted, log.card(B).huc) == (
        "70.54.0",
        ABSENT,
        "8.2.10",
    )
    assert log.card(A).faults == log.card(B).faults == ()


def test_a_reloaded_driver_shows_the_firmware_that_runs_now(root: Path) -> None:
    lines = [BOOT, *(LOADED.format(bdf=A, version=v) for v in ("70.44.1", "70.72.1", "70.44.1"))]
    write(root / "journal-k.txt", "\n".join(lines))
    assert run(GpuLog(), root).card(A).guc == "70.44.1"


def test_time_stamps_in_front_of_the_lines_do_not_matter(root: Path) -> None:
    write(
        root / "journal-k.txt",
        f"[    0.000000] {BOOT}\n[   12.3] {LOADED.format(bdf=A, version='70.1.2')}",
    )
    assert run(GpuLog(), root).card(A).guc == "70.1.2"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f"xe {A}: [drm] *ERROR* CRITICAL: Xe has declared device {A} as wedged.", "wedged"),
        (f"xe {A}: [drm] device wedged, needs recovery", "wedged"),
        (f"xe {A}: Survivability Boot Status : Critical Failure (3)", "survivability"),
        (f"xe {A}: In Survivability Mode", "survivability"),
        (f"xe {A}: Runtime Survivability mode enabled", "survivability"),
        (f"xe {A}: [drm] Failed to resize BAR2 to 32768M (-ENOENT)", "small-bar"),
        (f"xe {A}: [drm] Small BAR device", "small-bar"),
        (f"xe {A}: [drm] Tile0: GT0: Engine reset: engine_class=ccs, logical_mask: 0x1", "reset"),
        (
            f"xe {A}: Unable to change power state from D3cold to D0, device inaccessible",
            "power",
        ),
        (f"xe {A}: Runtime PM usage count underflow!", "driver-bug"),
        (f"xe {A}: [drm] Fault response: Unsuccessful -ENOENT", "memory"),
        (f"xe {A}: [drm] *ERROR* VM worker error: -62", "memory"),
        (f"xe {A}: [drm] *ERROR* device lost from bus!", "device-lost"),
        (f"xe {A}: [drm] *ERROR* Failed to initialize uC (-ENXIO)", "firmware"),
    ],
)
def test_every_known_fault_line_is_counted_for_its_card(root: Path, line: str, kind: str) -> None:
    write(root / "journal-k.txt", "\n".join([BOOT, line, line, "eth0: link becomes ready"]))
    log = run(GpuLog(), root)
    (fault,) = log.card(A).faults
    assert (fault.bdf, fault.kind, fault.count, fault.line) == (A, kind, 2, line)
    assert log.card(B).faults == ()


def test_a_flood_of_resets_is_bounded_and_says_so(root: Path) -> None:
    flood = [f"xe {A}: [drm] Tile0: GT0: Engine reset: guc_id={n}" for n in range(1000)]
    write(root / "journal-k.txt", "\n".join([BOOT, *flood, LOADED.format(bdf=A, version="70.1.2")]))
    log = run(GpuLog(), root)
    assert (len(log.faults), log.dropped) == (300, 700)
    assert log.card(A).guc == "70.1.2"


def test_a_log_that_starts_late_proves_no_silence(root: Path) -> None:
    write(root / "journal-k.txt", f"usb 1-1: new device\nxe {B}: [drm] device wedged")
    log = run(GpuLog(), root)
    assert isinstance(log.card(A).faults, Unknown)
    assert isinstance(log.card(A).guc, Unknown)
    assert isinstance(log.card(A).guc_wanted, Unknown)
    assert [fault.kind for fault in log.card(B).faults] == ["wedged"]


def test_a_log_that_holds_the_drivers_start_proves_silence(root: Path) -> None:
    write(root / "journal-k.txt", LOADED.format(bdf=A, version="70.1.2"))
    assert run(GpuLog(), root).card(A).faults == ()


def test_an_empty_or_missing_log_is_unknown(root: Path) -> None:
    assert isinstance(run(GpuLog(), root), Unknown)
    (root / "journal-k.txt").write_text("")
    found = run(GpuLog(), root)
    assert isinstance(found, Unknown)
    assert "empty, or not open to this user" in found.reason


def journalctl(folder: Path, body: str) -> dict[str, str]:
    tool = folder / "bin/journalctl"
    write(tool, f"#!/bin/sh\n{body}", 0o755)
    return {"PATH": f"{tool.parent}:{os.environ['PATH']}"}


def test_on_a_real_host_the_journal_of_this_boot_is_read(root: Path) -> None:
    line = LOADED.format(bdf=A, version="70.1.2")
    env = journalctl(
        root, f"[ \"$*\" = '-k -b -o cat --no-pager -q' ] && echo '{BOOT}' && echo '{line}'"
    )
    assert run(GpuLog(), env=env).card(A).guc == "70.1.2"


def test_a_journal_that_refuses_says_why(root: Path) -> None:
    env = journalctl(
        root, "echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1"
    )
    found = run(GpuLog(), env=env)
    assert isinstance(found, Unknown)
    assert "insufficient permissions" in found.reason


def test_fault_patterns_survive_the_single_quotes_and_slashes_of_awk() -> None:
    patterns = (*FAULTS.values(), SPEAKERS, FAILURE, HARMLESS)
    assert not any(sign in pattern for pattern in patterns for sign in "'/{")


def test_log_output_cut_at_any_line_is_unknown(root: Path) -> None:
    lines = [f"K\t{n}\t1\t{LOADED.format(bdf=A, version='70.1.2')} {n}" for n in range(3)]
    lines.append("E\t9\t1\t3\t0")
    assert interpret(GpuLog(), finished("\n".join(lines))).card(A).guc == "70.1.2"
    for count in range(len(lines)):
        assert isinstance(interpret(GpuLog(), finished("\n".join(lines[:count]))), Unknown)
        without = lines[:count] + lines[count + 1 :]
        assert isinstance(interpret(GpuLog(), finished("\n".join(without))), Unknown)
