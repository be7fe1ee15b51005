"""A machine with UEFI and Secure Boot: what boots there, and what does not. Three boots.

Firmware with Microsoft's keys, Debian's shim, GRUB and kernel: nothing is stood in for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest

from lab.errors import LabError
from lab.lab import Lab
from lab.vm.machine import VirtualMachine
from lab.vm.record import UEFI
from tests.machines import forget, own_name
from tests.ssh.controllers import wait_for

#: Seconds until firmware and GRUB must have refused a kernel; the CPU may be shared with others.
REFUSED_WITHIN_S = 240
#: Seconds that a command which starts several programs may take.
WITHIN_S = 180
#: What every kernel of such a machine says about the fake cards in its initramfs.
KERNEL_RUNS = "fakeb70.ko': -1 Key was rejected by service"
#: Folders below /boot of the two kernels that are copies of the installed one.
SIGNED, STRIPPED = "b70fleet/signed", "b70fleet/stripped"
#: Takes the signature off a PE program: the entry for certificates in its header, and what it
#: names at the end of the file (PE format, "Optional Header Data Directories").
STRIP = """
import struct, sys
program = bytearray(open(sys.argv[1], "rb").read())
entry = struct.unpack_from("<I", program, 0x3c)[0] + 24 + 112 + 4 * 8
begin, size = struct.unpack_from("<II", program, entry)
assert size and begin + size == len(program)
struct.pack_into("<II", program, entry, 0, 0)
open(sys.argv[1], "wb").write(program[:begin])
"""
#: Two entries beside the menu's own; the one that boots is the default from now on.
ADD_ENTRIES = r"""
set -e
release=$(uname -r)
for name in SIGNED STRIPPED; do
  mkdir -p /boot/$name
  cp /boot/vmlinuz-$release /boot/$name/vmlinuz
  cp /boot/initrd.img-$release /boot/$name/initrd.img
  sed -n '/^menuentry /,/^}/{p;/^}/q}' /boot/grub/grub.cfg |
  sed -e "1s|menuentry_id_option '[^']*'|menuentry_id_option '$name'|" \
      -e "s|/boot/vmlinuz-[^ ]*|/boot/$name/vmlinuz|; s|/boot/initrd.img-.*|/boot/$name/initrd.img|"
done >/boot/grub/custom.cfg
echo GRUB_DEFAULT=saved >>/etc/default/grub
update-grub
grub-set-default SIGNED
grub-reboot STRIPPED
sync
""".replace("SIGNED", SIGNED).replace("STRIPPED", STRIPPED)


@pytest.fixture(scope="module")
def machine(lab: Lab) -> Iterator[VirtualMachine]:
    """Return one machine for this file; its tests see each other's changes."""
    name = own_name("v", "-uefi")
    forget(lab, name)
    yield lab.up_vm(name, firmware=UEFI)
    lab.down([name])


def out(machine: VirtualMachine, command: str) -> str:
    return machine.run(command, timeout_s=WITHIN_S).stdout.strip()


def boot_entries(machine: VirtualMachine) -> dict[str, str]:
    """Return the firmware's boot variables by name, as efibootmgr shows them."""
    said = out(machine, "efibootmgr -v")
    return dict(re.findall(r"^(Boot\w+)[*:] (.*)$", said, re.MULTILINE))


def test_debians_signed_kernel_boots_through_shim_and_grub_with_secure_boot_on(
    machine: VirtualMachine,
) -> None:
    state = out(machine, "od -An -t u1 /sys/firmware/efi/efivars/SecureBoot-*").split()
    assert state[-1] == "1", "four bytes of attributes, then the state"
    assert "[integrity]" in machine.read("/sys/kernel/security/lockdown")
    assert out(machine, "systemctl is-system-running --wait || true") == "running"
    assert out(machine, "findmnt -n -o FSTYPE /boot/efi") == "vfat"
    entries = boot_entries(machine)
    assert f"Boot{entries['BootCurrent']}" in entries
    first = entries[f"Boot{entries['BootOrder'].split(',')[0]}"]
    assert first.startswith("debian"), "shim's fallback wrote it at this first start"
    assert r"\EFI\debian\shimx64.efi" in first
    assert KERNEL_RUNS in machine.serial(), "nobody signed the fake cards"
    assert out(machine, "lsmod | grep -c fakeb70 || true") == "0"


def test_a_kernel_without_its_signature_is_refused_and_a_signed_copy_boots_from_any_folder(
    machine: VirtualMachine,
) -> None:
    before, seen = machine.boot_id(), len(machine.serial())
    out(machine, ADD_ENTRIES)
    machine.write("/root/strip.py", STRIP)
    out(machine, f"python3 /root/strip.py /boot/{STRIPPED}/vmlinuz && sync")

    with suppress(LabError):  # the agent may end before it answers
        machine.run("systemctl reboot --no-block")
    wait_for(
        lambda: "you need to load the kernel first" in machine.serial()[seen:],
        "GRUB refuses the kernel",
        REFUSED_WITHIN_S,
    )
    assert "bad shim signature" in machine.serial()[seen:]
    assert KERNEL_RUNS not in machine.serial()[seen:]
    assert machine.is_running()

    # a person, or a watchdog: GRUB itself waits in its menu
    machine.reset()
    machine.wait_ready(not_boot_id=before)
    words = machine.read("/proc/cmdline").split()
    assert words[0].removeprefix("BOOT_IMAGE=").endswith(f"/boot/{SIGNED}/vmlinuz")
    assert "next_entry=\n" in out(machine, "grub-editenv - list") + "\n", "tried once"
    state = out(machine, "od -An -t u1 /sys/firmware/efi/efivars/SecureBoot-*").split()
    assert state[-1] == "1"
    entries = boot_entries(machine)
    assert entries["BootCurrent"] == entries["BootOrder"].split(",")[0]
    assert entries[f"Boot{entries['BootCurrent']}"].startswith("debian")
