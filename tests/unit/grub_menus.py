"""What GRUB's own scripts write into a menu, in the layouts of several releases."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.unit.boot_facts import NEW, OLD

#: What grub-mkconfig writes first.
HEADER = """\
### BEGIN /etc/grub.d/00_header ###
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi
function savedefault {
  if [ -z "${boot_once}" ]; then
    saved_entry="${chosen}"
    save_env saved_entry
  fi
}
### END /etc/grub.d/00_header ###
"""
#: 30_uefi-firmware of GRUB 2.06, where the firmware has settings.
FIRMWARE_206 = """\
### BEGIN /etc/grub.d/30_uefi-firmware ###
menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
	fwsetup
}
### END /etc/grub.d/30_uefi-firmware ###
"""
#: 30_uefi-firmware of GRUB 2.12: the menu itself asks for it at boot.
FIRMWARE_212 = """\
### BEGIN /etc/grub.d/30_uefi-firmware ###
if [ "$grub_platform" = "efi" ]; then
	fwsetup --is-supported
	if [ "$?" = 0 ]; then
		menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
			fwsetup
		}
	fi
fi
### END /etc/grub.d/30_uefi-firmware ###
"""
#: 20_linux_xen, put before 10_linux, as people do who want Xen by default.
XEN = """\
### BEGIN /etc/grub.d/08_linux_xen ###
menuentry 'Debian GNU/Linux, with Xen' $menuentry_id_option 'xen-gnulinux-simple-6f0b' {
	insmod ext2
	multiboot2	/boot/xen-4.17-amd64.gz placeholder
	module2	/boot/vmlinuz-6.1.0-18-amd64 placeholder root=UUID=xen ro
	module2	--nounzip	/boot/initrd.img-6.1.0-18-amd64
}
### END /etc/grub.d/08_linux_xen ###
"""


@dataclass(frozen=True)
class Style:
    """How a distribution's 10_linux writes an entry.

    Args:
        name: of the system.
        script: of 10_linux.
        first: commands before the root is looked for.
        efi: `linuxefi` and `initrdefi` in place of `linux` and `initrd`.
    """

    name: str
    script: str = "10_linux"
    first: tuple[str, ...] = ("load_video", "insmod gzio")
    efi: bool = False


DEBIAN = Style(
    "Debian GNU/Linux",
    first=(
        "load_video",
        "insmod gzio",
        "if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi",
    ),
)
UBUNTU = Style(
    "Ubuntu",
    first=(
        "recordfail",
        "load_video",
        "gfxmode $linux_gfx_mode",
        "insmod gzio",
        "if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi",
    ),
)
DEBIAN_212 = Style(
    "Debian GNU/Linux",
    first=(
        "load_video",
        "set gfxpayload=keep",
        "insmod gzio",
        "if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi",
        "insmod part_gpt",
    ),
)
EFI = Style("Debian GNU/Linux", efi=True)
ZFS = Style("Ubuntu", script="10_linux_zfs", first=("recordfail", "load_video", "insmod zfs"))
STYLES = {"2.06": DEBIAN, "2.12": DEBIAN_212, "ubuntu": UBUNTU, "linuxefi": EFI}


@dataclass(frozen=True)
class Place:
    """Where a host's system lies.

    Args:
        boot: /boot as GRUB sees it, with a quote mark in front where it is quoted.
        root: words that name the root file system.
        module: GRUB's module for the file system.
    """

    boot: str = "/boot"
    root: str = "root=UUID=6f0b ro"
    module: str = "ext2"


PLAIN = Place()
OWN_PARTITION = Place("", "root=UUID=6f0b ro")
BTRFS = Place("/@rootfs/boot", "root=UUID=6f0b ro rootflags=subvol=@rootfs", "btrfs")
LVM = Place("/boot", "root=/dev/mapper/vg0-root ro", "lvm")
ZPOOL = Place('"/BOOT/ubuntu_1a2b@', 'root=ZFS="rpool/ROOT/ubuntu_1a2b" ro', "zfs")
PLACES = {"plain": PLAIN, "own": OWN_PARTITION, "btrfs": BTRFS, "lvm": LVM, "zfs": ZPOOL}


def linux_section(
    style: Style = DEBIAN,
    place: Place = PLAIN,
    words: str = "quiet",
    *,
    releases: Sequence[str] = (NEW, OLD),
    early: Sequence[str] = (),
    initrd: bool = True,
    submenu: bool = True,
    extra: Sequence[str] = (),
) -> str:
    """Return what 10_linux writes.

    Args:
        style: of the distribution.
        place: where the system lies.
        words: of GRUB_CMDLINE_LINUX and GRUB_CMDLINE_LINUX_DEFAULT.
        releases: kernels, the newest first.
        early: images of microcode, loaded before the initial RAM disk.
        initrd: the kernels have initial RAM disks.
        submenu: without GRUB_DISABLE_SUBMENU.
        extra: further commands of each entry.
    """
    command = "linuxefi" if style.efi else "linux"
    end = place.boot[0] if place.boot[:1] in ("'", '"') else ""

    def entry(title: str, name: str, release: str, line: str, depth: int) -> list[str]:
        images = [f"{place.boot}/{image}{end}" for image in (*early, f"initrd.img-{release}")]
        commands = [
            *style.first,
            *extra,
            f"insmod {place.module}",
            "set root='hd0,gpt2'",
            "if [ x$feature_platform_search_hint = xy ]; then",
            "  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2 6f0b",
            "else",
            "  search --no-floppy --fs-uuid --set=root 6f0b",
            "fi",
            f"echo\t'Loading Linux {release} ...'",
            f"{command}\t{place.boot}/vmlinuz-{release}{end} {place.root} {line}",
        ]
        if initrd:
            commands += [
                "echo\t'Loading initial ramdisk ...'",
                f"{command.replace('linux', 'initrd')}\t{' '.join(images)}",
            ]
        tabs = "\t" * depth
        return [
            f"{tabs}menuentry '{title}' --class gnu-linux --class gnu --class os "
            f"$menuentry_id_option '{name}' {{",
            *(f"{tabs}\t{command}" for command in commands),
            f"{tabs}}}",
        ]

    lines = [f"### BEGIN /etc/grub.d/{style.script} ###", "function gfxmode {", "\ttrue", "}"]
    if submenu:
        lines += entry(style.name, "gnulinux-simple-6f0b", releases[0], f" {words}", 0)
        lines.append(
            f"submenu 'Advanced options for {style.name}' $menuentry_id_option "
            "'gnulinux-advanced-6f0b' {"
        )
    for release in releases:
        depth = 1 if submenu else 0
        title = f"{style.name}, with Linux {release}"
        lines += entry(title, f"gnulinux-{release}-advanced-6f0b", release, f" {words}", depth)
        lines += entry(
            f"{title} (recovery mode)",
            f"gnulinux-{release}-recovery-6f0b",
            release,
            "single nomodeset",
            depth,
        )
    if submenu:
        lines.append("}")
    return "\n".join([*lines, "", f"### END /etc/grub.d/{style.script} ###", ""])


#: Lines of a menu that open a block which is not run while the menu is read.
_BLOCK = re.compile(r"^(\s*)(menuentry|submenu|function) .*\{")
_ID = re.compile(r"'([^']*)' \{")


@dataclass(frozen=True)
class Shown:
    """A menu as GRUB shows it.

    Args:
        entries: ids at the top level, in order.
        default: id, title or path of the entry that boots.
        fallback: id of the one that boots when that cannot be loaded, "" = none.
    """

    entries: tuple[str, ...]
    default: str
    fallback: str


def shown(menu: str, environment: Mapping[str, str], *, firmware_asks: bool = False) -> Shown:
    """Return what GRUB makes of a menu: its commands are run by sh, whose words are the same.

    Args:
        menu: text of grub.cfg.
        environment: GRUB's environment block.
        firmware_asks: the firmware has settings that can be reached at boot.
    """
    found = [f'{name}="{value}"' for name, value in environment.items()]
    found += [
        "fwsetup() { return " + ("0" if firmware_asks else "1") + "; }",
        'entry() { printf "%s\\n" "$1"; }',
        "load_env() { :; }; save_env() { :; }; grub_platform=efi",
    ]
    end = None
    for line in menu.split("\n"):
        block = _BLOCK.match(line)
        name = _ID.search(line)
        if end is not None:
            end = None if line == end else end
        elif block is not None:
            end = None if line.endswith("}") else block[1] + "}"
            if name is not None:
                found.append(f"entry '{name[1]}'")
        else:
            found.append(re.sub(r"(^|[\s;])set ", r"\1", line))
    found.append('printf "= %s\\n= %s\\n" "$default" "$fallback"')
    done = subprocess.run(
        ["sh", "-c", "\n".join(found)], capture_output=True, text=True, check=True, timeout=20
    )
    lines = done.stdout.split("\n")
    entries = tuple(line for line in lines if line and not line.startswith("= "))
    default, fallback = (line[2:] for line in lines if line.startswith("= "))
    return Shown(entries, default, entries[int(fallback)] if fallback else "")
