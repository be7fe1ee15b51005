"""Keeps one machine running: nspawn ends with 133 on a reboot and is started again.

The supervisor is a small sh script so that 64 of them weigh nothing; this module writes it,
starts it detached and finds the machine's first process.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from facts.shelltext import shell_text, shell_variables
from lab.cgroups import BOX, Group

#: Exit status of systemd-nspawn when the system inside asked for a reboot (systemd-nspawn(1)).
REBOOT: Final = 133


@dataclass(frozen=True, slots=True)
class Box:
    """Everything systemd-nspawn must know about one machine.

    Args:
        name: machine name, unique on this computer.
        hostname: what the machine calls itself.
        root: mounted root file system.
        probe: host folder with the fake tree.
        probe_inside: where the machine sees it.
        netns: path of the network namespace.
        folder: where console log, script and pid file lie.
    """

    name: str
    hostname: str
    root: Path
    probe: Path
    probe_inside: Path
    netns: Path
    folder: Path


def nspawn_command(box: Box) -> list[str]:
    """Return the systemd-nspawn command line of a machine."""
    return [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--keep-unit",
        "--register=no",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
        "--console=pipe",
        f"--machine={box.name}",
        f"--hostname={box.hostname}",
        f"--directory={box.root}",
        f"--bind={box.probe}:{box.probe_inside}",
        f"--network-namespace-path={box.netns}",
    ]


def script(box: Box, enter_box: str) -> str:
    """Return the supervisor's sh script.

    Args:
        box: the machine.
        enter_box: sh commands that move a shell into the machine's own part of its control group.
    """
    pid_file = box.folder / "nspawn.pid"
    variables = shell_variables(
        reboot=REBOOT,
        pid_file=str(pid_file),
        boot_id=str(box.probe / "proc/sys/kernel/random/boot_id"),
        machine=f"echo $$ >{shlex.quote(str(pid_file))}; exec {shlex.join(nspawn_command(box))}",
    )
    return f"{variables}enter_box() {{\n:\n{enter_box}\n}}\n{shell_text(__file__)}"


def start(box: Box, group: Group) -> None:
    """Start a machine under its supervisor, detached from this process."""
    file = box.folder / "supervisor.sh"
    file.write_text(script(box, group.enter(BOX)))
    group.spawn(["sh", str(file)], box.folder / "console.log")


def leader(folder: Path) -> int | None:
    """Return the pid of the machine's first process, or None while there is none."""
    try:
        nspawn = int((folder / "nspawn.pid").read_text())
        if "nspawn" not in Path(f"/proc/{nspawn}/comm").read_text():
            return None
        children = Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split()
    except (OSError, ValueError):
        return None
    for child in children:
        if _is_init(child):
            return int(child)
    return None


def _is_init(pid: str) -> bool:
    """Return True if a process is number 1 of a pid namespace of its own."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    numbers = [line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")]
    return bool(numbers) and len(numbers[0]) > 1 and numbers[0][-1] == "1"
