"""The process that is a User-mode Linux machine: `python -m lab.uml.supervisor FOLDER`.

Each turn of its loop is one boot: GRUB's own code chooses an entry from the disk and writes its
environment back, kernel and initramfs are taken out of that disk as GRUB would, the kernel runs,
and how it ended decides what comes next. SIGUSR1 is the reset button. Cutting the power is a
SIGKILL to the machine's whole control group.

It imports the standard library and pure parts of the lab only: there is one per machine.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from lab.grub.errors import GrubError
from lab.grub.pick import Choice, Place, Waits, pick
from lab.grub.read import read
from lab.uml.plan import End, Ended, Plan, cpu, hardware, judge

#: Files in the machine's folder (see `lab.uml.machine`).
PLAN, SERIAL, AGENT, BOOTS = ("plan.json", "serial.log", "agent.sock", "boots.jsonl")
#: Seconds that GRUB may take; its menu waits for as long as its `timeout` says.
_GRUB_WITHIN_S: Final = 60.0
_CHUNK: Final = 65536


class Machine:
    """A machine that is switched on.

    Args:
        folder: its folder; the process works there.
        plan: what it is made of.
        agent: the guest's end of the agent's line.
    """

    def __init__(self, folder: Path, plan: Plan, agent: socket.socket) -> None:
        self._folder = folder
        self._plan = plan
        self._agent = agent
        self._boot = 0
        self._pressed = threading.Event()

    def press(self, _signal: int, _frame: object) -> None:
        """Press the reset button: whatever runs now is ended, and the next boot begins."""
        self._pressed.set()
        self._end_box()
        for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            _kill(int(pid))

    def run(self) -> None:
        """Boot, and boot again, until it is switched off."""
        while (ended := self._once()).end is not End.OFF:
            self._pressed.wait(ended.wait_s)
            if self._pressed.is_set():
                self._say("reset\n")
                self._pressed.clear()

    def _once(self) -> Ended:
        """Boot once."""
        self._boot += 1
        begin = time.monotonic()
        choice: Choice | None = None
        ended = Ended(End.DEAD, None)
        try:
            choice = self._choose()
            if choice:
                ended = self._kernel(choice)
        except (GrubError, OSError) as error:  # a kernel that is no program cannot be run
            self._say(f"{error}\n")
        self._end_box()
        self._remember(choice, ended, time.monotonic() - begin)
        return ended

    def _choose(self) -> Choice | None:
        """Let GRUB choose, and take what it chose out of the disk.

        Raises:
            GrubError: GRUB was ended, or cannot read what it chose.
        """
        grub, disk = self._plan.grub, self._folder / self._plan.disks["system"]
        choice = pick(grub.emu, disk, Place(grub.device, grub.prefix), _GRUB_WITHIN_S)
        self._say(f"{choice.screen}\n")
        if isinstance(choice, Waits):
            return None
        read(grub.fstest, disk, choice.device, choice.kernel, self._folder / "kernel")
        (self._folder / "kernel").chmod(0o755)
        if choice.initrd:
            read(grub.fstest, disk, choice.device, choice.initrd[0], self._folder / "initrd")
        return choice

    def _kernel(self, choice: Choice) -> Ended:
        """Run the kernel to its end."""
        words = [f"BOOT_IMAGE={choice.kernel}", *choice.words]
        plugged = hardware(self._plan, choice.kernel, words, self._boot, bool(choice.initrd))
        plugged.append(f"ssl1=fd:{self._agent.fileno()}")
        environ = {"PATH": "/usr/bin:/bin", "TMPDIR": "/dev/shm"}
        environ["B70LAB_HARDWARE"] = "\n".join(plugged)
        shutil.rmtree(self._folder / self._plan.name, ignore_errors=True)  # its monitor's socket
        console = self._folder / SERIAL
        before, begin = console.stat().st_size, time.monotonic()
        chosen = cpu(self._plan.number, os.sched_getaffinity(0), taken(self._plan.box))
        with console.open("ab") as out:
            process = subprocess.Popen(
                ["./kernel", *words],
                cwd=self._folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                pass_fds=[self._agent.fileno()],
                start_new_session=True,
                preexec_fn=lambda: self._enter_box(chosen),
            )
        status = process.wait()
        with console.open("rb") as log:
            log.seek(before)
            said = log.read().decode(errors="replace")
        return judge(status, time.monotonic() - begin, said)

    def _enter_box(self, chosen: int) -> None:
        os.sched_setaffinity(0, {chosen})
        for folder in self._plan.box:
            Path(folder, "cgroup.procs").write_text("0")

    def _end_box(self) -> None:
        """End what the kernel runs in: its guest's processes are processes here."""
        for folder in self._plan.box:
            for pid in Path(folder, "cgroup.procs").read_text().split():
                _kill(int(pid))

    def _say(self, text: str) -> None:
        with (self._folder / SERIAL).open("a") as console:
            console.write(text)

    def _remember(self, choice: Choice | None, ended: Ended, took_s: float) -> None:
        about = {
            "boot": self._boot,
            "kernel": choice.kernel if choice else None,
            "words": list(choice.words) if choice else [],
            "end": ended.end.name,
            "seconds": round(took_s, 2),
        }
        with (self._folder / BOOTS).open("a") as log:
            log.write(json.dumps(about) + "\n")


def taken(boxes: Sequence[str]) -> Iterator[int]:
    """Yield the CPU of every machine of this computer that runs.

    Args:
        boxes: control group folders of one machine's kernel; the others lie beside it.
    """
    for box in map(Path, boxes[:1]):
        for file in box.parent.parent.glob(f"*/{box.name}/cgroup.procs"):
            with suppress(OSError):  # it ends just now
                for pid in file.read_text().split()[:1]:
                    yield from os.sched_getaffinity(int(pid))


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def serve_agent(folder: Path) -> socket.socket:
    """Carry the agent's socket over to its line in the guest; one client at a time.

    Args:
        folder: the machine's; gets the socket.

    Returns:
        The guest's end of the line. It stays open between boots.
    """
    (folder / AGENT).unlink(missing_ok=True)
    ours, guests = socket.socketpair()
    server = socket.socket(socket.AF_UNIX)
    os.chdir(folder)  # a socket's path may have 107 characters only
    server.bind(AGENT)
    server.listen(1)
    threading.Thread(target=carry, args=(server, ours), daemon=True).start()
    return guests


def carry(server: socket.socket, line: socket.socket) -> None:
    """Join one client after the other with the line."""
    while True:
        client, _ = server.accept()
        with client:
            while _pass_on(client, line):
                pass


def _pass_on(client: socket.socket, line: socket.socket) -> bool:
    """Pass on what is there; return False when the client is gone."""
    ready = select.select([client, line], [], [])[0]
    try:
        if line in ready:
            client.sendall(line.recv(_CHUNK))
        if client in ready:
            data = client.recv(_CHUNK)
            if not data:
                return False
            line.sendall(data)
    except OSError:
        return False
    return True


def main() -> None:
    """Be the machine in the folder that is the only argument."""
    folder = Path(sys.argv[1]).resolve()
    plan = Plan.from_json((folder / PLAN).read_text())
    for part in plan.box:  # beside this process's own part of the control group
        Path(part).mkdir(exist_ok=True)
    machine = Machine(folder, plan, serve_agent(folder))
    signal.signal(signal.SIGUSR1, machine.press)
    machine.run()


if __name__ == "__main__":
    main()
