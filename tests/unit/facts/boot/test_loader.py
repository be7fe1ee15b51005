"""The next boot."""

from __future__ import annotations

from pathlib import Path

import pytest

from facts.base import wrap
from facts.boot.initramfs import Initramfs
from facts.boot.loader import Boot, Space
from facts.parts import SPEAKING
from facts.value import ABSENT, Unknown
from tests.unit.boot_facts import boot_parts, dumped, read_boot
from tests.unit.fact_frame import fixture, grep, lack, plant, read, relocated, run_as, run_below

DEFAULTS = {
    "/etc/default/grub": fixture("boot/default-grub"),
    "/etc/default/grub.d/50-kdump.cfg": fixture("boot/50-kdump.cfg"),
    "/etc/default/grub.d/90-b70fleet.cfg": fixture("boot/90-b70fleet.cfg"),
}
ENVIRONMENT = "# GRUB Environment Block\nsaved_entry=gnulinux-7.0.0-31-generic-advanced-6f0b\n"
ARMED = (
    ENVIRONMENT + "next_entry=gnulinux-advanced-6f0b>gnulinux-7.0.0-38-generic-advanced-6f0b\n####"
)
#: Where the script looks.
FOLDERS = ("/etc", "/boot", "/lib", "/var", "/run", "/usr", "/sys", "/proc", "/dev/disk")
OWNERS = (
    "/var/lib/dpkg/info/linux-image-7.0.0-31-generic.list:/boot/vmlinuz-7.0.0-31-generic\n"
    "/var/lib/dpkg/info/linux-image-unsigned-7.0.0-38-generic.list:"
    "/boot/vmlinuz-7.0.0-38-generic\n"
)
PARTS = boot_parts(
    fixture("boot/grub.cfg"),
    ARMED,
    settings=grep(DEFAULTS, r"^\s*[^#\s]"),
    images=fixture("boot/images.txt"),
    modules="7.0.0-31-generic\n7.0.0-38-generic\n",
    packages="linux-image-7.0.0-31-generic\nlinux-image-unsigned-7.0.0-38-generic\n"
    "linux-image-generic\n",
    owners=OWNERS,
    free="4096 100 1000",
    reboot_required="reboot-required\nlinux-image-7.0.0-38-generic\n",
)


def test_grub_settings_add_up_over_the_drop_ins_as_update_grub_sources_them() -> None:
    boot = read(Boot(), PARTS)
    assert boot.settings["GRUB_DEFAULT"] == "saved"
    assert boot.setting_tokens("GRUB_CMDLINE_LINUX_DEFAULT") == (
        "quiet",
        "splash",
        "crashkernel=2G-4G:320M,4G-32G:512M",
        "xe.disable_display=1",
        'dyndbg="file drivers/gpu/drm/xe/* +p"',
    )
    assert boot.setting_tokens("GRUB_CMDLINE_LINUX") == ()
    assert boot.setting_tokens("GRUB_CMDLINE_XEN") is ABSENT


def test_a_setting_that_a_command_computes_is_unknown() -> None:
    assert isinstance(read(Boot(), PARTS).settings["GRUB_DISTRIBUTOR"], Unknown)


def test_no_setting_is_believed_while_a_drop_in_cannot_be_read() -> None:
    boot = read(
        Boot(), {**PARTS, "settings": f"{PARTS['settings']}!/etc/default/grub.d/99-x.cfg\n"}
    )
    assert boot.settings["GRUB_DEFAULT"] == Unknown("/etc/default/grub.d/99-x.cfg needs root")
    assert boot.denied == ("/etc/default/grub.d/99-x.cfg",)


def test_the_saved_and_the_armed_entry_are_told_apart() -> None:
    boot = read(Boot(), PARTS)
    assert boot.saved_entry == "gnulinux-7.0.0-31-generic-advanced-6f0b"
    assert boot.next_entry == "gnulinux-advanced-6f0b>gnulinux-7.0.0-38-generic-advanced-6f0b"
    assert read(Boot(), {**PARTS, "grubenv": dumped(ENVIRONMENT)}).next_entry is ABSENT
    assert (
        read(Boot(), {**PARTS, "grubenv": dumped(ENVIRONMENT + "next_entry=\n")}).next_entry
        is ABSENT
    )
    assert read(Boot(), {**PARTS, "grubenv": lack("!", "needs root")}).next_entry == Unknown(
        "needs root"
    )


def test_menu_entries_carry_the_path_that_grub_reboot_takes() -> None:
    entries = read_boot(fixture("boot/grub.cfg")).entries
    assert [entry.path for entry in entries] == [
        "gnulinux-simple-6f0b",
        "gnulinux-advanced-6f0b>gnulinux-7.0.0-38-generic-advanced-6f0b",
        "gnulinux-advanced-6f0b>gnulinux-7.0.0-31-generic-advanced-6f0b",
        "uefi-firmware",
    ]
    assert entries[0].kernel == "/boot/vmlinuz-7.0.0-38-generic"
    assert "xe.disable_display=1" in entries[0].tokens
    assert "xe.disable_display=1" not in entries[2].tokens
    assert entries[3].kernel == ""


def test_an_entry_without_an_id_is_addressed_by_its_title() -> None:
    menu = 'menuentry "Memory test" {\n\tlinux16 /boot/memtest86+.bin\n}\n'
    (entry,) = read_boot(menu).entries
    assert (entry.path, entry.kernel) == ("Memory test", "/boot/memtest86+.bin")


def test_installed_kernels_know_their_initrd_modules_and_package() -> None:
    kernels = read(Boot(), PARTS).kernels
    assert list(kernels) == ["7.0.0-31-generic", "7.0.0-38-generic", "7.1.0-custom"]
    assert kernels["7.0.0-31-generic"].package == "linux-image-7.0.0-31-generic"
    assert kernels["7.0.0-38-generic"].package == "linux-image-unsigned-7.0.0-38-generic"
    assert kernels["7.0.0-38-generic"].initrd.mtime == 1791000100
    assert kernels["7.0.0-38-generic"].modules is True
    custom = kernels["7.1.0-custom"]
    assert (custom.package, custom.initrd, custom.modules) == (ABSENT, ABSENT, False)


def test_room_in_boot_is_counted_in_bytes() -> None:
    assert read(Boot(), PARTS).free == Space(size=4_096_000, free=409_600)


def test_who_asked_for_a_reboot_is_named() -> None:
    assert read(Boot(), PARTS).reboot_required == ("linux-image-7.0.0-38-generic",)
    assert read(Boot(), {**PARTS, "reboot_required": ""}).reboot_required is ABSENT


def test_the_script_reads_a_whole_boot_folder(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            **DEFAULTS,
            "boot/grub/grubenv": ARMED + "#" * 700,
            "boot/grub/grub.cfg": fixture("boot/grub.cfg"),
            "boot/vmlinuz-7.0.0-38-generic": "k" * 10,
            "boot/vmlinuz-7.0.0-38-generic.dpkg-tmp": "k",
            "boot/initrd.img-7.0.0-38-generic": "i" * 20,
            "lib/modules/7.0.0-38-generic/kernel/x.ko": "",
            "var/lib/dpkg/info/linux-image-7.0.0-38-generic.list": f"{tmp_path}"
            "/boot/vmlinuz-7.0.0-38-generic\n",
            "run/reboot-required": "",
        },
    )
    boot = run_below(Boot(), tmp_path, *FOLDERS)
    assert boot.setting_tokens("GRUB_CMDLINE_LINUX") == ()
    kernel = boot.kernels["7.0.0-38-generic"]
    assert (kernel.image.size, kernel.initrd.size, kernel.modules) == (10, 20, True)
    assert kernel.package == "linux-image-7.0.0-38-generic"
    assert list(boot.kernels) == ["7.0.0-38-generic"]
    assert boot.next_entry == "gnulinux-advanced-6f0b>gnulinux-7.0.0-38-generic-advanced-6f0b"
    assert [entry.path for entry in boot.entries] == [
        entry.path for entry in read_boot(fixture("boot/grub.cfg")).entries
    ]
    assert boot.reboot_required == ()
    assert boot.free.free > 0


def test_a_machine_without_grub_has_neither_menu_nor_environment(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    boot = run_below(Boot(), tmp_path, *FOLDERS)
    assert (boot.entries, boot.environment, boot.saved_entry) == (ABSENT, ABSENT, ABSENT)
    assert (boot.settings, boot.kernels, boot.kernel_packages) == ({}, {}, ())


def test_comments_are_left_on_the_host() -> None:
    assert SPEAKING in Boot().script()


def test_initramfs_contents_are_listed_by_path() -> None:
    found = read(
        Initramfs(),
        {
            "image": "/boot/initrd.img-7.0.0-38-generic",
            "files": "usr/lib/firmware/xe/bmg_guc_70.bin.zst\n"
            "usr/lib/modules/7.0.0-38-generic/kernel/drivers/gpu/drm/xe/xe.ko.zst\n",
            "count": "2311",
        },
    )
    assert found.files[0] == "usr/lib/firmware/xe/bmg_guc_70.bin.zst"
    assert found.count == 2311


def test_initramfs_of_a_host_without_one_is_absent_and_without_the_tool_unknown(
    tmp_path: Path,
) -> None:
    assert Initramfs().on_demand
    script = relocated(Initramfs().script(), tmp_path, "/boot")
    assert run_as(Initramfs(), wrap(script, 10)).image is ABSENT
    plant(tmp_path, {"boot/initrd.img-1": "", "boot/initrd.img-1.old": ""})
    script = script.replace("lsinitramfs", "lsinitramfs-b70-missing")
    found = run_as(Initramfs(), wrap(script, 10))
    assert found.image == f"{tmp_path}/boot/initrd.img-1"
    assert isinstance(found.files, Unknown)


def test_the_package_of_a_kernel_is_the_one_that_owns_its_image() -> None:
    images = "".join(f"13 1 /boot/vmlinuz-6.17.{number}-1-pve\n" for number in (2, 4, 9))
    owners = (
        "/var/lib/dpkg/info/proxmox-kernel-6.17.2-1-pve-signed.list:/boot/vmlinuz-6.17.2-1-pve\n"
        "/var/lib/dpkg/info/linux-image-6.17.4-1-pve:amd64.list:/boot/vmlinuz-6.17.4-1-pve\n"
        "\n"
    )
    kernels = read_boot(images=images, owners=owners).kernels
    assert [kernel.package for kernel in kernels.values()] == [
        "proxmox-kernel-6.17.2-1-pve-signed",
        "linux-image-6.17.4-1-pve",
        ABSENT,
    ]


def test_an_owner_without_a_version_in_its_name_is_found_as_well(tmp_path: Path) -> None:
    lists = {"linux-image-6.1.0-1.list": "6.1.0-1", "my-kernel.list": "9-mine", "x1.2.list": "none"}
    tree = {
        f"var/lib/dpkg/info/{name}": f"{tmp_path}/boot/vmlinuz-{r}\n" for name, r in lists.items()
    }
    kernels = {
        f"boot/vmlinuz-{release}": "k" for release in ("6.1.0-1", "9-mine", "6.1.0-1-copied")
    }
    plant(tmp_path, tree | kernels)
    found = run_below(Boot(), tmp_path, *FOLDERS).kernels
    assert {release: kernel.package for release, kernel in found.items()} == {
        "6.1.0-1": "linux-image-6.1.0-1",
        "6.1.0-1-copied": ABSENT,
        "9-mine": "my-kernel",
    }


def test_a_diverted_image_belongs_to_whoever_diverted_it(tmp_path: Path) -> None:
    names = ("ours-6.1", "theirs-6.1", "ours-6.2", "ours-6.3", "mine-6.3")
    tree = {
        f"var/lib/dpkg/info/{name}.list": f"{tmp_path}/boot/vmlinuz-{name[-3:]}\n" for name in names
    }
    tree |= {f"boot/vmlinuz-{release}": "k" for release in ("6.1", "6.2", "6.3")}
    rows = [
        ("/bin/sh", "/bin/sh.distrib", "dash"),
        ("/boot/vmlinuz-6.1", "/boot/vmlinuz-6.1.distrib", "theirs-6.1"),
        ("/boot/vmlinuz-6.2", "/boot/vmlinuz-6.2.old", ":"),
    ]
    tree["var/lib/dpkg/diversions"] = "".join(f"{line}\n" for row in rows for line in row)
    plant(tmp_path, tree)
    found = run_below(Boot(), tmp_path, *FOLDERS).kernels
    assert found["6.1"].package == "theirs-6.1"
    assert found["6.2"].package is ABSENT
    several = found["6.3"].package
    assert isinstance(several, Unknown)
    assert several.reason == "several packages list it: mine-6.3, ours-6.3"


@pytest.mark.parametrize("folder", ["/lib/modules", "/usr/lib/modules"])
def test_an_image_that_a_package_brings_beside_its_modules_belongs_to_it(
    tmp_path: Path, folder: str
) -> None:
    tree = {
        "var/lib/dpkg/info/kernel-6.9.list": f"/.\n{folder}/6.9\n{folder}/6.9/vmlinuz\n",
        "var/lib/dpkg/info/modules-6.9.list": f"/.\n{folder}/6.9\n",
        "boot/vmlinuz-6.9": "k",
        "boot/vmlinuz-6.8": "k",
    }
    plant(tmp_path, tree)
    found = run_below(Boot(), tmp_path, *FOLDERS).kernels
    assert {release: kernel.package for release, kernel in found.items()} == {
        "6.8": ABSENT,
        "6.9": "kernel-6.9",
    }


def test_one_odd_line_of_grubs_settings_makes_only_its_variable_unknown() -> None:
    lines = ("1:GRUB_DEFAULT=saved", "2:GRUB_TIMEOUT=5 #\udce9")
    boot = read_boot(settings="".join(f"/etc/default/grub:{line}\n" for line in lines))
    assert boot.settings["GRUB_DEFAULT"] == "saved"
    assert isinstance(boot.settings["GRUB_TIMEOUT"], Unknown)
    assert [(line.place, line.number) for line in boot.odd] == [("/etc/default/grub", 2)]


def test_kernels_below_boot_belong_to_whoever_put_them_there() -> None:
    images = "1 1 /boot/vmlinuz-7\n1 1 /boot/b70fleet/set/vmlinuz-8\n1 1 /boot/grub/vmlinuz-9\n"
    assert list(read_boot(images=images).kernels) == ["7"]


def test_the_menus_beside_grub_cfg_are_carried_with_their_own_lines(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "boot/grub/grub.cfg": "\n\nset timeout=0\nsource $prefix/custom.cfg\n",
            "boot/grub/custom.cfg": "#b70 menu:/boot/grub/grub.cfg\n\nmenuentry 'A' { linux /a; }",
        },
    )
    boot = run_below(Boot(), tmp_path, *FOLDERS)
    (entry,) = boot.entries
    assert (entry.file, entry.line, entry.section) == ("/boot/grub/custom.cfg", 3, None)
    assert boot.files.texts["/boot/grub/grub.cfg"].startswith("\n\nset timeout=0\n")


def test_a_menu_that_is_too_large_or_cut_is_unknown(tmp_path: Path) -> None:
    plant(tmp_path, {"boot/grub/grub.cfg": "# 0123456789\n" * 50_000})
    boot = run_below(Boot(), tmp_path, *FOLDERS)
    assert isinstance(boot.entries, Unknown)
    assert "512 KiB" in boot.entries.reason
    assert isinstance(boot.now, Unknown)
    parts = {**boot_parts("a\n"), "menu:/boot/grub/grub.cfg": "1:a\n3:b\n"}
    assert "line 2 is missing" in read(Boot(), parts).entries.reason


def test_a_menu_that_only_root_may_read_is_unknown() -> None:
    boot = read(Boot(), {**boot_parts(), "menu:/boot/grub/grub.cfg": lack("!", "needs root")})
    assert boot.entries == Unknown("needs root")
    assert isinstance(boot.now, Unknown)


def test_what_boots_now_stands_beside_the_menu() -> None:
    now = read_boot("set timeout=0\nset default=b\nmenuentry B --id b { linux /b; }\n").now
    assert (now.entry, now.once, now.waits) == ("b", False, None)
    assert now.because == ("/boot/grub/grub.cfg:2: set default=b",)
    assert read_boot().now is ABSENT


def test_the_tools_that_write_the_menu_are_named(tmp_path: Path) -> None:
    tool = "PACKAGE_VERSION=2.12-1ubuntu7\nexport GRUB_DEFAULT \\\n  GRUB_FLAVOUR_ORDER\n"
    plant(
        tmp_path,
        {"usr/sbin/grub-mkconfig": tool, "etc/grub.d/10_linux": "", "etc/grub.d/README": ""},
    )
    (tmp_path / "etc/grub.d/10_linux").chmod(0o755)
    boot = run_below(Boot(), tmp_path, *FOLDERS)
    assert (boot.version, boot.knows_flavours) == ("2.12-1ubuntu7", True)
    assert boot.scripts == ("10_linux",)
    assert read_boot(tools="/usr/sbin/grub-mkconfig:1:PACKAGE_VERSION=2\n").knows_flavours is False
    assert read_boot().knows_flavours is ABSENT


def test_the_environment_block_is_read_byte_by_byte(tmp_path: Path) -> None:
    folder = tmp_path / "boot/grub"
    folder.mkdir(parents=True)
    (folder / "real").write_bytes(ENVIRONMENT.encode() + b"x=\xff\n" + b"#" * 900)
    (folder / "grubenv").symlink_to("real")
    boot = run_below(Boot(), tmp_path, *FOLDERS)
    assert boot.block.symlink
    assert boot.environment["x"] == "\ufffd"
    assert boot.block.variables["x"].where.line == 3
    (folder / "real").write_bytes(b"\0" * 1024)
    damaged = run_below(Boot(), tmp_path, *FOLDERS)
    assert (damaged.environment, damaged.block.damage) == ({}, "its first line is not GRUB's")
    assert damaged.saved_entry is ABSENT


def test_the_root_file_system_is_known_by_every_name_of_its_device() -> None:
    places = (
        "64769 0:0 /\n2050 0:0 /boot/grub\n5 8:2 /dev/disk/by-uuid/AAAA-1\n"
        "5 fd:1 /dev/disk/by-uuid/bbbb\n5 fd:1 /dev/mapper/vg-root\n5 8:3 /dev/disk/by-partuuid/c\n"
    )
    boot = read_boot(places=places, cmdline="root=LABEL=x ro")
    assert boot.own_roots == {"UUID=bbbb", "/dev/mapper/vg-root", "LABEL=x"}
    assert boot.files.uuids == {"aaaa-1"}
