"""The first boot set with real GRUB and the distribution's own kernels, and a one-shot after it.

Everything else about boot sets is in tests/boot, on machines that boot in seconds; which entry real
GRUB takes, and that it takes a one-shot once, in test_grub_choice.py.
"""

from __future__ import annotations

import pytest

from fleet.base.exitcodes import ExitCode
from lab.fleet import boot_set
from lab.lab import Lab
from lab.vm.machine import VirtualMachine
from tests.boot.bootrig import LAYERS, make
from tests.boot.menu import entry
from tests.ssh.controllers import only


def test_the_distributions_newer_kernel_becomes_the_default_and_the_older_one_boots_once(
    lab: Lab, vm: VirtualMachine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rig = make(lab, vm, tmp_path_factory.mktemp("fleet"))
    assert rig.out("uname -r") == rig.installed.release
    rig.layers = tuple(layer for layer in LAYERS if layer.name in ("apt", "boot-set"))
    # a source costs seconds under TCG; the boot set needs one, and the others are read elsewhere
    others = dict.fromkeys(("distribution", "intel-graphics", "oneapi"))
    rig.declare(boot_set(rig.newer), apt={"sources": others})
    finished = rig.converge(allow_reboot=True)
    assert finished.exit_code == ExitCode.CLEAN, only(finished).error
    assert only(finished).certificate
    assert rig.out("uname -r") == rig.newer.release
    assert {"xe.disable_display=1", "panic=10"} <= set(vm.read("/proc/cmdline").split())
    rig.out(f"grub-reboot '{entry(vm, rig.installed.release)}' && sync")
    vm.reboot()
    assert rig.out("uname -r") == rig.installed.release
    left = dict(line.split("=", 1) for line in rig.out("grub-editenv - list").splitlines())
    assert left.get("next_entry", "") == "", "it was for one boot"
    assert rig.newer.release in left["saved_entry"]
