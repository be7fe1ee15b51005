"""The QEMU command line of a virtual machine, as a pure function on plain values.

TCG only: the same machine on every computer, with or without KVM.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: QEMU's sockets and the serial log; relative, since a socket's path may have 107 characters only.
QMP: Final = "qmp.sock"
AGENT: Final = "agent.sock"
SERIAL: Final = "serial.log"
#: ACPI table of the watchdog (lab/vm/watchdog.py).
WATCHDOG: Final = "wdat.bin"
#: The plainest model: without AVX and five-level page tables a boot takes 26 s of CPU; `max`: 37.
#: Without svm the guest does not load its own kvm.
_CPU: Final = "qemu64,-svm"
#: The last that Linux says on the console of a machine that is switched off.
_OFF: Final = "reboot: Power down"


@dataclass(frozen=True, slots=True)
class Hardware:
    """Everything QEMU must know about one machine; paths are relative to the machine's folder.

    Args:
        name: shown in process lists.
        disks: qcow2 files by the serial number that the guest sees, the system disk first.
        tap: link on the lab's bridge.
        mac: hardware address of the network card.
        serial: DMI product serial.
        board: DMI board name.
        oem: SMBIOS type 11 strings: the fake cards.
        cpus: number of virtual CPUs.
        memory_mib: RAM in MiB.
        uefi: files of the UEFI firmware and of its variables; None = a BIOS.
    """

    name: str
    disks: Mapping[str, str]
    tap: str
    mac: str
    serial: str
    board: str
    oem: tuple[str, ...] = ()
    cpus: int = 1
    memory_mib: int = 768
    uefi: tuple[str, str] | None = None


def command(hardware: Hardware, snapshot: str = "") -> list[str]:
    """Return the words that start a machine.

    Args:
        hardware: the machine.
        snapshot: saved state to go on from; empty = power on.
    """
    words = [
        "qemu-system-x86_64",
        "-name",
        hardware.name,
        "-no-reboot",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-machine",
        "q35,smm=on" if hardware.uefi else "q35",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        _CPU,
        "-smp",
        str(hardware.cpus),
        "-m",
        str(hardware.memory_mib),
        "-rtc",
        "base=utc,clock=host",
        "-chardev",
        f"file,id=serial,path={SERIAL},append=on",
        "-serial",
        "chardev:serial",
        "-chardev",
        f"socket,id=qmp,path={QMP},server=on,wait=off",
        "-mon",
        "chardev=qmp,mode=control",
        "-device",
        "virtio-serial-pci",
        "-chardev",
        f"socket,id=agent,path={AGENT},server=on,wait=off",
        "-device",
        "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        "-device",
        "virtio-rng-pci",
        "-netdev",
        f"tap,id=net,ifname={hardware.tap},script=no,downscript=no",
        "-device",
        f"virtio-net-pci,netdev=net,mac={hardware.mac},romfile=",
        "-smbios",
        f"type=1,manufacturer=b70lab,product=virtual rig,serial={_escaped(hardware.serial)}",
        "-smbios",
        f"type=2,manufacturer=b70lab,product={_escaped(hardware.board)}",
        # its timer may reset the machine, which ends QEMU like every other reset
        "-acpitable",
        f"file={WATCHDOG}",
        "-global",
        "ICH9-LPC.noreboot=false",
        "-action",
        "watchdog=reset",
    ]
    if hardware.uefi:
        code, variables = hardware.uefi
        # only system management mode, which is the firmware's, may write the variables
        words += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        words += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}"]
        words += ["-drive", f"if=pflash,unit=1,format=qcow2,cache=writethrough,file={variables}"]
    for text in hardware.oem:
        words += ["-smbios", f"type=11,value={_escaped(text)}"]
    for number, (serial, file) in enumerate(hardware.disks.items()):
        # A killed QEMU has handed every flushed write to this computer already; only if this
        # computer loses power itself is a disk torn, and then the lab's disks are thrown away.
        words += ["-drive", f"file={file},if=none,id=disk{number},format=qcow2,cache=unsafe"]
        words += ["-device", f"virtio-blk-pci,drive=disk{number},serial={serial}"]
    if snapshot:
        words += ["-loadvm", snapshot]
    return words


def script(hardware: Hardware, snapshot: str = "") -> str:
    """Return the sh script that runs a machine until it is switched off.

    QEMU ends at every reset and is started anew: TCG unpacks the next kernel over pages whose old
    code it has translated, and a warm boot takes twice as long as one in a fresh process.

    Args:
        hardware: the machine; the script runs in its folder.
        snapshot: saved state to go on from; empty = power on.
    """
    first, again = shlex.join(command(hardware, snapshot)), shlex.join(command(hardware))
    return (
        f"on() {{ \"$@\" || exit; ! tail -c 400 {SERIAL} | grep -q '{_OFF}' || exit 0; }}\n"
        f"on {first}\nwhile :; do on {again}; done\n"
    )


def _escaped(text: str) -> str:
    """Return a value for QEMU's option syntax, where a comma is doubled."""
    return text.replace(",", ",,")
