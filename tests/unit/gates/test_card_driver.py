"""Does the driver work? From a fake sysfs, modprobe.d and a kernel log to what the gates say."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from facts.boot.kernel import ModprobeXe
from facts.parts import Line
from facts.pci.gpu import Gpu, GpuState
from facts.pci.gpu_card import B70, Card
from facts.pci.gpu_fault import FAULTS, NEEDS_REBOOT, OTHER
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_log import GpuLog
from facts.value import ABSENT, Unknown
from gates.engine import decide
from gates.model import Decision, Verdict
from gates.rows import load
from tests.unit import gpu_tree
from tests.unit.boot_facts import running
from tests.unit.fact_frame import run
from tests.unit.gates.gate_rig import BOOT, cards_of, decisions, readings, rig
from tests.unit.gates.gate_world import good_world

A = gpu_tree.gpu_address(0)
FIRST = "Linux version 6.17.0-29-generic"
LOADED = f"xe {A}: [drm] Using GuC firmware from xe/bmg_guc_70.bin version 70.54.0"
FOUND = f"xe {A}: [drm] Found battlemage (device ID e223) discrete display version 14.01"


def kernel(*tokens: str, modprobe: str = "", loaded: bool = False, **changes: Any) -> Any:
    """Return the running kernel; `modprobe` is one line of /etc/modprobe.d/gpu.conf."""
    lines = (Line("/etc/modprobe.d/gpu.conf", 7, modprobe),) if modprobe else ()
    found = {"modprobe": ModprobeXe({}, (), (), (), {}, lines), "boot_id": BOOT, **changes}
    return running("6.17.0-29-generic", ("quiet", *tokens), **({} if loaded else NO_XE) | found)


NO_XE: dict[str, Any] = {"xe": ABSENT}


#: Cards that tests ask for by name.
CARDS = {
    "driven": gpu_tree.Spec(),
    "unbound": gpu_tree.Spec(driver=None),
    "vfio": gpu_tree.Spec(driver="vfio-pci"),
    "waiting": gpu_tree.Spec(survivability="Survivability mode type: Boot"),
    "lost": gpu_tree.Spec(gpu_status="error"),
}


@cache
def card_of(name: str) -> tuple[Card, ...]:
    """Return a card as its fact read it."""
    with TemporaryDirectory() as folder:
        return cards_of(Path(folder), CARDS[name])


def judged(
    tmp_path: Path, *lines: str, card: str = "driven", **changes: Any
) -> dict[str, Decision]:
    """Return the decisions about a rig with one card, after these lines of the log."""
    gpu_tree.write(tmp_path / "journal-k.txt", "\n".join((FIRST, *lines)))
    found = {"gpu_log": run(GpuLog(), tmp_path), **changes}
    return decisions(rig(1), readings(card_of(card), **found))


def test_a_card_whose_driver_works_opens_the_gate(tmp_path: Path) -> None:
    made = judged(tmp_path, FOUND, LOADED)
    assert made["card-driven"].verdict is Verdict.PASS
    assert made["card-faults"].verdict is Verdict.PASS
    assert "card.driver_state = " not in made["card-driven"].reason


@pytest.mark.parametrize(
    ("token", "step"),
    [
        ("vfio-pci.ids=8086:e223,8086:e2f7", "take vfio-pci.ids=8086:e223,8086:e2f7 off"),
        ("vfio_pci.ids=8086:E223", "off the kernel's command line"),
        ("vfio-pci.ids=10de:2684,8086:e223:8086:1701", "then boot"),
        ('vfio-pci.ids="8086:ffffffff"', "then boot"),
    ],
)
def test_a_card_that_another_driver_took_is_named_with_the_word_that_gave_it(
    tmp_path: Path, token: str, step: str
) -> None:
    made = judged(tmp_path, card="vfio", kernel=kernel(token, loaded=True))
    driven = made["card-driven"]
    assert driven.verdict is Verdict.FAIL
    assert f"is other-driver: bound to vfio-pci, not to xe: {token} on" in driven.reason
    assert step in driven.next_step
    assert "serve" in driven.forbid


@pytest.mark.parametrize(
    "line",
    [
        "options vfio-pci ids=8086:e223",
        "options vfio_pci disable_vga=1 ids=8086:e2f7,8086:E223",
        'options vfio-pci ids="8086:e223"',
    ],
)
def test_a_card_that_a_file_gave_to_another_driver_is_named_with_its_line(
    tmp_path: Path, line: str
) -> None:
    made = judged(tmp_path, card="vfio", kernel=kernel(modprobe=line, loaded=True))
    assert f"/etc/modprobe.d/gpu.conf:7: {line}" in made["card-driven"].reason
    assert "remove line 7 of /etc/modprobe.d/gpu.conf" in made["card-driven"].next_step
    assert "initial RAM disk" in made["card-driven"].next_step


def test_a_card_that_nobody_gave_away_is_with_a_virtual_machine(tmp_path: Path) -> None:
    words = kernel("vfio-pci.ids=10de:2684", modprobe="options vfio-pci ids=10de:2684")
    driven = judged(tmp_path, card="vfio", kernel=words)["card-driven"]
    assert "neither the command line nor modprobe.d asks for it" in driven.reason
    assert "virsh list" in driven.next_step


@pytest.mark.parametrize(("file", "step"), [("/etc/driverctl.d/x", "driverctl"), (ABSENT, "virsh")])
def test_a_driver_override_is_named_with_what_sets_it(tmp_path: Path, file: Any, step: str) -> None:
    gpu = GpuState("xe", (Gpu(A, B70, ABSENT, Unknown("-"), "vfio-pci", file),))
    driven = judged(tmp_path, card="unbound", gpu=gpu, kernel=kernel(loaded=True))["card-driven"]
    assert f"is kept-away: no driver: driver_override of {A} is vfio-pci" in driven.reason
    assert step in driven.next_step


@pytest.mark.parametrize(
    "token",
    [
        "modprobe.blacklist=nouveau,xe",
        "module_blacklist=xe",
        "initcall_blacklist=xe_init",
        "xe.force_probe=!e223",
        "xe.force_probe=e20b,!E223",
        "xe.force_probe=!*",
        "nomodeset",
    ],
)
def test_a_module_that_a_word_keeps_from_loading_is_named_with_that_word(
    tmp_path: Path, token: str
) -> None:
    driven = judged(tmp_path, card="unbound", kernel=kernel(token))["card-driven"]
    assert driven.verdict is Verdict.FAIL
    assert f"is kept-away: no driver: {token} on the kernel's command line" in driven.reason
    assert f"take {token} off the kernel's command line" in driven.next_step


@pytest.mark.parametrize(
    "token", ["modprobe.blacklist=xen", "xe.force_probe=e223", "vfio-pci.ids=8086:e2f7", "xe=1"]
)
def test_a_word_that_means_something_else_is_not_blamed(tmp_path: Path, token: str) -> None:
    driven = judged(tmp_path, card="unbound", kernel=kernel(token))["card-driven"]
    assert token not in driven.reason
    assert "the module xe is not loaded" in driven.reason


def test_of_a_word_that_stands_twice_the_last_one_counts(tmp_path: Path) -> None:
    words = kernel("xe.force_probe=!e223", "xe.force_probe=e223")
    assert "no-driver" in judged(tmp_path, card="unbound", kernel=words)["card-driven"].reason


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("blacklist xe", True),
        ("install xe /bin/false", True),
        ("install xe /bin/true # not now", True),
        ("options xe force_probe=!e223", True),
        ("install xe /sbin/modprobe --ignore-install xe && logger xe", False),
        ("options xe max_vfs=7", False),
        ("options vfio-pci \\", True),
    ],
)
def test_a_line_of_modprobe_that_keeps_a_module_out_is_named(
    tmp_path: Path, line: str, kept: bool
) -> None:
    driven = judged(tmp_path, card="unbound", kernel=kernel(modprobe=line))["card-driven"]
    assert ("is kept-away" in driven.reason) is kept
    assert (f"/etc/modprobe.d/gpu.conf:7: {line}" in driven.reason) is kept


def test_a_blacklist_is_not_blamed_where_the_module_is_loaded(tmp_path: Path) -> None:
    words = kernel(modprobe="blacklist xe", loaded=True)
    driven = judged(tmp_path, card="unbound", kernel=words)["card-driven"]
    assert "is no-driver: no driver, though xe is loaded" in driven.reason


def test_a_file_that_cannot_be_read_is_said_where_no_cause_was_found(tmp_path: Path) -> None:
    words = replace(kernel(), modprobe=ModprobeXe({}, (), (), ("/etc/modprobe.d/s.conf",)))
    driven = judged(tmp_path, card="unbound", kernel=words)["card-driven"]
    assert "/etc/modprobe.d/s.conf cannot be read" in driven.reason


@pytest.mark.parametrize(
    ("lines", "says", "step"),
    [
        (
            (FOUND, f"xe {A}: probe with driver xe failed with error -105"),
            "probe with driver xe failed with error -105",
            "boot the kernel that drove the card before",
        ),
        (
            (FOUND, f"xe: probe of {A} failed with error -12"),
            "failed with error -12",
            "boot the kernel that drove the card before",
        ),
        (
            (
                f"xe {A}: Direct firmware load for xe/bmg_guc_70.bin failed with error -2",
                f"xe {A}: probe with driver xe failed with error -2",
            ),
            "(before: xe",
            "xe/bmg_guc_70.bin was not where the kernel looked",
        ),
        (
            (LOADED, f"xe {A}: [drm] *ERROR* GT1: load failed: status = 0x80007134, done = -1"),
            "load failed: status",
            "stack.boot.guc",
        ),
    ],
)
def test_a_probe_that_failed_is_named_with_its_error_and_what_came_before(
    tmp_path: Path, lines: tuple[str, ...], says: str, step: str
) -> None:
    driven = judged(tmp_path, *lines, card="unbound", kernel=kernel(loaded=True))["card-driven"]
    assert driven.verdict is Verdict.FAIL
    assert "is probe-failed: no driver: " in driven.reason
    assert says in driven.reason
    assert step in driven.next_step


def test_a_card_that_the_driver_refuses_is_no_probe_that_failed(tmp_path: Path) -> None:
    lines = (
        f"xe {A}: Your graphics device e223 is not officially supported",
        f"xe {A}: Probe blocked for device [8086:e223].",
    )
    made = judged(tmp_path, lines[1], card="unbound", kernel=kernel("xe.force_probe=!e223"))
    assert "xe.force_probe=!e223 on the kernel's command line" in made["card-driven"].reason
    made = judged(tmp_path / "2", lines[0], card="unbound", kernel=kernel(loaded=True))
    assert "is kept-away: no driver: xe" in made["card-driven"].reason


def test_a_kernel_without_a_driver_for_the_card_is_named(tmp_path: Path) -> None:
    words = kernel(knows_b70=False)
    driven = judged(tmp_path, card="unbound", kernel=words)["card-driven"]
    assert "kernel 6.17.0-29-generic has none for 8086:e223" in driven.reason


FAILURES = [
    f"xe {A}: [drm] *ERROR* CRITICAL: Xe has declared device {A} as wedged.",
    f"xe {A}: [drm] *ERROR* Tile0: GT0: GuC Crash dump notification",
    f"xe {A}: [drm] *ERROR* GT1: load failed: status: Reset = 0, BootROM = 0x1A, done = -1",
    f"xe {A}: [drm] *ERROR* device lost from bus!",
]


@pytest.mark.parametrize("line", FAILURES)
def test_a_driver_that_is_bound_and_failed_forbids_serving_and_is_never_content(
    tmp_path: Path, line: str
) -> None:
    made = judged(tmp_path, LOADED, line)
    assert made["card-driven"].verdict is Verdict.FAIL
    assert line in made["card-driven"].reason
    assert "serve" in made["card-driven"].forbid
    assert made["guc-version"].verdict is Verdict.UNKNOWN
    assert line in made["guc-version"].reason


@pytest.mark.parametrize(
    "line",
    [
        f"xe {A}: [drm] *ERROR* TLB invalidation fence timeout, seqno=4100 recv=4099",
        f"xe {A}: [drm] *ERROR* Tile0: GT0: No forward process on H2G, reset required",
        f"xe {A}: [drm] *ERROR* [Hardware Error]: Tile0 reported NONFATAL error 0x20000",
        "pcieport 0000:02:01.0: Unable to change power state from D3cold to D0, device gone",
    ],
)
def test_a_fault_that_no_reset_ended_forbids_serving(tmp_path: Path, line: str) -> None:
    made = judged(tmp_path, LOADED, line)
    assert made["card-faults"].verdict is Verdict.FAIL
    assert line in made["card-faults"].reason
    assert "serve" in made["card-faults"].forbid


def test_the_doctor_and_the_gate_agree_which_faults_only_a_boot_ends(tmp_path: Path) -> None:
    (row,) = [row for row in load() if row.id == "card-faults"]
    for kind in (*FAULTS, OTHER):
        made = decide([row], good_world({"card.faults": (kind,)}))
        expected = kind in NEEDS_REBOOT - {"wedged"}
        assert (made[0].verdict is Verdict.FAIL) is expected, kind


def test_the_next_step_after_a_fault_is_that_of_the_driver_where_a_boot_alone_is_not_enough(
    tmp_path: Path,
) -> None:
    line = f"xe {A}: probe with driver xe failed with error -105"
    made = judged(tmp_path, line, card="unbound", kernel=kernel(loaded=True))
    assert made["card-faults"].next_step == made["card-driven"].next_step
    assert made["guc-version"].next_step == made["card-driven"].next_step
    made = judged(tmp_path / "2", LOADED, card="lost", kernel=kernel("pcie_aspm=force"))
    assert "take pcie_aspm=force off" in made["runtime-status"].next_step
    made = judged(tmp_path / "3", LOADED, card="lost", kernel=kernel(loaded=True))
    assert made["runtime-status"].next_step.startswith("Reboot the host.")


def test_a_driver_that_came_up_after_its_faults_works(tmp_path: Path) -> None:
    lost = "pcieport 0000:02:01.0: pciehp: Slot(2): Card not present"
    made = judged(tmp_path, lost, FAILURES[0], LOADED)
    for gate in ("card-driven", "card-faults", "card-wedged", "guc-version"):
        assert made[gate].verdict is Verdict.PASS, gate


def test_faults_that_a_reset_ended_and_lesser_ones_leave_the_gate_open(tmp_path: Path) -> None:
    made = judged(
        tmp_path,
        LOADED,
        FAILURES[1],
        f"xe {A}: [drm] Tile0: GT0: reset done",
        f"xe {A}: [drm] Tile0: GT0: Timedout job: seqno=12, in no process [-1]",
        f"xe {A}: [drm] *ERROR* a sentence that no kernel has said yet",
    )
    assert made["card-faults"].verdict is Verdict.PASS
    assert made["card-driven"].verdict is Verdict.PASS
    assert made["guc-version"].verdict is Verdict.PASS


def test_a_log_that_cannot_be_read_never_opens_the_gate_of_faults(tmp_path: Path) -> None:
    made = judged(tmp_path, gpu_log=Unknown("no permission"))
    assert made["card-faults"].verdict is made["card-wedged"].verdict is Verdict.UNKNOWN
    assert "serve" in made["card-faults"].forbid


def test_a_driver_that_gives_no_render_node_does_not_work(tmp_path: Path) -> None:
    assert "is survivability" in judged(tmp_path, card="waiting")["card-driven"].reason
    gpu_tree.build(tmp_path / "2", gpu_tree.Spec())
    (gpu_tree.gpu_folder(tmp_path / "2", 0) / "drm/renderD128").rmdir()
    made = decisions(rig(1), readings(run(GpuLinks(), tmp_path / "2")))
    assert "gives no render node" in made["card-driven"].reason


def test_a_card_that_answers_with_ones_only_is_not_driven_whatever_is_bound(tmp_path: Path) -> None:
    (card,) = run(GpuLinks(), gpu_tree.build(tmp_path, gpu_tree.Spec()))
    dead = replace(card, hops=tuple(replace(hop, all_ones=hop.depth == 0) for hop in card.hops))
    made = decisions(rig(1), readings((dead,)))
    assert made["card-driven"].verdict is Verdict.FAIL
    assert "answers with ones only" in made["card-driven"].reason
    assert "serve" in made["card-driven"].forbid


GONE = (
    f"xe {A}: Unable to change power state from D3cold to D0, device inaccessible",
    f"xe {A}: probe with driver xe failed with error -71",
)


@pytest.mark.parametrize(
    "token", ["pcie_aspm.policy=powersupersave", "pcie_aspm=force", "pcie_port_pm=force"]
)
def test_a_card_that_was_switched_off_is_told_with_the_word_that_allowed_it(
    tmp_path: Path, token: str
) -> None:
    made = judged(tmp_path, *GONE, card="unbound", kernel=kernel(token, loaded=True))
    for gate in ("card-driven", "card-faults", "aspm-policy"):
        assert f"take {token} off the kernel's command line" in made[gate].next_step, gate
        assert "boot cold" in made[gate].next_step
    assert made["card-faults"].verdict is Verdict.FAIL


def test_a_policy_that_no_word_asks_for_is_the_kernels_own_or_a_programs(tmp_path: Path) -> None:
    made = judged(
        tmp_path, *GONE, card="unbound", kernel=kernel(loaded=True), aspm="powersupersave"
    )
    step = made["card-driven"].next_step
    assert "pcie_aspm.policy=default" in step
    assert "/boot/config-6.17.0-29-generic" in step
    assert made["aspm-policy"].verdict is Verdict.WARN


def test_without_a_cause_a_card_that_was_switched_off_is_booted_cold(tmp_path: Path) -> None:
    made = judged(tmp_path, *GONE, card="unbound", kernel=kernel(loaded=True))
    assert "power off and boot cold" in made["card-driven"].next_step
