"""The lab as tests, bench and the command line use it: machines by name, made and removed together.

lab = Lab.open()
lab.prepare()
first, second = lab.up_many({"t-1": shapes.HEALTHY_GEN5, "t-2": shapes.DEGRADED_X8})
first.run("rm /etc/fstab")
lab.inventory(Path("fleet"))
lab.down(["t-1", "t-2"])
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from lab import cgroups, demo, disk, identity, shapes, store
from lab.cgroups import Group
from lab.changes import Changes
from lab.errors import LabError
from lab.fleet import write_fleet
from lab.image import Images
from lab.machines import Machine
from lab.mirror import Mirror
from lab.rigshape import RigShape
from lab.settings import Settings, from_environment

#: Machines that are started or removed at the same time.
_AT_ONCE: Final = 4
_NAME: Final = re.compile(r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$")


def _quiet(_line: str) -> None:
    """Say nothing."""


class Lab:
    """One lab on this computer.

    Args:
        settings: where it lives.
        say: gets one line per step that takes time or changes this computer.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None] = _quiet) -> None:
        self.settings = settings
        self.mirror = Mirror(settings)
        self._say = say

    @classmethod
    def open(cls, root: Path | None = None, say: Callable[[str], None] = _quiet) -> Lab:
        """Return the lab in `root`, $B70_LAB_DIR or /var/lib/b70lab; changes nothing."""
        environ = dict(os.environ)
        if root is not None:
            environ["B70_LAB_DIR"] = str(root)
        return cls(from_environment(environ), say)

    @property
    def fleet(self) -> Path:
        """Return the fleet directory that `b70 lab up` writes."""
        return self.settings.root / "fleet"

    def changes(self) -> Changes:
        """Return what the lab changes on this computer."""
        return Changes(self.settings, self._say)

    def prepare(self) -> None:
        """Make this computer ready: packages, network, image, mirror; a second call is silent."""
        with store.locked(self.settings):
            self._prepare()

    def up(self, name: str, shape: RigShape = shapes.HEALTHY_GEN5) -> Machine:
        """Start one machine, or return it when it runs; either way it shows `shape` from now on."""
        return self.up_many({name: shape})[0]

    def up_many(self, rigs: Mapping[str, RigShape]) -> list[Machine]:
        """Start machines together and return them when every sshd answers.

        Args:
            rigs: name -> what the machine shows. One that runs only gets the new shape; one whose
                supervisor died is cleared and started again with the disk it had.

        Raises:
            LabError: a name is unusable, or a machine did not come up.
        """
        for name in rigs:
            if not _NAME.match(name):
                raise LabError(
                    f"{name!r} is no usable machine name", "lower-case letters, digits, '-'"
                )
        with store.locked(self.settings):
            self._prepare()
            machines = [self._ensure(name, shape) for name, shape in rigs.items()]
            stopped = [machine for machine in machines if not machine.is_running()]
            for machine in stopped:
                self._say(f"{machine.name}: start on {machine.address}")
            with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
                list(pool.map(Machine.start, stopped))
        for machine in machines:
            machine.wait_ready()
        return machines

    def machines(self) -> list[Machine]:
        """Return every machine of the lab, running or not, in order of address."""
        return [Machine(self.settings, record) for record in store.records(self.settings).values()]

    def machine(self, name: str) -> Machine:
        """Return a machine by name.

        Raises:
            LabError: there is none.
        """
        record = store.records(self.settings).get(name)
        if record is None:
            known = ", ".join(store.records(self.settings)) or "none"
            raise LabError(f"no lab machine is called {name!r}", f"there are: {known}")
        return Machine(self.settings, record)

    def down(self, names: Iterable[str] | None = None) -> list[str]:
        """Remove machines (all for None) and return their names; images and mirror stay."""
        with store.locked(self.settings):
            chosen = self.machines() if names is None else [self.machine(name) for name in names]
            with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
                list(pool.map(Machine.remove, chosen))
            return [machine.name for machine in chosen]

    def purge(self) -> None:
        """Undo everything: machines, leftovers, mirror, network, packages, folder."""
        with store.locked(self.settings):
            self.mirror.stop()
            for name in cgroups.leftovers(f"{self.settings.bridge}-"):
                Group(name).remove()
            disk.unmount(self.settings.root)
            self.changes().undo()
            shutil.rmtree(self.settings.root)

    def inventory(
        self,
        folder: Path,
        names: Iterable[str] | None = None,
        snapshot: str = "",
        stack: str | None = None,
    ) -> None:
        """Write a fleet directory with the machines that run.

        Args:
            folder: where hosts.yaml, group_data/groups/lab.yaml and keys/ go.
            names: only these machines.
            snapshot: snapshot id of the GPU sources; the demo's by default.
            stack: stack of the machines; the demo's by default, empty for none.
        """
        wanted = None if names is None else set(names)
        chosen = [
            (machine, machine.shape)
            for machine in self.machines()
            if machine.is_running() and (wanted is None or machine.name in wanted)
        ]
        described = demo.load()
        write_fleet(
            folder,
            chosen,
            self.mirror.sources(),
            snapshot or described.snapshot,
            described.stack if stack is None else stack,
        )

    def _prepare(self) -> None:
        self.changes().apply()
        identity.new_key(self.settings.key, "b70 lab")
        _give_to_caller(self.settings.key)

    def _ensure(self, name: str, shape: RigShape) -> Machine:
        known = store.records(self.settings)
        record = known.get(name) or store.Record(
            name,
            store.free_number({other.number for other in known.values()}),
            Images(self.settings).current().name,
        )
        machine = Machine(self.settings, record)
        self.settings.address(record.number)
        store.save(machine.folder, record)
        machine.set_shape(shape)
        return machine


def _give_to_caller(key: Path) -> None:
    """Let the person behind sudo use the throw-away key."""
    caller = os.environ.get("SUDO_UID", "")
    if caller.isdigit():
        os.chown(key, int(caller), -1)
