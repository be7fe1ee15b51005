"""GRUB's commands by what they can do to the choice of an entry. Data.

The names are those of `command.lst` in Debian 12's and 13's GRUB (2.06, 2.12), of the commands that
are built into its kernel, and of those that Fedora and GRUB 2.14 add.
"""

from __future__ import annotations

from typing import Final


def names(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


#: Commands that a reader carries out.
CARRIED_OUT: Final = names(
    "[ . boot break continue echo export false initrd initrd16 initrdefi linux linux16 linuxefi "
    "load_env menuentry return save_env search search.file search.fs_label search.fs_uuid set "
    "setparams shift source submenu test true unset fwsetup authenticate cryptomount "
)
#: Commands that change nothing that decides, and of which nobody knows beforehand whether they
#: succeed.
HARMLESS: Final = names(
    "915resolution acpi background_color background_image backtrace badram blocklist cat cbmemc "
    "clear cmosclean cmosdump cmosset cmostest cmp coreboot_boottime cpuid crc cutmem date "
    "devicetree distrust drivemap dump efiemu_loadcore efiemu_prepare efiemu_unload efitextmode "
    "file fixvideo functional_test all_functional_test gdbstub gdbstub_break gdbstub_stop "
    "gettext gptsync hashsum hdparm hello help hexdump hexdump_random inb inl inw insmod keymap "
    "keystatus kfreebsd_loadenv kfreebsd_module kfreebsd_module_elf knetbsd_module "
    "knetbsd_module_elf kopenbsd_ramdisk legacy_check_password legacy_initrd "
    "legacy_initrd_nounzip legacy_password list_env list_trusted loadbios loadfont loopback ls "
    "lsacpi lsapm lscoreboot lsefi lsefimmap lsefisystab lsfonts lsmmap lsmod lspci lssal "
    "macppcbless mactelbless md5sum module module2 nativedisk outb outl outw parttool password "
    "password_pbkdf2 pcidump plainmount play read_byte read_dword read_word rmmod sendkey "
    "serial setpci sha1sum sha256sum sha512sum sleep terminal_input terminal_output terminfo "
    "test_blockarg testload testspeed time tr trust usb vbeinfo vbetest verify_detached version "
    "videoinfo videotest write_byte write_dword write_word wrmsr xen_module xnu_devprop_load "
    "xnu_kext xnu_kextdir xnu_mkext xnu_ramdisk xnu_splash xnu_uuid zfsinfo zfskey cmosinfo tpm "
    "tpm2_key_protector_init tpm2_key_protector_clear net_add_addr net_add_dns "
    "net_add_route net_del_addr net_del_dns net_del_route net_ipv6_autoconf net_ls_addr "
    "net_ls_cards net_ls_dns net_ls_routes net_nslookup net_set_vlan net_bootp net_bootp6 "
    "net_dhcp "
)
#: Commands that put something unforeseen into the variables that `--set` or `-s` names.
SETTING: Final = names("probe regexp smbios rdmsr net_get_dhcp_option zfs-bootfs")
#: Commands that put something unforeseen into one variable: its name, None = the first argument.
SETTING_ONE: Final[dict[str, str | None]] = {
    "hwmatch": "match",
    "read": None,
    "increment": None,
    "decrement": None,
    "getenv": None,
    "getkey": None,
}
#: Commands that load something other than Linux, which then boots.
LOADERS: Final = names(
    "chainloader multiboot multiboot2 xen_hypervisor freedos ntldr kfreebsd knetbsd kopenbsd "
    "legacy_kernel plan9 pxechainloader truecrypt xnu_kernel xnu_kernel64 xnu_resume appleldr "
)
#: Commands that leave the menu.
LEAVING: Final = names("exit halt normal normal_exit reboot")
#: Commands that go on with another menu.
OTHER_MENU: Final = names(
    "configfile extract_entries_configfile extract_legacy_entries_configfile "
    "extract_syslinux_entries_configfile legacy_configfile syslinux_configfile "
)
#: Commands that add entries which stand elsewhere.
ADDING: Final = names(
    "blscfg uki extract_entries_source extract_legacy_entries_source "
    "extract_syslinux_entries_source legacy_source syslinux_source "
)
#: Commands that run a text which is put together at boot.
RUNNING_TEXT: Final = frozenset(("eval",))
