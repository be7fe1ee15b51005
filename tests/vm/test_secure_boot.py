"""A machine with UEFI and Secure Boot: what boots there, and what does not. Four boots.

Firmware with Microsoft's keys, Debian's shim, GRUB and kernel: nothing is stood in for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from declaration.onhost import PRODUCTION
from facts.boot.efi import Efi, EfiBoot
from facts.boot.loader import Boot
from fleet.model.plan import HostState
from gates.boots import Boots, boots_now
from lab.errors import LabError
from lab.lab import Lab
from lab.vm.machine import VirtualMachine
from lab.vm.record import UEFI
from tests.boot.bootrig import make
from tests.machines import forget, own_name
from tests.ssh.controllers import only, wait_for

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
grub-set-default SIGNED
grub-reboot STRIPPED
sync
""".replace("SIGNED", SIGNED).replace("STRIPPED", STRIPPED)


@pytest.fixture(scope="module")
def machine(lab: Lab) -> Iterator[VirtualMachine]:
    """Return one machine for this file; its tests see each other's changes."""
    name = own_name("v", "-uefi")
    forget(lab, name)
    started = lab.up_vm(name, firmware=UEFI)
    started.write("/root/strip.py", STRIP)
    yield started
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


def test_a_boot_set_of_the_signed_kernel_boots_and_an_unsigned_one_is_refused_before_any_reboot(
    lab: Lab, machine: VirtualMachine, tmp_path: Path
) -> None:
    rig = make(lab, machine, tmp_path)
    rig.without_other_layers()
    # nobody signed the stand-in of the driver, so what it runs with cannot be seen
    wanted = {key: rig.with_installed_kernel()[key] for key in ("kernel", "cmdline")}
    rig.declare(wanted)
    finished = only(rig.converge(allow_reboot=True))
    assert finished.state is HostState.CONVERGED, finished.error
    words = machine.read("/proc/cmdline").split()
    assert words[0].endswith(f"/b70fleet/{rig.set_id}/vmlinuz"), "our copy, through shim and GRUB"
    assert f"b70fleet.set={rig.set_id}" in words
    assert rig.environment()["saved_entry"] == rig.set_id

    facts = rig.facts()
    boot, efi = facts[Boot], facts[Efi]
    assert isinstance(efi, EfiBoot)
    assert isinstance(efi.order, tuple)
    assert efi.options[efi.order[0]].path == r"\EFI\debian\shimx64.efi"
    now = boots_now(boot, efi)
    assert isinstance(now, Boots), now
    assert now.entry.path == rig.set_id

    kernel = f"/boot/vmlinuz-{rig.installed.release}"
    out(machine, f"cp -p {kernel} /root/signed && python3 /root/strip.py {kernel}")
    out(machine, f"rm {PRODUCTION} /boot/b70fleet/{rig.set_id}/manifest")
    before = machine.boot_id()
    refused = only(rig.converge(allow_reboot=True))
    assert refused.state is HostState.FAILED
    assert f"Secure Boot is on and {kernel} is not signed" in refused.error
    assert machine.boot_id() == before
    out(machine, f"mv /root/signed {kernel}")


def test_a_kernel_without_its_signature_is_refused_by_grub_and_a_signed_copy_boots_from_any_folder(
    machine: VirtualMachine,
) -> None:
    before, seen = machine.boot_id(), len(machine.serial())
    out(machine, ADD_ENTRIES)
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
