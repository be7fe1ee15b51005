"""A machine that really boots, converged with the disks and swap of its record."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploys.layer import Layer
from deploys.storage import storage
from deploys.swap import swap
from fleet.config import load
from fleet.model.plan import HostResult
from fleet.run import order
from fleet.run.engine import Engine
from lab.booting import BootingMachine
from lab.host import LabHost
from tests import warm
from tests.ssh.controllers import only

LAYERS = (Layer("storage", storage), Layer("swap", swap))
#: Seconds that one `b70` call may take.
PATIENCE_S = 280


@dataclass
class StorageRig:
    """A fleet of one machine of any kind.

    Args:
        vm: running.
        folder: for the fleet directory and the ledger.
    """

    vm: LabHost
    folder: Path

    def declare(self, **values: Any) -> None:
        """Write the fleet directory; values: `storage`, `swap`."""
        record = {
            "kind": "lab",
            "address": self.vm.address,
            "user": "root" if self.vm.kind.logs_in_as_root else self.vm.user,
            "key": str(self.vm.key),
            "identity": {
                "host_keys": [self.vm.host_key],
                "machine_id": self.vm.machine_id,
            },
            **values,
        }
        text = yaml.safe_dump({"hosts": {self.vm.name: record}}, sort_keys=False)
        (self.folder / "hosts.yaml").write_text(text)

    def converge(self) -> HostResult:
        """Converge both layers."""
        engine, spec = self._engine()
        return only(engine.run([spec], order.converge()).result)

    def plan(self) -> HostResult:
        """Plan both layers."""
        engine, spec = self._engine()
        return only(engine.run([spec], order.plan()).result)

    def b70(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the real command in a process of its own."""
        return warm.b70(
            ["-i", str(self.folder), *words],
            env={**os.environ, "B70_STATE": str(self.folder / "state"), "NO_COLOR": "1"},
            timeout_s=PATIENCE_S,
        )

    def ok(self, *words: str) -> str:
        """Run the real command; it must end with 0."""
        done = self.b70(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def out(self, command: str) -> str:
        """Return what a command on the machine prints, without SSH."""
        return self.vm.run(command).stdout.strip()

    def _engine(self) -> tuple[Engine, Any]:
        fleet = load(self.folder, {})
        return Engine(fleet, layers=LAYERS), fleet.hosts[self.vm.name]


@dataclass
class DiskRig(StorageRig):
    """The same with a machine that has disks, and a power button."""

    vm: BootingMachine

    def off_and_on(self) -> None:
        """Power off in good order and boot again, with the hardware that there is now."""
        self.vm.stop()
        self.vm.start()
        self.vm.wait_ready()

    def power_cut(self) -> None:
        """Cut the power and boot again."""
        self.vm.kill9()
        self.vm.start()
        self.vm.wait_ready()
