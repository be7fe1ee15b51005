"""What every machine has that really boots: power, disks, cards, a console, saved states.

Its kind says what it is made of: an emulated PC (`lab.vm`) or a kernel that runs as a process
(`lab.uml`). `run`, `read` and `write` go through the guest agent, not through SSH, so that damage
can be planted and truth read without the code under test and even while the network is cut.
"""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import time
from abc import abstractmethod
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from lab import disk, store
from lab.cgroups import Group
from lab.errors import LabError
from lab.host import ENVIRONMENT, LabHost
from lab.rigshape import RigShape
from lab.vm import smbios, wire
from lab.vm.cards import Cards
from lab.vm.record import VmRecord

#: The console log of a machine, in its folder.
SERIAL: Final = "serial.log"
#: Seconds until a started machine must answer SSH; 15 to 20 s are usual on idle cores under TCG.
READY_WITHIN_S: Final = 300.0
#: Seconds between two looks at something that takes a while.
STEP_S: Final = 0.05
#: The same where every look costs the guest time.
SLOW_STEP_S: Final = 0.5


class BootingMachine(LabHost):
    """One machine with a kernel, a boot loader and disks of its own; made by `Lab`.

    Attributes:
        settings: the lab it belongs to.
        record: what the lab remembers about it.
        look_every_s: seconds between two looks at the guest, by what a look costs it.
    """

    record: VmRecord
    look_every_s: float = SLOW_STEP_S

    # -- power ------------------------------------------------------------------------------------

    @abstractmethod
    def start(self, state: str = "") -> None:
        """Power the machine on with the disks it has; what an earlier run left is cleared first.

        Args:
            state: saved state to go on from; empty = an ordinary boot.
        """

    def kill9(self) -> None:
        """Cut the power: the guest dies at once, what it had not written is gone."""
        self._clear()

    @abstractmethod
    def reset(self) -> None:
        """Press the reset button: the guest starts over without having been asked."""

    @abstractmethod
    def stop(self, timeout_s: float = 120) -> None:
        """Switch the machine off in good order and wait until it is.

        Raises:
            LabError: it stays on.
        """

    @abstractmethod
    def renew(self) -> None:
        """Throw away everything that was written to its disks, saved states too; it is off then."""

    @override
    def remove(self) -> None:
        """See `LabHost.remove`."""
        self._clear()
        disk.unmount(self.folder)  # what a killed process was filling
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- saved states -----------------------------------------------------------------------------

    @abstractmethod
    def snapshot(self, name: str) -> None:
        """Save the running machine under a name; it goes on running.

        Raises:
            LabError: it cannot be saved.
        """

    @abstractmethod
    def restore(self, name: str) -> None:
        """Go back to a saved state and run from there; returns when the guest agent answers."""

    @abstractmethod
    def snapshots(self) -> list[str]:
        """Return the names of the saved states."""

    # -- hardware; takes effect at the next power-on -----------------------------------------------

    @property
    @override
    def shape(self) -> RigShape:
        """Return the rig that it shows from power-on."""
        return self.record.shape

    @property
    def cards(self) -> Cards:
        """Return the verbs that do something to its cards while it runs."""
        return Cards(self.run, self.shape)

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

    @override
    def is_running(self) -> bool:
        """Return True if the machine is switched on."""
        return bool(self._group.pids())

    def serial(self) -> str:
        """Return everything that came over the console since the machine was made."""
        file = self.folder / SERIAL
        return file.read_text(errors="replace") if file.exists() else ""

    def boot_id(self) -> str:
        """Return the kernel's boot id."""
        return self.read("/proc/sys/kernel/random/boot_id").strip()

    def wait_ready(self, timeout_s: float = READY_WITHIN_S, not_boot_id: str = "") -> None:
        """Wait until sshd greets and the guest agent answers.

        Args:
            timeout_s: seconds until that must be so.
            not_boot_id: boot id that the machine must have left behind.

        Raises:
            LabError: it did not, or the machine ended.
        """
        deadline = time.monotonic() + timeout_s
        hint = f"see {self.folder / SERIAL} and {self._log}"
        while not self._is_ready(not_boot_id):
            if not self.is_running():
                raise LabError(f"{self.name} is off", hint)
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not answer within {timeout_s:g} s", hint)
            time.sleep(self.look_every_s)

    def reboot(self, timeout_s: float = READY_WITHIN_S) -> None:
        """Let the guest reboot in good order and wait until it is back."""
        before = self.boot_id()
        self._ask("systemctl reboot --no-block")
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
        deadline, step = time.monotonic() + timeout_s, STEP_S
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
            step = min(2 * step, self.look_every_s)
        status = state.get("exitcode", -int(state.get("signal", 1)))
        done = subprocess.CompletedProcess(
            command, status, _text(state.get("out-data", "")), _text(state.get("err-data", ""))
        )
        if check and status != 0:
            said = (done.stderr.strip() or done.stdout.strip())[-2000:]
            raise LabError(f"`{command}` ended with {status} on {self.name}: {said}")
        return done

    # -- for the kinds ----------------------------------------------------------------------------

    @property
    @abstractmethod
    def _log(self) -> Path:
        """Return the file with what the machine's own processes print."""

    @abstractmethod
    def _clear(self) -> None:
        """End the machine and take the link away, in whatever state they are."""

    @property
    def _group(self) -> Group:
        return Group(f"{self.settings.bridge}-{self.name}")

    def _change(self, **fields: object) -> None:
        self.record = replace(self.record, **fields)  # type: ignore[arg-type]
        store.save(self.folder, self.record)

    def _ask(self, command: str) -> None:
        """Run a command that may end the agent before it can answer; its effect is looked for."""
        with suppress(LabError):
            self.run(command)

    def _wait_off(self, timeout_s: float) -> None:
        """Wait until no process of the machine is left.

        Raises:
            LabError: one is, after that many seconds.
        """
        deadline = time.monotonic() + timeout_s
        while self._group.pids():
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not power off within {timeout_s:g} s")
            time.sleep(STEP_S)

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
