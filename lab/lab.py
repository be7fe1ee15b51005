"""The lab as tests, bench and the command line use it: machines by name, made and removed together.

lab = Lab.open()
first, second = lab.up_many({"t-1": shapes.HEALTHY_GEN5, "t-2": shapes.DEGRADED_X8})
uml = lab.up_uml("t-3", disks=("2G",), release="trixie")
lab.inventory(Path("fleet"))
lab.down(["t-1", "t-2", "t-3"])
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from lab import cgroups, demo, disk, dress, identity, releases, shapes, store
from lab.catalog import BOOTABLE
from lab.cgroups import Group
from lab.changes import Changes
from lab.errors import LabError
from lab.fleet import group_files, write_fleet
from lab.image import Images
from lab.kinds import NSPAWN, UML, VM, Kind
from lab.machines import Machine
from lab.mirror import Mirror
from lab.releases import Release
from lab.rigshape import RigShape
from lab.settings import Settings, from_environment
from lab.store import Record
from lab.uml import dracut, installer
from lab.uml.dracut import INITRAMFS_TOOLS
from lab.uml.image import UmlImages
from lab.uml.layout import PLAIN, layouts
from lab.uml.machine import UmlMachine
from lab.uml.record import UmlRecord
from lab.vm import smbios
from lab.vm.image import VmImages
from lab.vm.machine import VirtualMachine
from lab.vm.record import BIOS, UEFI, VmRecord
from lab.vm.uefi import image as uefi

AnyMachine: TypeAlias = Machine | VirtualMachine | UmlMachine
M = TypeVar("M", VirtualMachine, UmlMachine)
R = TypeVar("R", VmRecord, UmlRecord)
#: Machines that are started or removed at the same time.
_AT_ONCE: Final = 4
_QUIET: Final[Callable[[str], None]] = lambda _line: None  # noqa: E731 - a default of two
_NAME: Final = re.compile(r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$")


class Lab:
    """One lab on this computer.

    Args:
        settings: where it lives.
        say: gets one line per step that takes time or changes this computer.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None] = _QUIET) -> None:
        self.settings = settings
        self.mirror = Mirror(settings)
        self._say = say

    @classmethod
    def open(cls, root: Path | None = None, say: Callable[[str], None] = _QUIET) -> Lab:
        """Return the lab in `root`, $B70_LAB_DIR or /var/lib/b70lab; changes nothing."""
        environ = dict(os.environ)
        if root is not None:
            environ["B70_LAB_DIR"] = str(root)
        return cls(from_environment(environ), say)

    @property
    def fleet(self) -> Path:
        """Return the fleet directory that `b70 lab up` writes."""
        return self.settings.root / "fleet"

    def changes(self, kinds: Collection[Kind] = (), release: str | None = None) -> Changes:
        """Return what the lab changes on this computer.

        Args:
            kinds: for machines of these kinds beside nspawn ones.
            release: codename of the machines' release; None = this computer's.

        Raises:
            LabError: the lab does not know the release.
        """
        return self._changes(_named(release), kinds)

    def prepare(self, kinds: Collection[Kind] = (), release: str | None = None) -> None:
        """Make this computer ready: packages, network, images, mirror; a second call is silent.

        Args:
            kinds: for machines of these kinds beside nspawn ones.
            release: codename of the machines' release; None = this computer's.

        Raises:
            LabError: the lab does not know the release, or something could not be done.
        """
        wanted = _named(release)
        with store.locked(self.settings):
            self._prepare({wanted}, kinds)

    def up(
        self, name: str, shape: RigShape = shapes.HEALTHY_GEN5, release: str | None = None
    ) -> Machine:
        """Start one machine, or return it when it runs; either way it shows `shape` from now on."""
        return self.up_many({name: shape}, release)[0]

    def up_many(
        self, rigs: Mapping[str, RigShape], release: str | None = None, dressed_as: str = ""
    ) -> list[Machine]:
        """Start machines together and return them when every sshd answers.

        Args:
            rigs: name -> what the machine shows. One that runs only gets the new shape; one whose
                supervisor died is cleared and started again with the disk it had.
            release: codename; None = this computer's for a new machine, an old one keeps its own.
            dressed_as: codename of a release that new machines are dressed as (lab/dress.py).

        Raises:
            LabError: a name or the release is unusable, or a machine did not come up.
        """
        outfit = dress.named(dressed_as) if dressed_as else None
        wanted = self._check(rigs, NSPAWN, outfit.release.codename if outfit else release)
        with store.locked(self.settings):
            self._prepare(set(wanted.values()))
            image = dress.ensure(self.settings, outfit, self._say) if outfit else ""
            machines = [
                self._ensure(name, shape, wanted[name], image) for name, shape in rigs.items()
            ]
            stopped = [machine for machine in machines if not machine.is_running()]
            for machine in stopped:
                self._say(f"{machine.name}: start on {machine.address}")
            with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
                list(pool.map(Machine.start, stopped))
        for machine in machines:
            machine.wait_ready()
        return machines

    def up_vm(
        self,
        name: str,
        shape: RigShape = shapes.HEALTHY_GEN5,
        disks: Sequence[str] = (),
        *,
        cpus: int = 1,
        memory_mib: int = 768,
        release: str | None = None,
        firmware: str = BIOS,
    ) -> VirtualMachine:
        """Start a virtual machine and return it when it answers, or return it as it runs.

        Args:
            name: machine name.
            shape: the rig that a new machine shows; an old one keeps what it has.
            disks: sizes of a new machine's extra disks, such as "2G".
            cpus: virtual CPUs of a new machine.
            memory_mib: RAM of a new machine in MiB.
            release: codename; None = this computer's for a new machine, an old one keeps its own.
            firmware: of a new machine: "bios", or "uefi" with Secure Boot, under which the kernel
                takes no module of the lab: such a machine shows no cards.

        Raises:
            LabError: the name, release or firmware is unusable, or the machine did not come up.
        """
        if firmware not in (BIOS, UEFI):
            raise LabError(f"no firmware is called {firmware!r}", f"one of: {BIOS}, {UEFI}")

        def record(base: Record) -> VmRecord:
            if firmware == UEFI:
                images = VmImages(self.settings, releases.named(base.release))
                base = replace(base, image=uefi.ensure(images, self._say).name)
            return VmRecord(
                **asdict(base),
                firmware=firmware,
                shape=fitted(name, shape),
                extra=tuple(disks),
                cpus=cpus,
                memory_mib=memory_mib,
            )

        return self._up_booting(VirtualMachine, VmRecord, VM, name, release, record)

    def up_uml(
        self,
        name: str,
        shape: RigShape = shapes.HEALTHY_GEN5,
        disks: Sequence[str] = (),
        *,
        memory_mib: int = 512,
        release: str | None = None,
        layout: str = PLAIN,
        initramfs: str = INITRAMFS_TOOLS,
    ) -> UmlMachine:
        """Start a User-mode Linux machine and return it when it answers, or return it as it runs.

        Args:
            name: machine name.
            shape: the rig that a new machine shows; an old one keeps what it has.
            disks: sizes of a new machine's extra disks, such as "2G".
            memory_mib: RAM of a new machine in MiB.
            release: codename; None = this computer's for a new machine, an old one keeps its own.
            layout: how a new machine's disk is laid out; see lab/uml/uml.yaml.
            initramfs: what makes a new machine's initramfs; see lab/uml/uml.yaml.

        Raises:
            LabError: the name or release is unusable, there is no machine with this layout and
                initramfs, or it did not come up.
        """
        if layout not in layouts():
            raise LabError(f"no layout is called {layout!r}", f"one of: {', '.join(layouts())}")

        def record(base: Record) -> UmlRecord:
            dracut.check(initramfs, base.release, layout)
            images = UmlImages(self.settings, releases.named(base.release))
            if initramfs == INITRAMFS_TOOLS:
                image = installer.ensure(images, layout, self._say)
            else:
                image = dracut.ensure(images, self._say)
            return UmlRecord(
                **asdict(replace(base, image=image.name)),
                layout=layout,
                shape=fitted(name, shape),
                extra=tuple(disks),
                memory_mib=memory_mib,
                seccomp=images.kernels.seccomp,
            )

        return self._up_booting(UmlMachine, UmlRecord, UML, name, release, record)

    def vms(self) -> list[VirtualMachine]:
        """Return every virtual machine, running or not, in order of address."""
        records = store.records(self.settings.vms, VmRecord).values()
        return [VirtualMachine(self.settings, record) for record in records]

    def umls(self) -> list[UmlMachine]:
        """Return every User-mode Linux machine, running or not, in order of address."""
        records = store.records(self.settings.umls, UmlRecord).values()
        return [UmlMachine(self.settings, record) for record in records]

    def booting(self) -> list[VirtualMachine | UmlMachine]:
        """Return every machine that has a kernel of its own."""
        return [*self.vms(), *self.umls()]

    def hosts(self) -> list[AnyMachine]:
        """Return every machine of any kind."""
        return [*self.machines(), *self.booting()]

    def host(self, name: str) -> AnyMachine:
        """Return a machine of any kind by name.

        Raises:
            LabError: there is none.
        """
        found = [machine for machine in self.booting() if machine.name == name]
        return found[0] if found else self.machine(name)

    def machines(self) -> list[Machine]:
        """Return every nspawn machine of the lab, running or not, in order of address."""
        return [Machine(self.settings, record) for record in self._records().values()]

    def machine(self, name: str) -> Machine:
        """Return an nspawn machine by name.

        Raises:
            LabError: there is none.
        """
        record = self._records().get(name)
        if record is None:
            known = ", ".join(self._records()) or "none"
            raise LabError(f"no lab machine is called {name!r}", f"there are: {known}")
        return Machine(self.settings, record)

    def down(self, names: Iterable[str] | None = None) -> list[str]:
        """Remove machines (all for None) and return their names; images and mirror stay."""
        with store.locked(self.settings):
            chosen = self.hosts() if names is None else [self.host(name) for name in names]
            with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
                list(pool.map(lambda machine: machine.remove(), chosen))
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
        *,
        boot_set: bool = False,
    ) -> None:
        """Write a fleet directory with the machines that run.

        Args:
            folder: where hosts.yaml, group_data/groups/{lab,vm,…}.yaml and keys/ go.
            names: only these machines.
            snapshot: snapshot id of the GPU and kernel sources; the demo's by default.
            stack: stack of the nspawn machines; the demo's by default, empty for none.
            boot_set: machines that boot get a stack with the newer kernel; else they have none.
        """
        wanted = None if names is None else set(names)
        chosen = [
            machine
            for machine in self.hosts()
            if machine.is_running() and (wanted is None or machine.name in wanted)
        ]
        described = demo.load()
        own = described.stack if stack is None else stack
        groups = group_files(self.settings, chosen, own, boot_set=boot_set)
        write_fleet(folder, chosen, groups, snapshot or described.snapshot)

    def _records(self) -> dict[str, Record]:
        return store.records(self.settings.machines, Record)

    def _up_booting(
        self,
        machines: Callable[[Settings, R], M],
        records: type[R],
        kind: Kind,
        name: str,
        release: str | None,
        make: Callable[[Record], R],
    ) -> M:
        """Start a machine with a kernel of its own unless it runs, and wait for it.

        Args:
            machines: makes a machine of its kind.
            records: what the lab remembers about such a machine.
            kind: its kind.
            name: its name.
            release: codename of its release; None = an old one's own, or this computer's.
            make: returns the record of a new machine, given what all machines have.
        """
        wanted = self._check([name], kind, release)[name]
        folder = {VM: self.settings.vms, UML: self.settings.umls}[kind]
        with store.locked(self.settings):
            self._prepare({wanted}, (kind,))
            record = store.records(folder, records).get(name) or make(
                Record(
                    name,
                    store.free_number(store.numbers(self.settings)),
                    BOOTABLE[kind].images(self.settings, wanted).current().name,
                    wanted.codename,
                )
            )
            machine = machines(self.settings, record)
            self.settings.address(record.number)
            store.save(machine.folder, record)
            if not machine.is_running():
                self._say(f"{name}: power on, {machine.address}")
                machine.start()
        machine.wait_ready()
        return machine

    def _check(self, names: Iterable[str], kind: Kind, codename: str | None) -> dict[str, Release]:
        """Return the releases of machines that are wanted by their names.

        Raises:
            LabError: no machine can have a name, a machine of another kind or release has it, or
                the lab does not know the release.
        """
        default = _named(codename)
        there = {host.name: host for host in self.hosts()}
        found = {}
        for name in names:
            if not _NAME.match(name):
                raise LabError(
                    f"{name!r} is no usable machine name", "lower-case letters, digits, '-'"
                )
            found[name] = default
            if name not in there:
                continue
            host, hint = there[name], f"b70 lab down {name}, or another name"
            if host.kind != kind:
                raise LabError(f"{name} is {host.kind.title}", hint)
            if codename is not None and host.release != codename:
                raise LabError(f"{name} runs {host.release}", hint)
            found[name] = releases.named(host.release)
        return found

    def _changes(self, release: Release, kinds: Collection[Kind]) -> Changes:
        return Changes(self.settings, self._say, release, kinds)

    def _prepare(self, wanted: Iterable[Release], kinds: Collection[Kind] = ()) -> None:
        for release in sorted(wanted):
            self._changes(release, kinds).apply()
        identity.new_key(self.settings.key, "b70 lab")
        identity.give_to_caller(self.settings.key)

    def _ensure(self, name: str, shape: RigShape, release: Release, image: str) -> Machine:
        record = self._records().get(name) or Record(
            name,
            store.free_number(store.numbers(self.settings)),
            image or Images(self.settings, release).current().name,
            release.codename,
        )
        machine = Machine(self.settings, record)
        self.settings.address(record.number)
        store.save(machine.folder, record)
        machine.set_shape(shape)
        return machine


def _named(codename: str | None) -> Release:
    return releases.here() if codename is None else releases.named(codename)


def fitted(name: str, shape: RigShape) -> RigShape:
    """Return a shape as a machine with a kernel of its own shows it, with that machine's serial."""
    return smbios.fitted(shape, f"LABVM-{name}".upper())
