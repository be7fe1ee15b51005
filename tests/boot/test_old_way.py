"""A host that was converged when its one boot set lay in /etc/default/grub is brought over."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from declaration.onhost import PRODUCTION
from deploys.apt import apt
from deploys.layer import Layer
from facts.boot.loader import GRUB_DEFAULT
from fleet.ledger import Ledger
from fleet.model.plan import Difference, HostResult, HostState, Resource, ResourceStatus, RunResult
from fleet.run import order
from lab.lab import Lab
from lab.vm.modules import blob
from operations.boot.grub_settings import CMDLINE
from tests.boot.bootrig import GUC, BootRig, make
from tests.boot.conftest import BOOTED, Bench
from tests.boot.menu import entry
from tests.ssh.controllers import only

OPTIONS = "/etc/modprobe.d/90-b70fleet-xe.conf"
HOOK = "/etc/initramfs-tools/hooks/b70fleet-xe"
#: Tokens as the run on record wrote them, between and behind a person's own.
OURS = ("xe.disable_display=1", "panic=10")
DEFAULTS = (
    "# theirs\nGRUB_TIMEOUT=1\n"
    'GRUB_CMDLINE_LINUX_DEFAULT="quiet audit=0 xe.disable_display=1 panic=10"\n'
    'GRUB_CMDLINE_LINUX="console=ttyS0"\nGRUB_DEFAULT=saved\nGRUB_RECORDFAIL_TIMEOUT=15\n'
)
INITRAMFS = (
    '#!/bin/sh\n[ "$1" != prereqs ] || { echo; exit 0; }\n'
    ". /usr/share/initramfs-tools/hook-functions\nmanual_add_modules xe\n"
    "copy_file firmware /lib/firmware/xe/bmg_guc_70.bin || true\n"
)


@pytest.fixture
def rig(lab: Lab, bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> BootRig:
    """Return a machine in production as the version before boot sets left it, and booted it."""
    rig = make(lab, bench.owns(BOOTED), tmp_path_factory.mktemp("fleet"))
    site, rig.layers = rig.layers, (Layer("apt", apt),)
    others = dict.fromkeys(("distribution", "intel-graphics", "oneapi"))
    rig.declare(rig.boot_set(), apt={"sources": others})
    assert only(rig.converge()).state is HostState.CONVERGED
    rig.layers = site
    rig.vm.write(GRUB_DEFAULT, DEFAULTS)
    rig.vm.write(OPTIONS, "# Written by b70fleet\noptions xe probe_display=0\n")
    rig.vm.write(HOOK, INITRAMFS, "0755")
    data = base64.b64encode(blob(GUC)).decode()
    rig.out(f"echo {data} | base64 -d >/lib/firmware/xe/bmg_guc_70.bin")
    packages = f"{rig.newer.package} {rig.newer.modules}"
    rig.out(
        f"DEBIAN_FRONTEND=noninteractive apt-get -q -y install {packages} && apt-mark hold "
        f"{packages} {rig.installed.package} {rig.installed.modules}"
    )
    rig.out(f"mkdir -p {Path(PRODUCTION).parent} && touch {PRODUCTION}")
    rig.out(f"grub-set-default '{entry(rig.vm, rig.newer.release)}' && sync")
    rig.vm.reboot()
    assert rig.out("uname -r") == rig.newer.release
    return rig


def recorded(rig: BootRig, ledger: Ledger) -> None:
    """Put the run on record that wrote the tokens."""
    ledger.begin("old", "converge", "fleet")
    differences = [Difference(what=CMDLINE, expected=token, seen=None) for token in OURS]
    resource = Resource(
        layer="boot-set",
        name=f"File[{GRUB_DEFAULT}]",
        status=ResourceStatus.CHANGE,
        differences=differences,
        outcome="done",
    )
    result = HostResult(
        host=rig.vm.name, state=HostState.CONVERGED, resources=[resource], changed=[resource.name]
    )
    ledger.host("old", result)
    ledger.finish(
        "old", RunResult(run="old", command="converge", fleet="f", started="", hosts=[result])
    )


def test_a_host_of_the_old_way_is_brought_over_in_one_converge_without_a_reboot(
    rig: BootRig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ledger = Ledger.open(tmp_path_factory.mktemp("ledger") / "ledger.sqlite")
    recorded(rig, ledger)
    boot_id = rig.vm.boot_id()
    cmdline = rig.vm.read("/proc/cmdline")
    engine, spec = rig.engine(ledger)
    result = only(engine.run([spec], order.converge()).result)
    assert result.state is HostState.CONVERGED, result.error
    assert result.certificate
    assert result.reboot_pending == []
    assert rig.vm.boot_id() == boot_id
    # what would boot now is the same kernel with the same words, by an entry of its own
    assert rig.environment()["saved_entry"] == rig.set_id
    words = set(cmdline.split()[1:])
    added = set(rig.menu_entry(rig.set_id).tokens) - words
    assert {word.partition("=")[0] for word in added} == {
        "b70fleet.set",
        "firmware_class.path",
        "xe.probe_display",
    }
    assert words <= set(rig.menu_entry(rig.set_id).tokens)
    # the words on record as ours are gone from everybody's, nothing else is
    assert rig.vm.read(GRUB_DEFAULT) == DEFAULTS.replace(" xe.disable_display=1 panic=10", "")
    assert not set(OURS) & set(rig.menu_entry(rig.found_id).tokens)
    assert rig.out(f"ls {OPTIONS} {HOOK} 2>/dev/null || true") == ""
    assert rig.environment()["b70fleet_fallback"] == rig.found_id
    again = only(engine.run([spec], order.converge()).result)
    assert (again.state, again.changed) == (HostState.IN_SYNC, [])
    rig.vm.reboot()
    assert words <= set(rig.vm.read("/proc/cmdline").split())
    assert f"version {GUC}" in rig.out("dmesg | grep 'Using GuC'")
    assert only(rig.converge()).state is HostState.IN_SYNC
