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
from tests.boot.bootrig import make
from tests.ssh.controllers import only


def test_the_distributions_newer_kernel_becomes_the_default_and_the_older_one_boots_once(
    lab: Lab, vm: VirtualMachine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rig = make(lab, vm, tmp_path_factory.mktemp("fleet"))
    assert rig.out("uname -r") == rig.installed.release
    # a source costs seconds under TCG; the boot set needs one, and the others are read elsewhere
    rig.without_other_layers()
    rig.declare(boot_set(rig.newer))
    finished = rig.converge(allow_reboot=True)
    assert finished.exit_code == ExitCode.CLEAN, only(finished).error
    assert only(finished).certificate
    assert rig.out("uname -r") == rig.newer.release
    words = set(vm.read("/proc/cmdline").split())
    assert {"xe.disable_display=1", "panic=10", f"b70fleet.set={rig.set_id}"} <= words
    # it was booted once before it became the default, and the old system is the fallback
    assert rig.environment() == {
        "saved_entry": rig.set_id,
        "b70fleet_default": rig.set_id,
        "b70fleet_fallback": rig.found_id,
    }
    rig.out(f"/usr/lib/b70fleet/boot-commit arm {rig.found_id} && sync")
    vm.reboot()
    assert rig.out("uname -r") == rig.installed.release
    words = set(vm.read("/proc/cmdline").split())
    assert f"b70fleet.set={rig.found_id}" in words
    assert not [word for word in words if word.startswith(("xe.", "panic="))]
    assert "next_entry" not in rig.environment(), "it was for one boot"
