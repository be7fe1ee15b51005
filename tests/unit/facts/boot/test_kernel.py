"""The running kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from facts.base import wrap
from facts.boot.kernel import Kernel
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import grep, lack, plant, read, relocated, run, run_as

CMDLINE = "BOOT_IMAGE=/boot/vmlinuz-7.0.0-38-generic root=UUID=6f0b ro xe.disable_display=1 quiet"
B580 = "alias pci:v00008086d0000E20Bsv*sd*bc03sc*i* xe\n"
ALIAS = B580.replace("E20B", "E223") + B580
TREE = {
    "proc/sys/kernel/osrelease": "7.0.0-38-generic\n",
    "proc/sys/kernel/tainted": "4096\n",
    "proc/sys/kernel/random/boot_id": "11111111-2222-4333-8444-555555555555\n",
    "proc/cmdline": CMDLINE + "\n",
    "proc/modules": "ast 102400 0 - Live 0x0000000000000000\n"
    "xe 3145728 4 - Live 0x0000000000000000 (OE)\n"
    "drm_buddy 24576 1 xe, Live 0x0000000000000000\n",
    "sys/module/xe/srcversion": "992B74FB6C5940A1403864D\n",
    "sys/module/xe/parameters/disable_display": "Y\n",
    "sys/module/xe/parameters/max_vfs": "0\n",
    "lib/modules/7.0.0-38-generic/modules.alias": ALIAS,
    "sys/kernel/security/lockdown": "[none] integrity confidentiality\n",
}
SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def rig(
    tmp_path: Path, changes: dict[str, str] | None = None, without: tuple[str, ...] = ()
) -> Path:
    plant(
        tmp_path,
        {name: text for name, text in {**TREE, **(changes or {})}.items() if name not in without},
    )
    return tmp_path


def test_a_simulated_rig_is_read_through_its_tree(tmp_path: Path) -> None:
    kernel = run(Kernel(), rig(tmp_path))
    assert kernel.release == "7.0.0-38-generic"
    assert kernel.cmdline == CMDLINE
    assert kernel.tokens[3] == "xe.disable_display=1"
    assert kernel.parameter("xe.disable_display") == "1"
    assert kernel.parameter("nomodeset") is ABSENT
    assert kernel.boot_id == "11111111-2222-4333-8444-555555555555"
    assert (kernel.xe.state, kernel.xe.flags) == ("Live", "OE")
    assert kernel.xe.srcversion == "992B74FB6C5940A1403864D"
    assert kernel.xe.parameters == {"disable_display": "Y", "max_vfs": "0"}
    assert kernel.knows_b70 is True
    assert kernel.taint == 4096
    assert kernel.lockdown == "none"
    assert kernel.secure_boot is ABSENT


def test_a_kernel_whose_index_lacks_the_card_does_not_know_it(tmp_path: Path) -> None:
    alias = {"lib/modules/7.0.0-38-generic/modules.alias": B580}
    assert run(Kernel(), rig(tmp_path, alias)).knows_b70 is False


def test_without_a_module_index_it_is_unknown_whether_the_kernel_knows_the_card(
    tmp_path: Path,
) -> None:
    kernel = run(Kernel(), rig(tmp_path, without=("lib/modules/7.0.0-38-generic/modules.alias",)))
    assert isinstance(kernel.knows_b70, Unknown)


def test_a_module_that_only_starts_like_xe_is_not_xe(tmp_path: Path) -> None:
    modules = {"proc/modules": "xen_fake 1 0 - Live 0x0\ndrm 1 1 xe, Live 0x0\n"}
    assert run(Kernel(), rig(tmp_path, modules)).xe is ABSENT


def test_without_a_module_list_it_is_unknown_whether_xe_is_loaded(tmp_path: Path) -> None:
    assert isinstance(run(Kernel(), rig(tmp_path, without=("proc/modules",))).xe, Unknown)


def test_a_missing_command_line_never_counts_as_one_without_tokens(tmp_path: Path) -> None:
    kernel = run(Kernel(), rig(tmp_path, {"proc/cmdline": ""}))
    assert isinstance(kernel.cmdline, Unknown)
    assert isinstance(kernel.tokens, Unknown)
    assert isinstance(kernel.parameter("xe.disable_display"), Unknown)


@pytest.mark.parametrize(("last", "verdict"), [(b"\x01", True), (b"\x00", False)])
def test_secure_boot_is_the_fifth_byte_of_the_efi_variable(
    tmp_path: Path, last: bytes, verdict: bool
) -> None:
    root = rig(tmp_path)
    path = root / SECURE_BOOT
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x06\x00\x00\x00" + last)
    assert run(Kernel(), root).secure_boot is verdict


def test_an_efi_boot_without_the_variable_is_unknown(tmp_path: Path) -> None:
    root = rig(tmp_path)
    (root / "sys/firmware/efi").mkdir(parents=True)
    assert isinstance(run(Kernel(), root).secure_boot, Unknown)


def parts(modprobe: str) -> dict[str, str | tuple[str, str]]:
    return {
        "release": "7.0.0-38-generic",
        "taint": "0",
        "cmdline": CMDLINE,
        "boot_id": "x",
        "xe": lack("-"),
        "xe_srcversion": lack("-"),
        "xe_parameters": "",
        "aliases": "",
        "modprobe": modprobe,
        "secure_boot": lack("-"),
        "lockdown": lack("-"),
    }


def test_module_options_of_all_files_add_up_and_the_last_file_name_wins() -> None:
    text = grep(
        {
            "/etc/modprobe.d/10-xe.conf": "options xe disable_display=1\tprobe_display=0\n",
            "/etc/modprobe.d/90-xe.conf": "options xe disable_display=0 "
            'guc_firmware_path="xe/b.bin"\n',
            "/usr/lib/modprobe.d/20-off.conf": "blacklist xe\n",
        }
    )
    modprobe = read(Kernel(), parts(text)).modprobe
    assert modprobe.options == {
        "disable_display": "0",
        "probe_display": "0",
        "guc_firmware_path": "xe/b.bin",
    }
    assert modprobe.blacklisted == ("/usr/lib/modprobe.d/20-off.conf",)


def test_a_file_in_etc_hides_its_namesake_of_the_distribution() -> None:
    text = grep(
        {
            "/usr/lib/modprobe.d/xe.conf": "options xe max_vfs=7\nblacklist xe\n",
            "/etc/modprobe.d/xe.conf": "options xe disable_display=1\n",
        }
    )
    modprobe = read(Kernel(), parts(text)).modprobe
    assert modprobe.options == {"disable_display": "1"}
    assert modprobe.blacklisted == ()
    assert modprobe.files == ("/etc/modprobe.d/xe.conf",)


def test_an_unreadable_option_file_is_named() -> None:
    assert read(Kernel(), parts("!/etc/modprobe.d/x.conf\n")).modprobe.denied == (
        "/etc/modprobe.d/x.conf",
    )


def test_a_file_that_says_nothing_still_hides_its_namesake(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "usr/lib/modprobe.d/gpu.conf": "blacklist xe\n",
            "etc/modprobe.d/gpu.conf": "# nothing any more\n",
        },
    )
    script = relocated(Kernel().script(), tmp_path, "/etc", "/run", "/usr/lib/modprobe.d")
    modprobe = run_as(Kernel(), wrap(script, 10)).modprobe
    assert modprobe.blacklisted == ()
    assert modprobe.lines == ()


def test_what_gives_cards_to_vfio_is_read_with_its_line_and_is_no_option_of_xe() -> None:
    text = grep(
        {
            "/etc/modprobe.d/10-vfio.conf": "options vfio_pci ids=8086:e223,8086:e2f7\n",
            "/usr/local/lib/modprobe.d/20-off.conf": "install xe /bin/false\n",
        }
    )
    modprobe = read(Kernel(), parts(text)).modprobe
    assert modprobe.options == {}
    assert modprobe.files == ("/usr/local/lib/modprobe.d/20-off.conf",)
    assert [(line.path, line.number) for line in modprobe.lines] == [
        ("/etc/modprobe.d/10-vfio.conf", 1),
        ("/usr/local/lib/modprobe.d/20-off.conf", 1),
    ]
