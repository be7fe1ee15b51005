"""A machine that really boots, converged with the boot set and host settings of its record."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from declaration.host import HostSpec
from deploys.apt import apt
from deploys.boot.commit import boot_commit
from deploys.boot.programs import boot_programs
from deploys.boot.stage import boot_set as stage
from deploys.host_settings import host_settings
from deploys.layer import Layer
from facts.boot.loader import Boot, BootState, MenuEntry
from facts.readings import Readings
from fleet.config import load
from fleet.ledger import Ledger
from fleet.model.plan import HostResult, RunResult
from fleet.run import order
from fleet.run.engine import Engine
from gates.boot_state import pending_reboot
from lab import releases
from lab.booting import BootingMachine
from lab.catalog import BOOTABLE
from lab.fleet import boot_set
from lab.lab import Lab
from lab.vm.kernels import Kernel
from lab.vm.modules import blob

LAYERS = (
    Layer("apt", apt),
    Layer("boot-programs", boot_programs),
    Layer("boot-set", stage, boot=True, pending=pending_reboot),
    Layer("boot-default", boot_commit, boot=True),
    Layer("host-settings", host_settings),
)
#: What the stand-in blob of the tests says it is; the image's own is another.
GUC = "70.49.4"


@dataclass
class BootRig:
    """A fleet of one machine.

    Args:
        vm: running.
        folder: fleet directory that the lab wrote; the ledger is kept in it too.
        installed: the kernel of the image.
        newer: the one to move to.
        layers: what converges.
    """

    vm: BootingMachine
    folder: Path
    installed: Kernel
    newer: Kernel
    layers: tuple[Layer, ...] = LAYERS

    def boot_set(self, **changes: Any) -> dict[str, Any]:
        """Return the whole boot set that the tests declare."""
        (self.folder / "firmware").mkdir(exist_ok=True)
        data = blob(GUC)
        (self.folder / "firmware/guc.bin").write_bytes(data)
        values: dict[str, Any] = {
            **boot_set(self.newer),
            "grub": {"GRUB_TIMEOUT": "1"},
            "guc": {
                "sha256": hashlib.sha256(data).hexdigest(),
                "version": GUC,
                "source": "firmware/guc.bin",
            },
        }
        return {**values, **changes}

    def with_installed_kernel(self) -> dict[str, Any]:
        """Return the same boot set with the kernel that the image has: nothing is installed."""
        kernel = {
            "package": self.installed.package,
            "version": self.installed.version,
            "extra": {self.installed.modules: self.installed.version},
        }
        return self.boot_set(kernel=kernel)

    def without_other_layers(self) -> None:
        """Converge what a boot set needs, and no source that has nothing to do with it."""
        self.layers = tuple(layer for layer in self.layers if layer.name != "host-settings")
        others = dict.fromkeys(("distribution", "intel-graphics", "oneapi"))
        self.declare(apt={"sources": others})

    def declare(self, boot: dict[str, Any] | None = None, **values: Any) -> None:
        """Give the machine a stack with this boot set, and other keys of its record."""
        path = self.folder / "hosts.yaml"
        hosts = yaml.safe_load(path.read_text())
        record = hosts["hosts"][self.vm.name]
        record["stack"] = "vm"
        record.update(values)
        path.write_text(yaml.safe_dump(hosts, sort_keys=False))
        stacks = self.folder / "group_data/stacks"
        stacks.mkdir(parents=True, exist_ok=True)
        stack = {"name": "vm", **({"boot": boot} if boot else {})}
        (stacks / "vm.yaml").write_text(yaml.safe_dump({"stack": stack}))

    def converge(self, *, allow_reboot: bool = False) -> RunResult:
        """Converge the layers."""
        engine, spec = self.engine()
        return engine.run([spec], order.converge(allow_reboot=allow_reboot)).result

    def plan(self) -> HostResult:
        """Plan the layers."""
        engine, spec = self.engine()
        (host,) = engine.run([spec], order.plan()).result.hosts
        return host

    def facts(self) -> Readings:
        """Return every normal fact."""
        engine, spec = self.engine()
        (found,) = engine.run([spec], order.read()).visits
        assert found.error is None, found.error
        return found.readings

    @property
    def set_id(self) -> str:
        """Return the name of the declared boot set."""
        stack = load(self.folder, {}).hosts[self.vm.name].stack
        assert stack is not None
        assert stack.boot is not None
        return stack.boot.set_id

    @property
    def found_id(self) -> str:
        """Return the name of the set that keeps the kernel of the image as it was found."""
        return f"b70-{self.installed.release}-found"

    def environment(self) -> dict[str, str]:
        """Return the variables of GRUB's environment that have a value."""
        lines = self.out("grub-editenv - list").splitlines()
        pairs = (line.split("=", 1) for line in lines)
        return {name: value for name, value in pairs if value}

    def menu_entry(self, set_id: str) -> MenuEntry:
        """Return the one menu entry of a set, as the facts read it."""
        boot = self.facts()[Boot]
        assert isinstance(boot, BootState)
        assert isinstance(boot.entries, tuple)
        (entry,) = (each for each in boot.entries if each.path == set_id)
        return entry

    def out(self, command: str) -> str:
        """Return what a command on the machine prints, without SSH."""
        return self.vm.run(command, timeout_s=280).stdout.strip()

    def engine(self, ledger: Ledger | None = None) -> tuple[Engine, HostSpec]:
        """Return an engine over the layers, and the machine's declaration."""
        fleet = load(self.folder, {})
        return Engine(fleet, ledger, layers=self.layers), fleet.hosts[self.vm.name]


def make(lab: Lab, vm: BootingMachine, folder: Path) -> BootRig:
    """Return the fleet of a machine that runs."""
    lab.inventory(folder, [vm.name])
    image = BOOTABLE[vm.kind].images(lab.settings, releases.named(vm.release)).load()
    assert image is not None
    return BootRig(vm, folder, image.installed, image.newer)
