"""One User-mode Linux machine: a supervisor that boots it, and what can happen to it.

A saved state is its disks: going back to one is a boot.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typing_extensions import override

from lab.booting import STEP_S, BootingMachine
from lab.cgroups import BOX, WATCH
from lab.errors import LabError
from lab.grub.tools import GrubTools
from lab.kinds import UML, Kind
from lab.network import link, mac
from lab.rigshape import RigShape
from lab.settings import Settings
from lab.uml import disks, mconsole, supervisor
from lab.uml.layout import layouts
from lab.uml.plan import Cards, Grub, Plan
from lab.uml.record import Showing, UmlRecord
from lab.vm import smbios, tap, wire

#: Seconds between two looks at a guest: one costs it a few milliseconds.
_LOOK_EVERY_S: Final = 0.1
#: Seconds until the supervisor of a started machine must serve the agent's socket.
_STARTED_WITHIN_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot that has ended.

    Args:
        boot: its number since power-on, from 1.
        kernel: path of the kernel that GRUB chose; None = nothing was booted.
        words: what the boot entry passed to it.
        end: how it ended, a name of `lab.uml.plan.End`.
        seconds: how long it took, GRUB included.
    """

    boot: int
    kernel: str | None
    words: tuple[str, ...]
    end: str
    seconds: float


@dataclass(slots=True)
class UmlMachine(BootingMachine):
    """One User-mode Linux machine; made by `Lab`.

    Args:
        settings: the lab it belongs to.
        record: what the lab remembers about it.
    """

    settings: Settings
    record: UmlRecord
    look_every_s = _LOOK_EVERY_S

    @property
    @override
    def kind(self) -> Kind:
        return UML

    @property
    @override
    def folder(self) -> Path:
        """Return the folder with its disks, identity, sockets and console log."""
        return self.settings.umls / self.name

    # -- power ------------------------------------------------------------------------------------

    @override
    def start(self, state: str = "") -> None:
        """See `BootingMachine.start`; a saved state is its disks, and boots anew."""
        self._clear()
        folder = self.folder
        if not (folder / disks.SYSTEM).exists():
            image, number = self.settings.uml / "images" / self.record.image, self.record.number
            disks.personalise(image, folder, self.name, self.settings, number, self.record.layout)
            disks.renew(folder, self.record.extra)
        if state:
            disks.bring_back(folder, state)
        tap.plug_in(self.settings, self.record.number)
        (folder / supervisor.SERIAL).touch()
        (folder / supervisor.PLAN).write_text(self._plan().to_json())
        python = [sys.executable, "-P", "-m", "lab.uml.supervisor"]
        self._group.spawn([*python, str(folder)], self._log)
        deadline = time.monotonic() + _STARTED_WITHIN_S
        while not (folder / supervisor.AGENT).exists():
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not start", f"see {self._log}")
            time.sleep(STEP_S)

    @override
    def reset(self) -> None:
        """See `BootingMachine.reset`; a watchdog that fires does the same."""
        for pid in self._group.pids(WATCH):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)

    @override
    def stop(self, timeout_s: float = 120) -> None:
        """Switch the machine off in good order and wait until it is."""
        self._ask("systemctl poweroff --no-block")
        self._wait_off(timeout_s)
        self._clear()

    @override
    def renew(self) -> None:
        """See `BootingMachine.renew`."""
        self._clear()
        disks.renew(self.folder, self.record.extra)

    def kernel_pid(self) -> int | None:
        """Return the process that is the kernel; None while none runs."""
        for pid in self._group.pids(BOX):
            with suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
                if words[0] == b"./kernel" and int(parent) in self._group.pids(WATCH):
                    return pid
        return None

    def hang(self) -> None:
        """Let the kernel stand still with everything in it, its clock and its watchdogs too."""
        for pid in self._group.pids(BOX):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def panic(self) -> None:
        """Let the kernel give up; what comes then is up to its `panic=` and `kernel.panic`."""
        mconsole.send(self.folder / self.unique, "sysrq c")

    # -- saved states -----------------------------------------------------------------------------

    @override
    def snapshot(self, name: str) -> None:
        """Save the disks of the running machine under a name; it goes on running.

        Its file systems stand still meanwhile, their journals written back: GRUB reads none.
        """
        self.run("sync")
        with wire.agent(self.folder, _STARTED_WITHIN_S) as agent:
            agent.call("guest-fsfreeze-freeze")
            try:
                disks.save(self.folder, name)
            finally:
                agent.call("guest-fsfreeze-thaw")

    @override
    def restore(self, name: str) -> None:
        """Go back to the disks of a saved state and boot from them; returns when it answers."""
        self.start(name)
        self.wait_ready()

    @override
    def snapshots(self) -> list[str]:
        """See `BootingMachine.snapshots`."""
        return sorted(path.name for path in (self.folder / disks.STATES).glob("*"))

    # -- hardware; takes effect at the next power-on -----------------------------------------------

    def show_when(
        self,
        shape: RigShape,
        kernel: str = "*",
        words: Iterable[str] = (),
        boots: Iterable[int] = (),
    ) -> None:
        """Show other cards in some boots from the next power-on on; `show` ends all of these.

        Args:
            shape: the rig to show then.
            kernel: pattern of the kernel's path in the boot entry, as `fnmatch` takes it.
            words: words of which one must be on the kernel's command line; empty = any line.
            boots: numbers of the boots since power-on, from 1; empty = all.
        """
        fitted = smbios.fitted(shape, self.shape.serial)
        showing = Showing(fitted, kernel, tuple(words), tuple(boots))
        self._change(showings=(*self.record.showings, showing))

    @override
    def show(self, shape: RigShape, bind_delay_ms: tuple[int, ...] = ()) -> None:
        """See `BootingMachine.show`."""
        self._change(showings=())
        BootingMachine.show(self, shape, bind_delay_ms)

    # -- inside -----------------------------------------------------------------------------------

    def boots(self) -> list[Boot]:
        """Return every boot that has ended since the machine was made, oldest first."""
        file = self.folder / supervisor.BOOTS
        lines = file.read_text().splitlines() if file.exists() else []
        return [
            Boot(**about | {"words": tuple(about["words"])}) for about in map(json.loads, lines)
        ]

    # -- private ----------------------------------------------------------------------------------

    @property
    @override
    def _log(self) -> Path:
        return self.folder / "supervisor.log"

    @property
    def unique(self) -> str:
        """Return its name on this computer, which its control group has too."""
        return f"{self.settings.bridge}-{self.name}"

    def _plan(self) -> Plan:
        tools, layout = GrubTools(self.settings), layouts()[self.record.layout]
        delays = self.record.bind_delay_ms
        shown = [*self.record.showings, Showing(self.shape)]
        return Plan(
            name=self.unique,
            number=self.record.number,
            serial=self.shape.serial,
            board=self.shape.board,
            link=link(self.settings, self.record.number),
            mac=mac(self.record.number),
            memory_mib=self.record.memory_mib,
            disks=disks.files(self.record.extra, self.record.pulled),
            seccomp=self.record.seccomp,
            grub=Grub(
                tuple(tools.command("grub-emu")),
                tuple(tools.command("grub-fstest")),
                layout.device,
                layout.prefix,
            ),
            cards=tuple(
                Cards(*_texts(each.shape, delays), each.kernel, each.words, each.boots)
                for each in shown
            ),
            box=tuple(str(path / BOX) for path in self._group.paths),
        )

    @override
    def _clear(self) -> None:
        """End the machine and take the link away, in whatever state they are."""
        self._group.remove()
        (self.folder / supervisor.AGENT).unlink(missing_ok=True)
        tap.unplug(self.settings, self.record.number)


def _texts(shape: RigShape, delays: tuple[int, ...]) -> tuple[str, str]:
    """Return what the modules for the cards and for their driver read, without its prefixes."""
    tree, driver = smbios.strings(shape, delays)
    return tree.partition(":")[2], driver.partition(":")[2]
