"""One virtual machine: an emulated PC with BIOS or UEFI, GRUB and the distribution's kernels.

A link of the lab's bridge carries everything but what the guest agent does.
"""

from __future__ import annotations

import shlex
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typing_extensions import override

from lab.booting import BootingMachine
from lab.errors import LabError
from lab.kinds import VM, Kind
from lab.network import link, mac
from lab.settings import Settings
from lab.vm import disks, qemu, smbios, tap, watchdog, wire
from lab.vm.record import UEFI, VmRecord

#: Seconds until QEMU must be there after its start, with a saved state's memory read.
_STARTED_WITHIN_S: Final = 60.0


@dataclass(slots=True)
class VirtualMachine(BootingMachine):
    """One virtual machine; made by `Lab`.

    Args:
        settings: the lab it belongs to.
        record: what the lab remembers about it.
    """

    settings: Settings
    record: VmRecord

    @property
    @override
    def kind(self) -> Kind:
        return VM

    @property
    @override
    def folder(self) -> Path:
        """Return the folder with its disks, identity, sockets and serial log."""
        return self.settings.vms / self.name

    @override
    def start(self, state: str = "") -> None:
        """See `BootingMachine.start`; a saved state has its memory with it."""
        self._clear()
        if not (self.folder / disks.SYSTEM).exists():
            image = self.settings.images / self.record.image
            disk, number = image / "disk.raw", self.record.number
            disks.personalise(disk, self.folder, self.name, self.settings, number)
            if self.record.firmware == UEFI:  # of its own: an image may go before its machines
                for name in (disks.CODE, disks.NEW_VARIABLES):
                    shutil.copyfile(image / name, self.folder / name)
            disks.renew(self.folder, self.record.extra)
        (self.folder / qemu.WATCHDOG).write_bytes(watchdog.table())
        tap.plug_in(self.settings, self.record.number)
        script = f"cd {shlex.quote(str(self.folder))}\n{qemu.script(self._hardware(), state)}"
        self._group.spawn(["sh", "-c", script], self._log)
        try:
            wire.wait_started(self.folder, _STARTED_WITHIN_S)
        except wire.NotRunning as error:
            raise LabError(f"{self.name} did not start", f"see {self._log}") from error

    @override
    def reset(self) -> None:
        """See `BootingMachine.reset`."""
        with suppress(wire.Closed):  # QEMU may be gone before it has answered
            self._monitor("system_reset")

    @override
    def stop(self, timeout_s: float = 120) -> None:
        """Press the power button and wait until the machine is off."""
        self._monitor("system_powerdown")
        self._wait_off(timeout_s)
        self._clear()

    @override
    def renew(self) -> None:
        """See `BootingMachine.renew`."""
        self._clear()
        disks.renew(self.folder, self.record.extra)

    @override
    def snapshot(self, name: str) -> None:
        """Save the running machine, memory and all disks, under a name; it goes on running.

        Raises:
            LabError: QEMU could not.
        """
        self._human(f"savevm {name}")

    @override
    def restore(self, name: str) -> None:
        """Go back to a saved state and run from there, with the clock set to now.

        QEMU is started anew for it. In one process its time-stamp counter never goes back: the
        guest would live through everything since the save in one moment, and its scheduler would
        starve whatever ran in that moment.
        """
        self.start(name)
        self.run(f"date -s @{time.time():.3f}")

    @override
    def snapshots(self) -> list[str]:
        """See `BootingMachine.snapshots`."""
        lines = self._human("info snapshots").splitlines()
        return [line.split()[1] for line in lines if line[:2] in ("--", "1 ") or line[:1].isdigit()]

    # -- private ----------------------------------------------------------------------------------

    @property
    @override
    def _log(self) -> Path:
        return self.folder / "qemu.log"

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
            uefi=(disks.CODE, disks.VARIABLES) if self.record.firmware == UEFI else None,
        )

    def _monitor(self, name: str) -> None:
        wire.monitor(self.folder, name)

    def _human(self, line: str) -> str:
        said = wire.human(self.folder, line)
        if said.startswith("Error"):
            raise LabError(f"{self.name}: {line}: {said}")
        return said

    @override
    def _clear(self) -> None:
        """End QEMU and take the link away, in whatever state they are."""
        self._group.remove()
        for name in (qemu.QMP, qemu.AGENT):
            (self.folder / name).unlink(missing_ok=True)
        tap.unplug(self.settings, self.record.number)
