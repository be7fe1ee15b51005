"""Real GRUB without a Linux behind it: QEMU boots a disk whose kernels are probes.

The machine is as `lab/vm/qemu.py` makes it as far as a BIOS and a boot loader can see: chipset, CPU
model, emulation, disk, serial port.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.grub import probe
from lab.grub.errors import GrubError
from lab.grub.pick import cpu_s, shown
from lab.grub.probe import HandedOver

#: Port that the probe writes to (probe.S).
_EXIT: Final = "isa-debug-exit,iobase=0xf4,iosize=4"
#: Seconds of QEMU's CPU time without a word after which a menu or a prompt is final: GRUB polls the
#: keyboard without a pause, and it counts in seconds.
_SILENT_S: Final = 1.5
_STEP_S: Final = 0.2
#: GRUB waits 10 s after an error unless a key is pressed.
_ANY_KEY: Final = "Press any key to continue..."
#: What stands at the end of the screen when a person has to do something.
_PROMPT: Final = re.compile(r"(Enter username:|Enter password:|grub( rescue)?>)\s*$")
_MENU, _COUNTDOWN, _BOOTING = "GNU GRUB  version", "executed automatically in", "  Booting `"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one power-on came to.

    Args:
        handed_over: what the kernel got; None when GRUB waits for a person.
        screen: everything that came over the serial port.
    """

    handed_over: HandedOver | None
    screen: str


def command(disk: Path) -> list[str]:
    """Return the words that power a machine on whose serial port is standard input and output.

    Args:
        disk: raw system disk.
    """
    escaped = str(disk).replace(",", ",,")
    return [
        "qemu-system-x86_64",
        "-no-reboot",
        "-nodefaults",
        "-no-user-config",
        *("-display", "none"),
        *("-machine", "q35"),
        *("-accel", "tcg"),
        *("-cpu", "qemu64,-svm"),
        *("-m", "128"),
        *("-drive", f"file={escaped},if=none,id=disk0,format=raw,cache=unsafe"),
        *("-device", "virtio-blk-pci,drive=disk0,serial=system"),
        *("-device", _EXIT),
        *("-chardev", "stdio,id=serial,signal=off"),
        *("-serial", "chardev:serial"),
    ]


def boot(disk: Path, timeout_s: float) -> Attempt:
    """Power on, and wait until a kernel has run or GRUB waits for a person.

    A key is pressed whenever GRUB asks for any key, so that an error costs no 10 s.

    Args:
        disk: raw system disk; GRUB writes its environment block.
        timeout_s: seconds until one of the two must be so.

    Raises:
        GrubError: neither came true, or QEMU failed.
    """
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *command(disk)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if process.stdin is None or process.stdout is None:
        raise GrubError("QEMU has no serial port")
    keys, output = process.stdin.fileno(), process.stdout.fileno()
    said, screen, pressed, heard = b"", "", 0, 0.0
    deadline = time.monotonic() + timeout_s
    try:
        while time.monotonic() < deadline:
            if select.select([output], [], [], _STEP_S)[0]:
                data = os.read(output, 65536)
                said, heard = said + data, cpu_s(process)
                screen = shown(said)
                handed_over = probe.parse(screen)
                if handed_over:
                    process.wait(timeout=deadline - time.monotonic())
                    return Attempt(handed_over, screen)
                if not data:
                    break
                if screen.count(_ANY_KEY) > pressed:
                    pressed += 1
                    os.write(keys, b" ")
            elif cpu_s(process) > heard + _SILENT_S and waits(screen):
                return Attempt(None, screen)
        raise GrubError(f"no kernel and no prompt within {timeout_s:g} s: {screen[-500:]}")
    finally:
        process.kill()
        process.communicate()


def waits(screen: str) -> bool:
    """Return True if GRUB goes on only when a person does something.

    Args:
        screen: everything shown so far.
    """
    if _PROMPT.search(screen):
        return True
    menu = screen.rfind(_MENU)
    return menu >= 0 and not any(word in screen[menu:] for word in (_COUNTDOWN, _BOOTING))
