"""Disks of a machine that really boots: formatted once, found by UUID, gone without harm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleet.model.plan import HostResult, HostState, ResourceStatus
from lab.uml.machine import UmlMachine
from tests.boot.conftest import BOOTED, Bench
from tests.boot.diskrig import DiskRig

POINT = "/mnt/fast-ai"
#: Name of the saved state in which the product has made the first disk ready.
STORED = "stored"
FIRST = {"serial": "extra1", "format": "if_blank", "mkfs": ["-m", "0"], "label": "fast-ai"}
DIRECTORIES = {
    f"{POINT}/llm-models": {"use": "models", "mode": "0750", "user": "nobody", "group": "nogroup"},
    f"{POINT}/llm-cache/hf": {"use": "hub-cache", "budget_gib": 0.5},
}
SECTORS = json.loads(
    (Path(__file__).parents[1] / "fixtures/signatures/sectors.json").read_text("utf-8")
)
BY_TOOL = {"ext4": "mkfs.ext4 -q", "data": "sh -c 'echo x >$0'"}


@dataclass(frozen=True)
class Stored:
    """The machine after its first disk was made ready, and what that run changed."""

    rig: DiskRig
    changed: list[str]


@pytest.fixture(scope="module")
def first_run(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    rig = DiskRig(bench.owns(BOOTED), tmp_path_factory.mktemp("fleet"))
    declare(rig)
    done = changed(rig.converge())
    bench.saved(STORED)
    return Stored(rig, done)


@pytest.fixture
def stored(bench: Bench, first_run: Stored, request: pytest.FixtureRequest) -> Iterator[Stored]:
    """Return it as that run left it, but for what lies in its directories."""
    with bench.lent(STORED, request.session):
        declare(first_run.rig)
        yield first_run


def declare(rig: DiskRig, **changes: Any) -> None:
    rig.declare(
        storage={
            "filesystems": {POINT: {**FIRST, **changes}},
            "directories": DIRECTORIES,
            "min_free_gib": 0.1,
        }
    )


def changed(host: HostResult) -> list[str]:
    assert host.state in (HostState.CONVERGED, HostState.IN_SYNC), host.error
    return host.changed


def test_a_blank_disk_is_formatted_once_and_never_again(stored: Stored) -> None:
    rig = stored.rig
    assert stored.changed == [
        f"Filesystem[{POINT}]",
        f"Mount[{POINT}]",
        *sorted(f"Directory[{path}]" for path in DIRECTORIES),
    ]
    uuid = rig.out("blkid -s UUID -o value /dev/disk/by-id/virtio-extra1")
    assert f"UUID={uuid} {POINT} ext4 noatime,nofail 0 2" in rig.out("cat /etc/fstab")
    assert rig.out(f"stat -c '%a %U' {POINT}/llm-models") == "750 nobody"
    rig.out(f"echo weights >{POINT}/llm-models/w && umount {POINT}")
    # even when it was unmounted and its line lost, the file system stays
    rig.out(r"sed -i '\|fast-ai|d' /etc/fstab")
    assert changed(rig.converge()) == [f"Mount[{POINT}]"]
    assert rig.out(f"cat {POINT}/llm-models/w") == "weights"
    again = rig.converge()
    assert again.state is HostState.IN_SYNC
    assert again.certificate


def test_damage_to_mount_options_and_owner_is_named_repaired_and_then_silent(
    stored: Stored,
) -> None:
    rig = stored.rig
    rig.out(f"sed -i 's|noatime,nofail|defaults|' /etc/fstab; mount -o remount,relatime {POINT}")
    rig.out(f"chown root {POINT}/llm-models")
    planned = [r.name for r in rig.plan().resources if r.status is ResourceStatus.CHANGE]
    assert planned == [f"Mount[{POINT}]", f"Directory[{POINT}/llm-models]"]
    assert changed(rig.converge()) == planned
    assert "noatime" in rig.out(f"findmnt -n -o OPTIONS {POINT}")
    assert changed(rig.converge()) == []


def ended(rig: DiskRig) -> int:
    """Return how many runs the host's journal knows from begin to end."""
    return int(rig.out('grep -c \'"event": "end"\' /var/lib/b70fleet/journal.jsonl'))


def test_budget_and_prune_see_the_real_disk_and_remove_only_what_is_named(
    stored: Stored,
) -> None:
    rig = stored.rig
    cache = f"{POINT}/llm-cache/hf"
    rig.out(f"mkdir {cache}/old {cache}/new {cache}/used && head -c 50M /dev/zero >{cache}/old/f")
    rig.out(f"touch -d '40 days ago' {cache}/old/f {cache}/old {cache}/used")
    rig.out(f"systemd-run -q -p WorkingDirectory={cache}/used sleep 1000")
    assert f"{cache}  hub-cache" in rig.ok("storage", "budget", rig.vm.name)
    runs = ended(rig)
    listed = rig.ok("storage", "prune", rig.vm.name)
    assert f"{cache}/old\n" in listed
    assert "stays: in use by process" in listed
    refused = rig.b70("storage", "prune", rig.vm.name, f"{cache}/used", f"{cache}/old", "-y")
    assert refused.returncode == 3
    assert rig.out(f"ls {cache}").split() == ["new", "old", "used"]
    assert f"Tree[{cache}/old]" in rig.ok("storage", "prune", rig.vm.name, f"{cache}/old", "-y")
    assert rig.out(f"ls {cache}").split() == ["new", "used"]
    # no certificate comes from it: the host is as new as it was before
    assert ended(rig) == runs + 1


def test_a_disk_that_is_gone_neither_stops_the_boot_nor_lets_anything_be_written_in_its_place(
    bench: Bench, first_run: Stored
) -> None:
    rig = first_run.rig
    bench.takes(STORED)
    # a disk that is gone is waited for as long as the declaration says; systemd's own time is 90 s
    declare(rig, options=["noatime", "nofail", "x-systemd.device-timeout=5s"])
    assert changed(rig.converge()) == [f"Mount[{POINT}]"]
    rig.vm.pull_disk(1)
    rig.off_and_on()
    assert rig.out("systemctl is-system-running --wait || :") in ("running", "degraded")
    host = rig.converge()
    assert (host.state, host.changed) == (HostState.FAILED, [])
    assert "no device with serial extra1" in host.error
    assert rig.out(f"ls -A {POINT}") == ""
    rig.vm.plug_disk(1)
    rig.off_and_on()
    assert rig.plan().state is HostState.IN_SYNC


def test_a_disk_with_any_signature_or_data_is_refused(borrowed: UmlMachine, tmp_path: Path) -> None:
    # the whole list is tried on loop disks (tests/unit/operations/storage/test_real_disks.py)
    rig = DiskRig(borrowed, tmp_path)
    disk = "/dev/disk/by-id/virtio-extra2"
    for name in ("lvm", *BY_TOOL):
        rig.out(f"blkdiscard -z {disk}")
        if name in BY_TOOL:
            rig.out(f"{BY_TOOL[name]} {disk}")
        else:
            put_sectors(rig, disk, SECTORS[name])
        before = rig.out(f"sync; udevadm settle; sha256sum {disk}")
        declare(rig, serial="extra2", fstype="xfs" if name == "ext4" else "ext4")
        host = rig.converge()
        assert (host.state, host.changed) == (HostState.FAILED, []), name
        assert "never formatted" in host.error, name
        assert rig.out(f"sha256sum {disk}") == before, name
    assert rig.vm.run(f"ls {POINT}", check=False).returncode == 2
    rig.out(f"blkdiscard -z {disk}")


def put_sectors(rig: DiskRig, disk: str, sectors: dict[str, str]) -> None:
    """Write recorded bytes at their offsets."""
    for offset, text in sectors.items():
        write = f"dd of={disk} bs=1 seek={offset} conv=notrunc status=none"
        rig.out(f"echo {text} | base64 -d | {write}")


def test_fstab_by_uuid_survives_a_reboot_in_which_the_disks_change_their_names(
    bench: Bench, tmp_path: Path
) -> None:
    rig = DiskRig(bench.takes(BOOTED), tmp_path)
    declare(rig, serial="extra3", fstype="xfs", mkfs=[])
    changed(rig.converge())
    before = rig.out(f"findmnt -n -o SOURCE {POINT}")
    rig.vm.pull_disk(1)
    rig.off_and_on()
    assert rig.out(f"findmnt -n -o SOURCE,FSTYPE {POINT}").split()[0] != before
    assert rig.plan().state is HostState.IN_SYNC
