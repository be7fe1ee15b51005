"""Swap on a machine that really reboots: the permanent file, and build swap through its life."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.model.plan import HostState
from lab.uml.machine import UmlMachine
from tests.boot.conftest import BOOTED, Bench
from tests.boot.diskrig import DiskRig
from tests.ssh.controllers import exists, wait_for

DISK, POINT = "/dev/disk/by-id/virtio-extra1", "/mnt/big"
PATH = f"{POINT}/build.swap"
RECORD = "/var/lib/b70fleet/build-swap"
BUILD = {"path": PATH, "size_gib": 0.125}
SERVING = "vllm-x.service"
UNIT = "[Service]\nExecStart=sleep infinity\n"


@pytest.fixture
def rig(borrowed: UmlMachine, tmp_path: Path) -> Iterator[DiskRig]:
    """Return a machine with a blank extra disk and without swap; both again at its end."""
    lent = DiskRig(borrowed, tmp_path)
    yield lent
    lent.out(
        f"systemctl stop '{SERVING}'; rm -f /etc/systemd/system/{SERVING}; "
        "systemctl daemon-reload; "
        rf"swapoff -a; umount {POINT} && rmdir {POINT}; sed -i '\|{POINT}|d' /etc/fstab; "
        f"wipefs -qa {DISK} && rm -f {RECORD}"
    )


def mounted(rig: DiskRig, kind: str) -> None:
    """Put a file system on the extra disk, mounted now and at boot, and declare build swap."""
    rig.out(f"mkfs.{kind} -q {DISK} && mkdir {POINT}")
    rig.out(f"echo {DISK} {POINT} {kind} defaults,nofail 0 0 >>/etc/fstab && mount {POINT}")
    rig.declare(swap={"build": BUILD}, storage={"min_free_gib": 0})


def active(rig: DiskRig) -> list[str]:
    return [line.split()[0] for line in rig.out("cat /proc/swaps").splitlines()[1:]]


def record(rig: DiskRig) -> str:
    return rig.out(f"head -n 1 {RECORD}")


@pytest.mark.parametrize("kind", ["ext4", "btrfs"])
def test_build_swap_lives_through_a_reboot_a_failed_and_a_passed_build(
    rig: DiskRig, kind: str
) -> None:
    # a plain fallocate'd file is taken on ext4 and refused on btrfs; the others are tried on loop
    # disks (tests/unit/operations/swap/test_real_files.py)
    mounted(rig, kind)
    name = rig.vm.name
    assert "~ Swap[build]" in rig.ok("swap", "build-up", name)
    assert (active(rig), record(rig)) == ([PATH], "active")
    inode = rig.out(f"stat -c %i {PATH}")
    rig.vm.reboot()
    assert active(rig) == []
    assert "~ Swap[build]" in rig.ok("swap", "build-up", name)
    assert (active(rig), rig.out(f"stat -c %i {PATH}")) == ([PATH], inode)
    assert "= Swap[build]" in rig.ok("swap", "build-up", name)
    rig.ok("swap", "build-down", name, "--keep")
    assert (active(rig), record(rig)) == ([], "kept")
    rig.ok("swap", "build-up", name)
    assert (active(rig), rig.out(f"stat -c %i {PATH}")) == ([PATH], inode)
    rig.ok("swap", "build-down", name)
    assert (active(rig), record(rig)) == ([], "removed")
    assert rig.vm.run(f"ls {PATH}*", check=False).stdout == ""
    assert "= Swap[build]" in rig.ok("swap", "build-down", name)


def test_too_little_room_is_refused_before_anything_is_written(rig: DiskRig) -> None:
    mounted(rig, "ext4")
    done = rig.b70("swap", "build-up", rig.vm.name, "--size", "160")
    assert done.returncode == 3
    assert f"nothing was written: not enough room on {POINT}: 160.0 GiB needed" in done.stderr
    assert rig.out(f"ls -A {POINT}") == "lost+found"
    assert rig.vm.run(f"test -e {RECORD}", check=False).returncode == 1


def test_a_power_cut_while_the_file_is_made_is_made_good_by_the_next_try(rig: DiskRig) -> None:
    mounted(rig, "ext2")  # dd takes a while
    rig.declare(swap={"build": {**BUILD, "size_gib": 0.5}}, storage={"min_free_gib": 0})
    call = threading.Thread(target=rig.b70, args=("swap", "build-up", rig.vm.name))
    call.start()
    wait_for(lambda: exists(rig.vm, f"{PATH}.b70fleet-new"), "the file is begun", 120)
    rig.out("sync")
    rig.power_cut()
    call.join()
    assert active(rig) == []
    assert record(rig) == "creating"
    rig.ok("swap", "build-up", rig.vm.name)
    assert active(rig) == [PATH]
    assert rig.out(f"ls {POINT}").split() == ["build.swap", "lost+found"]


def test_build_swap_is_never_on_beside_serving_unless_the_declaration_allows_it(
    rig: DiskRig,
) -> None:
    mounted(rig, "ext4")
    rig.ok("swap", "build-up", rig.vm.name)
    rig.vm.write(f"/etc/systemd/system/{SERVING}", UNIT)
    rig.out(f"systemctl daemon-reload && systemctl start {SERVING}")
    host = rig.converge()
    assert (host.state, host.changed) == (HostState.CONVERGED, ["Swap[build:serving]"])
    assert (active(rig), record(rig)) == ([], "kept")
    refused = rig.b70("swap", "build-up", rig.vm.name)
    assert refused.returncode == 3
    assert f"{SERVING} serves" in refused.stderr
    build = {**BUILD, "forbid_while_serving": False}
    rig.declare(swap={"build": build}, storage={"min_free_gib": 0})
    rig.ok("swap", "build-up", rig.vm.name)
    assert active(rig) == [PATH]
    assert rig.converge().state is HostState.IN_SYNC


def test_the_permanent_file_is_on_after_a_reboot_and_changes_its_size(
    bench: Bench, tmp_path: Path
) -> None:
    rig = DiskRig(bench.takes(BOOTED), tmp_path)
    for size in (0.125, 0.25):
        swap = {"permanent": {"path": "/swap.b70", "size_gib": size}}
        rig.declare(swap=swap, storage={"min_free_gib": 0})
        host = rig.converge()
        assert host.state is HostState.CONVERGED, host.error
        assert "Swap[/swap.b70]" in host.changed
        assert rig.converge().state is HostState.IN_SYNC
        assert int(rig.out("stat -c %s /swap.b70")) == size * 1024**3
    rig.vm.reboot()
    assert active(rig) == ["/swap.b70"]
    assert rig.converge().state is HostState.IN_SYNC
