"""What the storage layer refuses where no disk of its own is needed; the rest is in tests/boot."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.model.plan import HostState
from lab.machines import Machine
from tests.boot.diskrig import StorageRig

pytestmark = pytest.mark.ssh


@pytest.fixture
def rig(machine: Machine, tmp_path: Path) -> StorageRig:
    return StorageRig(machine, tmp_path)


def test_a_mount_of_somebody_else_that_is_missing_keeps_its_directories_away(
    rig: StorageRig,
) -> None:
    directory = {"use": "results", "mount": "/mnt/elsewhere"}
    rig.declare(storage={"directories": {"/mnt/elsewhere/results": directory}})
    rig.out("mkdir -p /mnt/elsewhere")
    host = rig.converge()
    assert (host.state, host.changed) == (HostState.FAILED, [])
    assert "/mnt/elsewhere is not mounted: nothing is written" in host.error
    assert rig.out("ls -A /mnt/elsewhere") == ""
