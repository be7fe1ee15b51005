"""Control groups: one per machine, so that its systemd can run and it can be ended whole.

Three layouts are known: systemd on the controller (a delegated scope), no systemd but mounted
hierarchies (unified, or version 1 with a `systemd` and a `unified` tree beside it), and nothing
mounted at all.
"""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.shell import run

MOUNT: Final = Path("/sys/fs/cgroup")
#: Slice of the lab's scopes on a controller that runs systemd.
SLICE: Final = "b70lab.slice"
#: Where the supervisor and where the machine sits, inside a machine's group.
WATCH, BOX = "watch", "box"
#: Seconds that killed processes may take to be gone; the kernel needs milliseconds.
_GONE_WITHIN_S: Final = 10.0


def controller_has_systemd() -> bool:
    """Return True if systemd runs this computer."""
    return Path("/run/systemd/system").is_dir()


def hierarchies(mount: Path = MOUNT) -> list[Path]:
    """Return the roots that take part in tracking processes; empty when none is mounted."""
    if (mount / "cgroup.procs").exists():
        return [mount]
    return [
        mount / tree for tree in ("systemd", "unified") if (mount / tree / "cgroup.procs").exists()
    ]


class Group:
    """The control group of one machine, in every hierarchy.

    Args:
        name: lab-wide unique name, starting with the lab's bridge name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        inside = Path(SLICE, f"{name}.scope") if controller_has_systemd() else Path(name)
        self.paths = [root / inside for root in hierarchies()]

    def spawn(self, command: list[str], log: Path) -> None:
        """Start a program in the group's WATCH part, detached from this process.

        Args:
            command: program and arguments.
            log: file that gets its output, appended.
        """
        self.create()
        script = f"{self.enter(WATCH)}exec {shlex.join(command)}"
        words = shlex.join([*self._launcher(), "sh", "-c", script])
        run(["sh", "-c", f"setsid {words} >>{shlex.quote(str(log))} 2>&1 </dev/null &"])

    def enter(self, part: str) -> str:
        """Return the sh commands with which a shell moves itself into a part of the group."""
        folders = [shlex.quote(str(path / part)) for path in self.paths]
        return "".join(f"mkdir -p {folder}; echo 0 >{folder}/cgroup.procs; " for folder in folders)

    def _launcher(self) -> list[str]:
        if not controller_has_systemd():
            return []
        return [
            "systemd-run",
            "--quiet",
            "--collect",
            "--scope",
            f"--slice={SLICE}",
            f"--unit={self.name}",
            "--property=Delegate=yes",
            "--",
        ]

    def create(self) -> None:
        """Make the group in every hierarchy (systemd makes it by itself)."""
        if not self.paths:
            raise LabError("no control group hierarchy is mounted", "b70 lab up mounts one")
        if not controller_has_systemd():
            for path in self.paths:
                path.mkdir(exist_ok=True)

    def pids(self, part: str = "") -> list[int]:
        """Return the processes in the group, or in one part of it."""
        found: set[int] = set()
        for path in self.paths:
            for folder in _tree(path / part if part else path):
                found.update(_read_pids(folder / "cgroup.procs"))
        return sorted(found)

    def remove(self) -> None:
        """Kill everything in the group and remove it.

        Raises:
            LabError: a process could not be killed.
        """
        deadline = time.monotonic() + _GONE_WITHIN_S
        while True:
            self._kill()
            if not self.pids():
                break
            if time.monotonic() > deadline:
                raise LabError(f"processes of {self.name} do not end: {self.pids()}")
            time.sleep(0.02)
        if controller_has_systemd():  # the scope's name is free again when this returns
            run(["systemctl", "stop", f"{self.name}.scope"], check=False)
        for path in self.paths:
            for folder in reversed(list(_tree(path))):
                _rmdir(folder, deadline)

    def _kill(self) -> None:
        for path in self.paths:
            if (path / "cgroup.kill").exists():
                (path / "cgroup.kill").write_text("1")
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def leftovers(prefix: str) -> list[str]:
    """Return the names of groups that start with `prefix`, whoever made them."""
    names: set[str] = set()
    for root in hierarchies():
        base = root / SLICE if controller_has_systemd() else root
        if base.is_dir():
            names.update(
                entry.name.removesuffix(".scope")
                for entry in base.iterdir()
                if entry.is_dir() and entry.name.startswith(prefix)
            )
    return sorted(names)


def _tree(folder: Path) -> Iterator[Path]:
    """Yield a group and all groups below it, parents first."""
    if not folder.is_dir():
        return
    yield folder
    try:
        children = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    except FileNotFoundError:
        return
    for child in children:
        yield from _tree(child)


def _read_pids(file: Path) -> list[int]:
    try:
        return [int(pid) for pid in file.read_text().split()]
    except (FileNotFoundError, OSError):
        return []


def _rmdir(folder: Path, deadline: float) -> None:
    """Remove an empty group; the kernel may call it busy for a moment after its last process."""
    while True:
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
