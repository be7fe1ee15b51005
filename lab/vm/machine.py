"""One virtual machine: power it on, cut its power, press its reset button, go back to a snapshot.

`run`, `read` and `write` go through the guest agent, not through SSH, so that damage can be planted
and truth read without the code under test and even while the network is cut. A link of the lab's
bridge carries everything else.
"""

from __future__ import annotations

import base64
import shlex
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from lab import disk, store
from lab.cgroups import Group
from lab.errors import LabError
from lab.host import ENVIRONMENT, LabHost
from lab.network import link, mac
from lab.rigshape import RigShape
from lab.settings import Settings
from lab.vm import disks, qemu, smbios, tap, watchdog, wire
from lab.vm.cards import Cards
from lab.vm.record import VmRecord

#: Seconds until a started machine must answer SSH; 15 to 20 s are usual on idle cores under TCG.
_READY_WITHIN_S: Final = 300.0
#: Seconds until QEMU must be there after its start, with a saved state's memory read.
_STARTED_WITHIN_S: Final = 60.0
#: Seconds between two looks at something that takes a while.
_STEP_S: Final = 0.05
#: The same where every look costs the guest time.
_SLOW_STEP_S: Final = 0.5


@dataclass(slots=True)
class VirtualMachine(LabHost):
    """One virtual machine; made by `Lab`.

    Args:
        settings: the lab it belongs to.
        record: what the lab remembers about it.
    """

    settings: Settings
    record: VmRecord

    @property
    @override
    def folder(self) -> Path:
        """Return the folder with its disks, identity, sockets and serial log."""
        return self.settings.vms / self.name

    @property
    def shape(self) -> RigShape:
        """Return the rig that it shows from power-on."""
        return self.record.shape

    @property
    def cards(self) -> Cards:
        """Return the verbs that do something to its cards while it runs."""
        return Cards(self.run, self.shape)

    # -- power ------------------------------------------------------------------------------------

    def is_running(self) -> bool:
        """Tell whether QEMU runs."""
        return bool(self._group.pids())

    def start(self, snapshot: str = "") -> None:
        """Power the machine on with the disks it has; what an earlier run left is cleared first.

        Args:
            snapshot: saved state to go on from; empty = an ordinary boot.
        """
        self._clear()
        if not (self.folder / disks.SYSTEM).exists():
            image = self.settings.images / self.record.image / "disk.raw"
            disks.personalise(image, self.folder, self.name, self.settings, self.record.number)
            disks.renew(self.folder, self.record.extra)
        (self.folder / qemu.WATCHDOG).write_bytes(watchdog.table())
        tap.plug_in(self.settings, self.record.number)
        script = f"cd {shlex.quote(str(self.folder))}\n{qemu.script(self._hardware(), snapshot)}"
        self._group.spawn(["sh", "-c", script], self.folder / "qemu.log")
        try:
            wire.wait_started(self.folder, _STARTED_WITHIN_S)
        except wire.NotRunning as error:
            hint = f"see {self.folder / 'qemu.log'}"
            raise LabError(f"{self.name} did not start", hint) from error

    def kill9(self) -> None:
        """Cut the power: QEMU dies at once, what the guest had not written is gone."""
        self._clear()

    def reset(self) -> None:
        """Press the reset button: the guest starts over without having been asked."""
        with suppress(wire.Closed):  # QEMU may be gone before it has answered
            self._monitor("system_reset")

    def stop(self, timeout_s: float = 120) -> None:
        """Press the power button and wait until the machine is off."""
        self._monitor("system_powerdown")
        deadline = time.monotonic() + timeout_s
        while self._group.pids():
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not power off within {timeout_s:g} s")
            time.sleep(_STEP_S)
        self._clear()

    def renew(self) -> None:
        """Throw away everything that was written to its disks, snapshots too; it is off then."""
        self._clear()
        disks.renew(self.folder, self.record.extra)

    def remove(self) -> None:
        """Cut the power and forget disks, identity and network."""
        self._clear()
        disk.unmount(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- snapshots --------------------------------------------------------------------------------

    def snapshot(self, name: str) -> None:
        """Save the running machine, memory and all disks, under a name; it goes on running.

        Raises:
            LabError: QEMU could not.
        """
        self._human(f"savevm {name}")

    def restore(self, name: str) -> None:
        """Go back to a saved state and run from there, with the clock set to now.

        QEMU is started anew for it. In one process its time-stamp counter never goes back: the
        guest would live through everything since the save in one moment, and its scheduler would
        starve whatever ran in that moment.
        """
        self.start(snapshot=name)
        self.run(f"date -s @{time.time():.3f}")

    def snapshots(self) -> list[str]:
        """Return the names of the saved states."""
        lines = self._human("info snapshots").splitlines()
        return [line.split()[1] for line in lines if line[:2] in ("--", "1 ") or line[:1].isdigit()]

    # -- hardware; takes effect at the next power-on -----------------------------------------------

    def pull_disk(self, number: int) -> None:
        """Leave out an extra disk (counted from 1) from the next power-on on; its content stays."""
        self._change(pulled=tuple(sorted({*self.record.pulled, number})))

    def plug_disk(self, number: int) -> None:
        """End `pull_disk`."""
        self._change(pulled=tuple(other for other in self.record.pulled if other != number))

    def show(self, shape: RigShape, bind_delay_ms: tuple[int, ...] = ()) -> None:
        """Exchange the cards from the next power-on on.

        Args:
            shape: the rig to show.
            bind_delay_ms: milliseconds after which the driver takes each card; empty = at once.
        """
        fitted = smbios.fitted(shape, self.shape.serial)
        self._change(shape=fitted, bind_delay_ms=bind_delay_ms)

    # -- inside -----------------------------------------------------------------------------------

    def serial(self) -> str:
        """Return everything that came over the serial console since the machine was made."""
        file = self.folder / qemu.SERIAL
        return file.read_text(errors="replace") if file.exists() else ""

    def boot_id(self) -> str:
        """Return the kernel's boot id."""
        return self.read("/proc/sys/kernel/random/boot_id").strip()

    def wait_ready(self, timeout_s: float = _READY_WITHIN_S, not_boot_id: str = "") -> None:
        """Wait until sshd greets and the guest agent answers.

        Args:
            timeout_s: seconds until that must be so.
            not_boot_id: boot id that the machine must have left behind.

        Raises:
            LabError: it did not, or the machine ended.
        """
        deadline = time.monotonic() + timeout_s
        hint = f"see {self.folder / qemu.SERIAL} and {self.folder / 'qemu.log'}"
        while not self._is_ready(not_boot_id):
            if not self.is_running():
                raise LabError(f"{self.name} is off", hint)
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not answer within {timeout_s:g} s", hint)
            time.sleep(_SLOW_STEP_S)

    def reboot(self, timeout_s: float = _READY_WITHIN_S) -> None:
        """Let the guest reboot in good order and wait until it is back."""
        before = self.boot_id()
        self.run("systemctl reboot --no-block")
        self.wait_ready(timeout_s, not_boot_id=before)

    @override
    def run(
        self, command: str, *, input: str = "", check: bool = True, timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """See `LabHost.run`; what takes too long is given up, not killed."""
        words: dict[str, Any] = {
            "path": "/bin/sh",
            "arg": ["-c", command],
            "env": [f"{name}={value}" for name, value in ENVIRONMENT.items()],
            "capture-output": True,
        }
        if input:
            words["input-data"] = base64.b64encode(input.encode()).decode()
        deadline, step = time.monotonic() + timeout_s, _STEP_S
        with wire.agent(self.folder, timeout_s) as agent:
            pid = agent.call("guest-exec", words)["pid"]
        while True:  # the agent is free for others between two looks
            with wire.agent(self.folder, max(deadline - time.monotonic(), 1)) as agent:
                state = agent.call("guest-exec-status", {"pid": pid})
            if state["exited"]:
                break
            if time.monotonic() > deadline:
                raise LabError(f"`{command}` did not end within {timeout_s:g} s on {self.name}")
            time.sleep(step)
            step = min(2 * step, _SLOW_STEP_S)
        status = state.get("exitcode", -int(state.get("signal", 1)))
        done = subprocess.CompletedProcess(
            command, status, _text(state.get("out-data", "")), _text(state.get("err-data", ""))
        )
        if check and status != 0:
            said = (done.stderr.strip() or done.stdout.strip())[-2000:]
            raise LabError(f"`{command}` ended with {status} on {self.name}: {said}")
        return done

    # -- private ----------------------------------------------------------------------------------

    @property
    def _group(self) -> Group:
        return Group(f"{self.settings.bridge}-{self.name}")

    def _hardware(self) -> qemu.Hardware:
        return qemu.Hardware(
            name=f"{self.settings.bridge}-{self.name}",
            disks=disks.files(self.record.extra, self.record.pulled),
            tap=link(self.settings, self.record.number),
            mac=mac(self.record.number),
            serial=self.shape.serial,
            board=self.shape.board,
            oem=smbios.strings(self.shape, self.record.bind_delay_ms),
            cpus=self.record.cpus,
            memory_mib=self.record.memory_mib,
        )

    def _change(self, **fields: object) -> None:
        self.record = replace(self.record, **fields)  # type: ignore[arg-type]
        store.save(self.folder, self.record)

    def _monitor(self, name: str) -> None:
        wire.monitor(self.folder, name)

    def _human(self, line: str) -> str:
        said = wire.human(self.folder, line)
        if said.startswith("Error"):
            raise LabError(f"{self.name}: {line}: {said}")
        return said

    def _clear(self) -> None:
        """End QEMU and take the link away, in whatever state they are."""
        self._group.remove()
        for name in (qemu.QMP, qemu.AGENT):
            (self.folder / name).unlink(missing_ok=True)
        tap.unplug(self.settings, self.record.number)

    def _is_ready(self, not_boot_id: str) -> bool:
        try:
            with socket.create_connection((self.address, self.port), timeout=2) as connection:
                if connection.recv(4) != b"SSH-":
                    return False
            return not not_boot_id or self.boot_id() != not_boot_id
        except (OSError, LabError):
            return False


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode(errors="surrogateescape")
