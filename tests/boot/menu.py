"""Entries of a machine's boot menu, as a person would name them to grub-reboot."""

from __future__ import annotations

from lab.booting import BootingMachine


def entry(vm: BootingMachine, release: str) -> str:
    """Return the id of the ordinary menu entry of a kernel, inside its submenu."""
    menu = vm.read("/boot/grub/grub.cfg")
    names = [word.strip("'") for word in menu.split() if word.startswith("'gnulinux-")]
    submenu = next(name for name in names if name.startswith("gnulinux-advanced-"))
    mine = next(name for name in names if name.startswith(f"gnulinux-{release}-advanced-"))
    return f"{submenu}>{mine}"
