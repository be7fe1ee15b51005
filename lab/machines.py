"""One nspawn machine: start it, damage it, take its network away, make it new again.

`run` goes through the machine's namespaces.
"""

from __future__ import annotations

import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typing_extensions import override

from lab import disk, fakesys, identity, rigshape, store, supervisor, tree
from lab.cgroups import Group
from lab.errors import LabError
from lab.host import ENVIRONMENT, LabHost
from lab.kinds import NSPAWN, Kind
from lab.network import Network, Port, namespace
from lab.settings import Settings
from lab.shell import run

#: Path on the machine where its fake tree lies.
PROBE_INSIDE: Final = Path("/var/lib/b70lab-probe")
#: Seconds until a started machine must answer SSH; 1 s is usual, 64 at once took 20 s on 2 cores.
_READY_WITHIN_S: Final = 120.0
#: Seconds until the supervisor of a started machine must be in its control group.
_STARTED_WITHIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Machine(LabHost):
    """One nspawn machine; made by `Lab`.

    Args:
        settings: the lab it belongs to.
        record: what the lab remembers about it.
    """

    settings: Settings
    record: store.Record

    @property
    @override
    def kind(self) -> Kind:
        return NSPAWN

    @property
    @override
    def folder(self) -> Path:
        """Return the folder with its disk, identity and console log."""
        return self.settings.machines / self.name

    @property
    def probe(self) -> Path:
        """Return the folder of this computer that the machine sees as `PROBE_INSIDE`."""
        return self.folder / "probe"

    @override
    def is_running(self) -> bool:
        """Return True if the machine's system runs."""
        return supervisor.leader(self.folder) is not None

    def start(self) -> None:
        """Start the machine on the disk it has; what an earlier run left is cleared first."""
        self._clear()
        image = self.settings.images / self.record.image / "root"
        root = disk.mount(image, self.folder)
        if not self._furnished.exists():
            self._furnish(root)
        Network(self.settings).plug_in(Port(self.name, self.record.number))
        box = supervisor.Box(
            name=self._unique,
            hostname=self.name,
            root=root,
            probe=self.probe,
            probe_inside=PROBE_INSIDE,
            netns=Path("/run/netns") / namespace(self.settings, self.name),
            folder=self.folder,
        )
        supervisor.start(box, self._group)

    def kill(self) -> None:
        """Let the machine die at once, as when the power goes; its disk stays."""
        self._clear()

    def reset(self) -> None:
        """Throw everything away that was written to the machine's disk and start it again."""
        self._clear()
        self._furnished.unlink(missing_ok=True)
        disk.throw_away(self.folder)
        self.start()
        self.wait_ready()

    @override
    def remove(self) -> None:
        """Kill the machine and forget its disk, identity and network."""
        self._clear()
        disk.throw_away(self.folder)
        run(["rm", "-rf", str(self.folder)])

    def wait_ready(self, timeout_s: float = _READY_WITHIN_S) -> None:
        """Wait until its sshd greets.

        Raises:
            LabError: it did not, or the machine ended.
        """
        begin = time.monotonic()
        deadline = begin + timeout_s
        while not self._greets():
            if time.monotonic() > begin + _STARTED_WITHIN_S and not self._group.pids():
                raise LabError(f"{self.name} ended at once", f"see {self.folder / 'console.log'}")
            if time.monotonic() > deadline:
                raise LabError(
                    f"{self.name} did not answer on {self.address} within {timeout_s:g} s",
                    f"see {self.folder / 'console.log'}",
                )
            time.sleep(0.1)

    def set_shape(self, shape: rigshape.RigShape) -> None:
        """Exchange the rig that the machine shows; takes effect at once."""
        boot_id = Path("/proc/sys/kernel/random/uuid").read_text().strip()
        if self.is_running():
            boot_id = (self.probe / "proc/sys/kernel/random/boot_id").read_text().strip()
        tree.write(fakesys.tree(shape, boot_id, self.machine_id), self.probe)
        (self.folder / "shape.json").write_text(rigshape.to_json(shape))

    @property
    @override
    def shape(self) -> rigshape.RigShape:
        """Return the rig that the machine shows."""
        return rigshape.from_json((self.folder / "shape.json").read_text())

    @override
    def run(
        self, command: str, *, input: str = "", check: bool = True, timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """See `LabHost.run`; what takes too long is killed."""
        leader = supervisor.leader(self.folder)
        if leader is None:
            raise LabError(f"{self.name} does not run", f"b70 lab up {self.name}")
        enter = ["nsenter", f"--target={leader}", "--all", "--root", "--wd", "--"]
        return run(
            [*enter, "sh", "-c", command],
            input=input,
            check=check,
            timeout_s=timeout_s,
            env=ENVIRONMENT,
        )

    @property
    def _unique(self) -> str:
        return f"{self.settings.bridge}-{self.name}"

    @property
    def _group(self) -> Group:
        return Group(self._unique)

    def _clear(self) -> None:
        """End processes, network and mounts of the machine, in whatever state they are."""
        self._group.remove()
        (self.folder / "nspawn.pid").unlink(missing_ok=True)
        Network(self.settings).unplug(Port(self.name, self.record.number))
        disk.unmount(self.folder)

    def _furnish(self, root: Path) -> None:
        identity.ensure(self.folder / "identity")
        identity.plant(
            self.folder / "identity", root, self.name, identity.public_line(self.settings.key)
        )
        self._furnished.touch()

    @property
    def _furnished(self) -> Path:
        """Return the mark that the disk carries the machine's identity."""
        return self.folder / "furnished"

    def _greets(self) -> bool:
        if not self.is_running():
            return False
        try:
            with socket.create_connection((self.address, self.port), timeout=2) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False
