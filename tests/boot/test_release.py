"""Debian 13 on a machine that really boots: its first boot set."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from facts.boot.kernel import Kernel, RunningKernel
from fleet.base.exitcodes import ExitCode
from fleet.model.plan import HostState
from lab.lab import Lab
from lab.uml.machine import UmlMachine
from tests.boot.bootrig import make
from tests.machines import forget, own_name
from tests.ssh.controllers import only

RELEASE = "trixie"


@pytest.fixture
def trixie(lab: Lab) -> Iterator[UmlMachine]:
    name = own_name("b", f"-{RELEASE}")
    forget(lab, name)
    yield lab.up_uml(name, release=RELEASE)
    lab.down([name])


def test_a_machine_with_debian_13_takes_its_first_boot_set(
    lab: Lab, trixie: UmlMachine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rig = make(lab, trixie, tmp_path_factory.mktemp("fleet"))
    assert "VERSION_CODENAME=trixie" in rig.out("cat /etc/os-release")
    assert rig.out("systemctl --failed --no-legend") == ""
    assert rig.out("uname -r") == rig.installed.release
    rig.declare(rig.boot_set())
    finished = rig.converge(allow_reboot=True)
    assert finished.exit_code == ExitCode.CLEAN, only(finished).error
    assert only(finished).certificate
    kernel = rig.facts()[Kernel]
    assert isinstance(kernel, RunningKernel)
    assert kernel.release == rig.newer.release == rig.out("uname -r")
    assert isinstance(kernel.tokens, tuple)
    assert {"xe.disable_display=1", "panic=10"} <= set(kernel.tokens)
    again = rig.converge()
    assert (only(again).state, only(again).changed) == (HostState.IN_SYNC, [])
