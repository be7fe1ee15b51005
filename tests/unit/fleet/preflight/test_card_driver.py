"""The doctor names why a card has no driver that works, and every command that it shows works."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from declaration.host import HostSpec
from facts.boot.kernel import ModprobeXe
from facts.pci.gpu_card import Card
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_log import GpuLog
from facts.value import ABSENT, Unknown
from fleet.model.finding import Finding, Severity
from fleet.preflight import inspect
from tests.given import given
from tests.unit import gpu_tree
from tests.unit.boot_facts import boot, running
from tests.unit.fact_frame import run
from tests.unit.gpu_tree import write

SPEC = HostSpec.model_validate(
    {
        "name": "rig",
        "connection": {"address": "192.0.2.1"},
        "hardware": {"cards": [{"slot": "1"}]},
    }
)
A, PORT = gpu_tree.gpu_address(0), "0000:02:01.0"
BOOT = "Linux version 7.0.0-31-generic"
LOADED = f"xe {A}: [drm] Using GuC firmware from xe/bmg_guc_70.bin version 70.54.0"
GONE = f"xe {A}: Unable to change power state from D3cold to D0, device inaccessible"


#: Cards that tests ask for by name.
CARDS = {
    "driven": gpu_tree.Spec(),
    "unbound": gpu_tree.Spec(driver=None),
    "vfio": gpu_tree.Spec(driver="vfio-pci"),
    "off": gpu_tree.Spec(driver=None, extra={"power_state": "D3cold"}),
    "small": gpu_tree.Spec(bar_mib=256),
}


@cache
def card_of(name: str) -> tuple[Card, ...]:
    """Return a card as its fact read it."""
    with TemporaryDirectory() as folder:
        found: tuple[Card, ...] = run(GpuLinks(), gpu_tree.build(Path(folder), CARDS[name]))
        return found


def findings(root: Path, *lines: str, card: str = "driven", **changes: Any) -> dict[str, Finding]:
    """Return what the doctor finds about a rig with one card, by id; info is left out."""
    write(root / "journal-k.txt", "\n".join((BOOT, *lines)))
    readings = {
        "gpu_link": card_of(card),
        "gpu_log": run(GpuLog(), root),
        "kernel": running(),
        "aspm": "default",
        **changes,
    }
    found = inspect(SPEC, given(readings))
    return {each.id: each for each in found if each.severity is not Severity.INFO}


def shown(command: str, root: Path) -> list[str]:
    """Run a command that was shown, on a host whose journal is the one that was read."""
    tool = root / "bin/journalctl"
    write(tool, f"#!/bin/sh\ncat {root}/journal-k.txt", 0o755)
    done = subprocess.run(
        ["sh", "-c", command],
        env={"PATH": f"{tool.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,  # grep's status also tells of folders that are not there
        timeout=20,
    )
    return done.stdout.splitlines()


def test_a_card_whose_driver_works_is_no_finding(tmp_path: Path) -> None:
    assert findings(tmp_path, LOADED) == {}


def test_a_card_that_a_word_gave_away_is_named_with_the_file_and_line_of_that_word(
    tmp_path: Path,
) -> None:
    word = "vfio-pci.ids=8086:e223,8086:e2f7"
    files = {"/etc/default/grub": f'GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX="quiet {word}"\n'}
    found = findings(
        tmp_path,
        card="vfio",
        kernel=running(tokens=("quiet", word)),
        boot=boot(drop_ins=files),
    )["gpu-driver"]
    assert found.severity is Severity.CRITICAL
    assert found.text.startswith(f"{A}: other-driver: bound to vfio-pci, not to xe: {word} on")
    assert f"({word} stands in /etc/default/grub:2)" in (found.remedy or "")


def test_a_word_that_only_begins_alike_is_not_where_it_stands(tmp_path: Path) -> None:
    files = {"/etc/default/grub": 'GRUB_CMDLINE_LINUX="nomodeset.not xnomodeset"\n'}
    kernel = running(tokens=("nomodeset",), xe=ABSENT)
    found = findings(tmp_path, card="unbound", kernel=kernel, boot=boot(drop_ins=files))
    assert "stands in" not in (found["gpu-driver"].remedy or "")


def test_a_probe_that_failed_is_critical_with_its_error(tmp_path: Path) -> None:
    line = f"xe {A}: probe with driver xe failed with error -105"
    found = findings(tmp_path, line, card="unbound")
    assert found["gpu-driver"].severity is Severity.CRITICAL
    assert line in found["gpu-driver"].text
    assert shown(found["gpu-faults"].remedy or "", tmp_path) == [line]


def test_firmware_of_a_driver_that_failed_is_not_told_as_loaded(tmp_path: Path) -> None:
    line = f"xe {A}: [drm] *ERROR* GT1: load failed: status = 0x80007134, time = 8ms, done = -1"
    found = findings(tmp_path, LOADED, line)
    assert found["gpu-firmware"].text.startswith(f"{A}: which GuC runs is UNKNOWN (the driver of")
    assert found["gpu-firmware"].remedy == found["gpu-driver"].remedy
    late = findings(tmp_path / "late", LOADED.replace("GuC", "HuC"))
    assert late["gpu-firmware"].remedy == "b70 facts rig gpu_log"


def test_a_card_that_is_switched_off_is_no_information(tmp_path: Path) -> None:
    found = findings(tmp_path, card="off")["gpu-power"]
    assert found.severity is Severity.CRITICAL
    assert "D3cold: switched off" in found.text
    assert "boot cold" in (found.remedy or "")


def ones_only(cards: tuple[Card, ...]) -> tuple[Card, ...]:
    dead = [
        replace(hop, all_ones=hop.depth < 3, current=Unknown("width 63")) for hop in cards[0].hops
    ]
    return (replace(cards[0], hops=tuple(dead)),)


@pytest.mark.parametrize("word", ["pcie_aspm.policy=powersupersave", "pcie_aspm=force"])
def test_a_boot_alone_is_never_the_way_out_where_its_command_line_lost_the_card(
    tmp_path: Path, word: str
) -> None:
    lines = (
        f"pcieport {PORT}: Unable to change power state from D3cold to D0, device inaccessible",
        GONE,
        f"xe {A}: [drm] *ERROR* VF: Tile0: GT0: Failed to reset GuC state (-EPROTO)",
        f"xe {A}: probe with driver xe failed with error -71",
    )
    found = findings(
        tmp_path,
        *lines,
        gpu_link=ones_only(card_of("unbound")),
        kernel=running(tokens=("quiet", word)),
        boot=boot(drop_ins={"/etc/default/grub.d/50-x.cfg": f"GRUB_CMDLINE_LINUX={word}\n"}),
    )
    for name in ("gpu-driver", "gpu-power", "power-words"):
        assert f"take {word} off the kernel's command line" in (found[name].remedy or ""), name
    place = f"({word} stands in /etc/default/grub.d/50-x.cfg:1)"
    assert place in (found["gpu-driver"].remedy or "")
    assert place in (found["power-words"].remedy or "")


def test_a_policy_without_a_word_is_looked_for_where_the_commands_that_are_shown_find_it(
    tmp_path: Path,
) -> None:
    remedy = findings(tmp_path, LOADED, aspm="powersupersave")["power-words"].remedy or ""
    write(tmp_path / "etc/tlp.conf", "PCIE_ASPM_ON_AC=powersupersave")
    rule = "w /sys/module/pcie_aspm/parameters/policy - - - - powersupersave"
    write(tmp_path / "etc/tmpfiles.d/aspm.conf", rule)
    write(tmp_path / "boot/config-7.0.0-31-generic", "CONFIG_PCIEASPM_POWER_SUPERSAVE=y")
    commands = re.findall(r"\((grep [^)]*)\)", remedy)
    assert len(commands) == 2
    text = "\n".join(
        line
        for command in commands
        for line in shown(command.replace(" /", f" {tmp_path}/"), tmp_path)
    )
    assert "CONFIG_PCIEASPM_POWER_SUPERSAVE=y" in text
    assert rule in text
    assert "PCIE_ASPM_ON_AC" in text


@pytest.mark.parametrize(
    ("lines", "severity"),
    [
        ((f"xe {A}: [drm] *ERROR* TLB invalidation fence timeout, seqno=4 recv=3",), "critical"),
        ((f"xe {A}: [drm] *ERROR* Tile0: GT0: GuC Crash dump notification",), "critical"),
        ((f"xe {A}: [drm] Tile0: GT0: Check job timeout: seqno=12, not started",), "warning"),
        ((f"xe {A}: [drm] *ERROR* a sentence that no kernel has said yet",), "warning"),
        (("Module xe is blacklisted",), "warning"),
        ((f"pcieport {PORT}: AER: device recovery failed",), "critical"),
    ],
)
def test_the_command_that_a_fault_is_shown_with_finds_the_lines_that_were_counted(
    tmp_path: Path, lines: tuple[str, ...], severity: str
) -> None:
    corrected = f"xe {A}: PCIe Bus Error: severity=Corrected, type=Physical Layer"
    found = findings(tmp_path, LOADED, *lines, *lines, corrected)["gpu-faults"]
    assert found.severity.value == severity
    assert ": 2 x " in found.text
    assert shown(found.remedy or "", tmp_path) == [*lines, *lines]


def test_faults_beyond_what_is_kept_are_said(tmp_path: Path) -> None:
    flood = [f"xe {A}: [drm] Tile0: GT0: Engine reset: guc_id={n}" for n in range(400)]
    write(tmp_path / "journal-k.txt", "\n".join((BOOT, LOADED, *flood)))
    readings = {"gpu_link": card_of("driven"), "gpu_log": run(GpuLog(), tmp_path)}
    said = [each for each in inspect(SPEC, given(readings)) if "further fault lines" in each.text]
    assert [each.text.partition(" ")[0] for each in said] == ["100"]
    assert shown(said[0].remedy or "", tmp_path) == ["400"]


def test_a_port_that_leads_to_no_card_has_no_fault_of_a_card(tmp_path: Path) -> None:
    assert findings(tmp_path, LOADED, "pcieport 0000:40:01.0: pciehp: Slot(9): Link Down") == {}


def test_a_window_without_room_is_told_with_the_switch_and_the_limit(tmp_path: Path) -> None:
    line = f"xe {A}: [drm] Failed to resize BAR2 to 32768M (-ENOSPC). Consider enabling it"
    found = findings(tmp_path, LOADED, line, card="small")["small-bar"]
    assert "Above 4G Decoding" in (found.remedy or "")
    assert "8086:e2ff" in (found.remedy or "")


def test_a_file_that_cannot_be_read_leaves_the_cause_open(tmp_path: Path) -> None:
    kernel = running(xe=ABSENT, modprobe=ModprobeXe({}, (), (), ("/etc/modprobe.d/s.conf",)))
    found = findings(tmp_path, card="unbound", kernel=kernel)["gpu-driver"]
    assert "/etc/modprobe.d/s.conf cannot be read" in found.text


def test_a_word_that_only_the_next_boot_will_have_is_named_with_its_line(tmp_path: Path) -> None:
    name, path = "GRUB_CMDLINE_LINUX", "/etc/default/grub.d/repair.cfg"
    settings = {
        "settings": {name: "quiet nomodeset"},
        "drop_ins": {path: f'{name}="quiet nomodeset"\n'},
    }
    found = findings(tmp_path, boot=boot(**settings))["nomodeset"]
    assert found.severity is Severity.WARNING
    assert found.text == f"GRUB's {name} has nomodeset: after the next boot no card is driven"
    assert f"(nomodeset stands in {path}:1)" in (found.remedy or "")


def test_a_word_that_is_in_no_setting_or_only_begins_alike_is_not_told(tmp_path: Path) -> None:
    for value in ("quiet", "nomodeset.not", "xnomodeset"):
        assert "nomodeset" not in findings(
            tmp_path / value, boot=boot(settings={"GRUB_CMDLINE_LINUX": value})
        )
