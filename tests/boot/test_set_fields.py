"""Each field of a boot set changed alone: it is booted, and the old set comes back to the byte."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import pytest

from fleet.model.plan import HostState
from lab.vm.modules import blob
from tests.boot.bootrig import BootRig
from tests.ssh.controllers import only

#: Another GuC than those of the image and of the other tests.
GUC = "70.72.1"
COMMIT = "/usr/lib/b70fleet/boot-commit"


@dataclass(frozen=True)
class Booted:
    """What one boot of the machine is, read without the product.

    Args:
        cmdline: /proc/cmdline.
        release: `uname -r`.
        options: every readable parameter of xe.
        firmware: what the driver said that it loaded.
    """

    cmdline: str
    release: str
    options: str
    firmware: str

    @property
    def words(self) -> set[str]:
        """Return the words of the command line that do not name the set."""
        own = ("BOOT_IMAGE=", "b70fleet.set=", "firmware_class.path=")
        return {word for word in self.cmdline.split() if not word.startswith(own)}


def booted(rig: BootRig) -> Booted:
    return Booted(
        rig.vm.read("/proc/cmdline"),
        rig.out("uname -r"),
        rig.out("cd /sys/module/xe/parameters && grep -H . *"),
        rig.out("dmesg | grep -o 'Using [GH]uC firmware.*' | sort -u"),
    )


def field(rig: BootRig, name: str) -> dict[str, Any]:
    """Return what is declared besides when a field changes."""
    data = blob(GUC)
    (rig.folder / "firmware/other.bin").write_bytes(data)
    fields: dict[str, dict[str, Any]] = {
        "token": {
            "cmdline": {"present": ["xe.disable_display=1", "panic=11"], "absent": ["nomodeset"]}
        },
        "option": {"xe_options": {"probe_display": "1"}},
        "blob": {
            "guc": {
                "sha256": hashlib.sha256(data).hexdigest(),
                "version": GUC,
                "source": "firmware/other.bin",
            }
        },
        "initramfs": {"initramfs": {"modules": ["xe", "btrfs"]}},
        "kernel": {"kernel": rig.with_installed_kernel()["kernel"]},
    }
    return fields[name]


@pytest.mark.parametrize("name", ["token", "option", "blob", "initramfs", "kernel"])
def test_a_field_changed_alone_is_booted_and_the_old_set_comes_back_to_the_byte(
    new_rig: BootRig, name: str
) -> None:
    rig, old_set = new_rig, new_rig.set_id
    before = booted(rig)
    rig.declare(rig.boot_set(**field(rig, name)))
    finished = only(rig.converge(allow_reboot=True))
    assert finished.state is HostState.CONVERGED, finished.error
    after, new_set = booted(rig), rig.set_id
    assert f"b70fleet.set={new_set}" in after.cmdline.split()
    assert rig.environment()["b70fleet_fallback"] == old_set
    changed = {
        "token": after.words ^ before.words == {"panic=10", "panic=11"},
        "option": "probe_display:Y" in after.options and "probe_display:N" in before.options,
        "blob": GUC in after.firmware and GUC not in before.firmware,
        "initramfs": "/btrfs.ko" in rig.out(f"lsinitramfs /boot/b70fleet/{new_set}/initrd"),
        "kernel": (before.release, after.release) == (rig.newer.release, rig.installed.release),
    }
    assert changed[name]
    same = {
        "words": after.words == before.words or name in ("token", "option"),
        "options": after.options == before.options or name == "option",
        "firmware": after.firmware == before.firmware or name == "blob",
        "release": after.release == before.release or name == "kernel",
    }
    assert all(same.values()), same
    rig.out(f"{COMMIT} commit {old_set}; sync")
    rig.vm.reboot()
    assert booted(rig) == before
    assert rig.environment()["b70fleet_fallback"] == new_set
    rig.declare(rig.boot_set())
