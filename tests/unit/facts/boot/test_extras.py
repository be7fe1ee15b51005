"""Facts of the boot set and of host settings: scripts on trees of the test's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from facts.base import wrap
from facts.boot.kernel import Kernel
from facts.boot.kernel_files import KernelFiles
from facts.packages.apt_marks import AutomaticPackages
from facts.pci.runtime_pm import RuntimePm
from facts.system.cpuidle import CpuIdle, IdleState
from facts.value import ABSENT, Unknown
from tests.unit.boot_facts import read_boot
from tests.unit.fact_frame import fixture, plant, read, relocated, run, run_as
from tests.unit.gpu_tree import Spec, build, gpu_address

RELEASE = "7.0.0-38-generic"
ALIASES = "alias pci:v00008086d0000E223sv*sd*bc03sc*i* xe\nalias pci:v00008086d0000E20B* xe\n"
LISTING = (
    "kernel/x86/microcode/AuthenticAMD.bin\nusr/bin/busybox\n"
    f"usr/lib/modules/{RELEASE}/kernel/drivers/gpu/drm/xe/xe.ko.zst\n"
    "usr/lib/firmware/xe/bmg_guc_70.bin.zst\netc/modprobe.d/90-b70fleet-xe.conf\n"
)


def kernel_files(root: Path, tool: str = '#!/bin/sh\ncat "$1"\n') -> Any:
    """Run the fact against a tree; lsinitramfs is a stand-in that prints the image."""
    tools = root / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "lsinitramfs").write_text(tool)
    (tools / "lsinitramfs").chmod(0o755)
    command = KernelFiles().command(release=RELEASE)
    text = command.replace("d=/lib", f"d={root}/lib").replace("i=/boot", f"i={root}/boot")
    return run_as(KernelFiles(), f"PATH={tools}:$PATH; {text}")


def test_an_installed_kernel_tells_alias_modules_and_what_its_image_carries(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            f"lib/modules/{RELEASE}/modules.alias": ALIASES,
            f"lib/modules/{RELEASE}/kernel/drivers/gpu/drm/xe/xe.ko.zst": "m",
            f"lib/modules/{RELEASE}/kernel/notxe.ko": "m",
            f"boot/initrd.img-{RELEASE}": LISTING,
        },
    )
    found = kernel_files(tmp_path)
    assert found.knows_b70 is True
    assert [path.rpartition("/")[2] for path in found.modules] == ["xe.ko.zst"]
    assert len(found.initrd) == 3
    assert found.initrd_count == 5


def test_a_kernel_without_the_alias_is_known_not_to_know_the_card(tmp_path: Path) -> None:
    plant(tmp_path, {f"lib/modules/{RELEASE}/modules.alias": ALIASES.replace("E223", "E20C")})
    found = kernel_files(tmp_path)
    assert found.knows_b70 is False
    assert (found.modules, found.initrd) == ((), ABSENT)


def test_a_kernel_that_is_not_installed_is_absent_and_one_without_index_unknown(
    tmp_path: Path,
) -> None:
    assert kernel_files(tmp_path).knows_b70 is ABSENT
    (tmp_path / f"lib/modules/{RELEASE}").mkdir(parents=True)
    found = kernel_files(tmp_path).knows_b70
    assert isinstance(found, Unknown)
    assert "depmod did not run" in found.reason


def test_a_damaged_image_is_unknown_not_empty(tmp_path: Path) -> None:
    plant(tmp_path, {f"boot/initrd.img-{RELEASE}": LISTING})
    found = kernel_files(tmp_path, '#!/bin/sh\nhead -c 9 "$1"\nexit 1\n').initrd
    assert isinstance(found, Unknown)
    assert "is damaged" in found.reason


@pytest.mark.parametrize("release", ["", "../..", "7.0 x", "7.0;id", "-x"])
def test_what_is_no_release_is_never_put_into_a_script(release: str) -> None:
    with pytest.raises(ValueError, match="not a kernel release"):
        KernelFiles().command(release=release)


def test_menu_entries_name_their_initial_ram_disks() -> None:
    entries = read_boot(fixture("boot/grub.cfg")).entries
    assert entries[1].initrds == ("/boot/initrd.img-7.0.0-38-generic",)
    assert entries[3].initrds == ()


def test_rescue_entries_are_told_apart_by_their_id() -> None:
    text = (
        "menuentry 'A' --id 'gnulinux-7-recovery-x' {\n linux /boot/vmlinuz-7 single\n}\n"
        "menuentry 'B' --id 'gnulinux-7-advanced-x' {\n linux /boot/vmlinuz-7 quiet\n}\n"
    )
    assert [entry.is_recovery for entry in read_boot(text).entries] == [True, False]


def test_packages_that_came_as_a_dependency_are_read_from_apts_own_marks(tmp_path: Path) -> None:
    stanza = "Package: {}\nArchitecture: amd64\nAuto-Installed: {}\n\n"
    text = stanza.format("linux-image-7", 1) + stanza.format("curl", 0)
    plant(tmp_path, {"var/lib/apt/extended_states": text})
    script = relocated(AutomaticPackages().script(), tmp_path, "/var")
    assert run_as(AutomaticPackages(), wrap(script, 10)) == {"linux-image-7"}
    (tmp_path / "var/lib/apt/extended_states").unlink()
    assert run_as(AutomaticPackages(), wrap(script, 10)) == frozenset()


def test_power_control_is_read_for_each_card_and_every_bridge_above_it(tmp_path: Path) -> None:
    build(tmp_path, Spec(), Spec(device=0xE20B))
    found = run(RuntimePm(), tmp_path)
    assert {each.card for each in found} == {gpu_address(0)}, "other cards are nobody's business"
    assert [each.is_card for each in found] == [True, False, False, False]
    assert found[0].status == "active"


def test_a_function_without_power_control_is_absent_not_auto() -> None:
    (found,) = read(RuntimePm(), {"functions": "0000:03:00.0 0000:03:00.0 - -\n"})
    assert (found.control, found.status) == (ABSENT, ABSENT)


def test_idle_states_count_the_processors_where_a_person_turned_them_off(tmp_path: Path) -> None:
    lines = "0 0 POLL\n2 1 ACPI C2\n0 0 POLL\n2 0 ACPI C2\n2 2 ACPI C2\n"
    assert read(CpuIdle(), {"states": lines}) == {
        0: IdleState("POLL", 0, 2),
        2: IdleState("ACPI C2", 1, 3),
    }
    assert isinstance(read(CpuIdle(), {"states": "1 ? C1\n"}), Unknown)
    assert read(CpuIdle(), {"states": ""}) == {}


def test_each_module_option_names_the_line_that_has_the_last_word(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "etc/modprobe.d/10-a.conf": "options xe disable_display=0 max_vfs=0\n",
            "etc/modprobe.d/90-b.conf": "# mine\noptions xe disable_display=1\n",
            "lib/modules/x": "",
        },
    )
    script = relocated(Kernel().script(), tmp_path, "/etc", "/run", "/usr/lib/modprobe.d")
    found = run_as(Kernel(), wrap(script, 10)).modprobe
    named = {key: path.rpartition("/")[2] for key, path in found.origins.items()}
    assert named == {"disable_display": "90-b.conf:2", "max_vfs": "10-a.conf:1"}
    assert found.options == {"disable_display": "1", "max_vfs": "0"}
