"""A kernel of 1 KiB that tells what the boot loader handed over, and ends the machine.

To GRUB it is a Linux kernel, so real GRUB can be asked which entry it boots in 2 to 3 s of
emulation.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.shell import run

_SOURCE: Final = Path(__file__).with_name("probe.S")
_LINE: Final = re.compile(r"^B70 boots <(.*)> initrd ([0-9a-f]{8})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What a boot loader gives a kernel.

    Args:
        command_line: the kernel's command line.
        initrd_bytes: size of all initrds together.
    """

    command_line: str
    initrd_bytes: int


def build(target: Path) -> None:
    """Assemble the kernel.

    Args:
        target: file to write.

    Raises:
        LabError: binutils are missing or fail.
    """
    with tempfile.TemporaryDirectory(prefix="b70lab-") as scratch:
        code = Path(scratch) / "probe.o"
        run(["as", "--32", "-o", str(code), str(_SOURCE)])
        run(
            [
                "ld",
                "-m",
                "elf_i386",
                "-Ttext",
                "0",
                "--oformat",
                "binary",
                "-o",
                str(target),
                str(code),
            ]
        )


def parse(screen: str) -> HandedOver | None:
    """Return what the kernel printed, None while it has not run.

    Args:
        screen: everything that came over the serial port, without carriage returns.
    """
    found = _LINE.search(screen)
    return HandedOver(found[1], int(found[2], 16)) if found else None
