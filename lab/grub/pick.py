"""Which entry would GRUB boot from this disk now? GRUB's own code decides, in real time.

Debian 12's `grub-emu` 2.06 has no `linux` and no `initrd` command, so functions of these names see
what the chosen entry hands over (stand-ins.cfg). Everything else is GRUB's: reading the menu and
the environment block from a file system that nobody repaired, one-shot and saved entries,
`fallback`, passwords, the menu's time, writing the block back. Standard library only: a machine's
supervisor imports this file.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.grub.errors import GrubError

_STAND_INS: Final = Path(__file__).with_name("stand-ins.cfg")
#: Seconds of its own CPU time without a word on the screen after which GRUB waits for a person: it
#: polls the keyboard without a pause, so a busy computer proves nothing. It waits 10 s by itself
#: after an error ("Press any key to continue..."), and a hidden menu is silent for its whole time.
SILENT_S: Final = 13.0
#: Seconds between two looks at the clock.
_STEP_S: Final = 0.2
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z0-9]")
_BLOCK: Final = re.compile(r"^B70 (linux|initrd)\n(.*?)^B70 end\n", re.MULTILINE | re.DOTALL)
_PIECE: Final = re.compile(r"^<(.*)>$", re.MULTILINE)
#: GRUB says it when an entry with an error has ended; the stand-ins see to the error.
_ENTRY_ENDED: Final = "Press any key to continue..."
_OUR_ERROR: Final = "error: can't find command `b70_kernel_is_loaded'.\n"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a disk keeps its menu.

    Args:
        device: partition or volume as grub-emu names it: `hd0,msdos1`, `lvm/vg0-boot`.
        prefix: GRUB's folder there: `/boot/grub`, `/grub`, `/@rootfs/boot/grub`.
    """

    device: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What GRUB would boot.

    Args:
        kernel: path of the kernel as the entry writes it.
        words: what stands behind it.
        initrd: paths of the entry's initrds; empty when it names none or one of them is missing.
        device: where paths without a device of their own lie: the entry's `root`.
        screen: what GRUB put on the screen, without the stand-ins' words, for a console log.
    """

    kernel: str
    words: tuple[str, ...]
    initrd: tuple[str, ...]
    device: str
    screen: str

    @property
    def command_line(self) -> str:
        """Return the kernel's command line as GRUB 2.06 writes it (grub-core/lib/cmdline.c)."""
        return " ".join(["BOOT_IMAGE=" + _quoted(self.kernel), *map(_quoted, self.words)])


@dataclass(frozen=True, slots=True)
class Waits:
    """GRUB boots nothing: it stands in its menu or at a prompt, as it would for a person.

    Args:
        screen: what it put on the screen, as in a `Choice`.
    """

    screen: str


def pick(
    command: Sequence[str],
    disk: Path,
    place: Place,
    timeout_s: float,
    silent_s: float = SILENT_S,
) -> Choice | Waits:
    """Return the entry that GRUB chooses now, or that it boots nothing and waits for a person.

    The environment block of the disk is written as GRUB writes it. GRUB ends with this call, and
    with the thread that calls.

    Args:
        command: words that run grub-emu.
        disk: raw image of the whole disk; nobody else may have it open.
        place: where the menu lies on it.
        timeout_s: seconds until it must have decided; the menu's own time is part of them.
        silent_s: seconds of CPU time without a word on the screen after which it waits for a
            person.

    Raises:
        GrubError: grub-emu was killed, failed, or did not decide in time.
    """
    with tempfile.TemporaryDirectory(prefix="b70grub-") as folder:
        text = _STAND_INS.read_text()
        text = text.replace("@DEVICE@", place.device).replace("@PREFIX@", place.prefix)
        (Path(folder) / "grub.cfg").write_text(text)
        devices = Path(folder) / "device.map"
        devices.write_text(f"(hd0) {disk.resolve()}\n")
        words = [*command, "-m", str(devices), "-r", "host", "-d", folder]
        return _watch(words, timeout_s, silent_s)


def _watch(words: Sequence[str], timeout_s: float, silent_s: float) -> Choice | Waits:
    """Run grub-emu on a terminal until it has chosen, has fallen silent or has ended."""
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # nothing of the caller's: no language, and no display for a menu that asks for graphics
            env={"PATH": "/usr/bin:/bin", "TERM": "vt100", "SDL_VIDEODRIVER": "none"},
        )
    except OSError as error:
        os.close(master)
        raise GrubError(f"cannot run {words[0]}: {error}") from error
    finally:
        os.close(slave)
    try:
        said, heard = b"", cpu_s(process)
        deadline = time.monotonic() + timeout_s
        while True:
            data = _read(master)
            if data is None:
                _check_ended(process.wait(), shown(said))
                return Waits(_without_stand_ins(shown(said)))
            if data:
                said, heard = said + data, cpu_s(process)
                choice = parse(shown(said))
                if choice:
                    return choice
            if cpu_s(process) > heard + silent_s:
                return Waits(_without_stand_ins(shown(said)))
            if time.monotonic() > deadline:
                end = shown(said)[-500:]
                raise GrubError(f"GRUB chose nothing within {timeout_s:g} s; its screen: {end}")
    finally:
        process.kill()
        process.wait()
        os.close(master)


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Return the seconds of CPU time that a child has used (utime and stime, proc(5)).

    One that has ended used none: what it said is read to its end, and is not a person's turn.
    """
    if process.poll() is not None:  # reaped, perhaps by an event loop: the number may be another's
        return 0
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shown(output: bytes) -> str:
    """Return what a terminal's output says, without colours and cursor moves."""
    return _ESCAPES.sub("", output.decode(errors="replace")).replace("\r", "")


def parse(screen: str) -> Choice | None:
    """Return what the last entry on the screen boots, None while none has come to its end.

    Args:
        screen: everything shown so far.
    """
    blocks = list(_BLOCK.finditer(screen))
    kernels = [block for block in blocks if block[1] == "linux"]
    if not kernels:
        return None
    end = screen.find(_ENTRY_ENDED, kernels[-1].end())
    if end < 0:
        return None
    images = [block for block in blocks if block[1] == "initrd" and block.end() > kernels[-1].end()]
    device, kernel, *words = _words(kernels[-1])
    initrd = _words(images[-1]) if images else ()
    return Choice(kernel, tuple(words), initrd, device, _without_stand_ins(screen[:end]))


def _without_stand_ins(screen: str) -> str:
    return _BLOCK.sub("", screen).replace(_OUR_ERROR, "")


def _words(block: re.Match[str]) -> tuple[str, ...]:
    words = block[2].split("B70 word\n")[1:]
    return tuple("".join(_PIECE.findall(word)) for word in words)


def _quoted(word: str) -> str:
    escaped = re.sub(r"([\\'\"])", r"\\\1", word)
    return f'"{escaped}"' if " " in word else escaped


def _read(terminal: int) -> bytes | None:
    """Return what came within a step, None when the other side is closed."""
    if not select.select([terminal], [], [], _STEP_S)[0]:
        return b""
    try:
        return os.read(terminal, 65536) or None
    except OSError:  # Linux reports a closed pty as an I/O error
        return None


def _check_ended(status: int, screen: str) -> None:
    """Accept an `exit` of the menu itself: a real GRUB then leaves nothing that boots.

    Raises:
        GrubError: the process was killed or failed.
    """
    if status:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with {status}"
        raise GrubError(f"grub-emu {how}; its screen: {screen[-500:]}")
