"""One device, whatever fstab calls it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.storage import Filesystem
from facts.base import wrap
from facts.disks.block import Block
from facts.system.units import UnitState
from operations.storage.device_names import is_name_of
from operations.storage.mount_entry import mount_entry
from tests.unit.base_facts import running
from tests.unit.disk_facts import POINT, UUID, device, disks, formatted, rig
from tests.unit.fact_frame import execute
from tests.unit.pyinfra_harness import run_operation

PARTITION = device(
    "vdb1",
    "part",
    number="254:17",
    uuid=UUID,
    label="fast ai",
    partuuid="aaaa-01",
    partlabel="models",
)
VOLUME = device("vg-ai", "lvm", number="253:3", uuid=UUID)
CONTENT = formatted(path="/dev/vdb1", number="254:17", label="fast ai")


@pytest.mark.parametrize(
    "source",
    [
        f"UUID={UUID}",
        f'UUID="{UUID}"',
        f"UUID={UUID.upper()}",
        f"/dev/disk/by-uuid/{UUID}",
        "LABEL=fast ai",
        "/dev/disk/by-label/fast\\x20ai",
        "PARTUUID=AAAA-01",
        "/dev/disk/by-partuuid/aaaa-01",
        "PARTLABEL=models",
        "/dev/disk/by-partlabel/models",
        "/dev/vdb1",
        "/dev/disk/by-id/virtio-S1-part1",
        "ID=virtio-S1-part1",
        "/dev/disk/by-path/pci-0000:00:05.0-part1",
    ],
)
def test_one_device_is_known_in_each_of_its_spellings(source: str) -> None:
    links = {
        "/dev/disk/by-id/virtio-S1-part1": "254:17",
        "/dev/disk/by-path/pci-0000:00:05.0-part1": "254:17",
    }
    storage = replace(disks(devices=(device("vdb", children=(PARTITION,)),)), sources=links)
    assert is_name_of(source, CONTENT, storage)


@pytest.mark.parametrize("source", ["/dev/mapper/vg-ai", "/dev/vg/ai", "/dev/dm-3"])
def test_a_volume_is_known_by_its_mapper_its_group_and_its_number(source: str) -> None:
    links = dict.fromkeys(("/dev/vg/ai", "/dev/dm-3"), "253:3")
    storage = replace(disks(devices=(device("sda", children=(VOLUME,)),)), sources=links)
    assert is_name_of(source, formatted(path="/dev/mapper/vg-ai", number="253:3"), storage)


@pytest.mark.parametrize(
    "source",
    [
        "UUID=0",
        "LABEL=FAST AI",
        "/dev/vdb",
        "/dev/vdb11",
        "tmpfs",
        "server:/x",
        "/dev/disk/by-id/other",
        "PARTUUID=",
    ],
)
def test_another_device_is_not_taken_for_it(source: str) -> None:
    storage = replace(
        disks(devices=(device("vdb", number="254:16", children=(PARTITION,)),)),
        sources={"/dev/disk/by-id/other": "254:16"},
    )
    assert not is_name_of(source, CONTENT, storage)


def test_the_device_of_the_declaration_is_not_mounted_a_second_time() -> None:
    text = f"/dev/disk/by-uuid/{UUID} /data ext4 defaults 0 2\n".encode()
    facts = rig(DeviceContent=formatted(), texts={"/etc/fstab": text})
    with pytest.raises(OperationError, match=f"line 1 mounts .*{UUID} on /data, declared is"):
        _mount(facts)


@pytest.mark.parametrize("state", ["enabled", "static", "masked"])
def test_a_unit_file_for_the_place_is_refused_since_fstab_would_not_count(state: str) -> None:
    found = UnitState({"mnt-fast\\x2dai.mount": running(file_state=state)}, ())
    with pytest.raises(OperationError, match=f"is for {POINT} too .{state}."):
        _mount(rig(DeviceContent=formatted(), Units=found))


def test_what_fstab_itself_generates_is_no_other_unit() -> None:
    found = UnitState({"mnt-fast\\x2dai.mount": running(file_state="generated")}, ())
    assert _mount(rig(DeviceContent=formatted(), Units=found))


def _mount(facts: Any) -> list[str]:
    declared = Filesystem(serial="S1")
    return run_operation(mount_entry, facts, point=POINT, declared=declared, uuid=UUID)[0]


def test_the_script_tells_which_device_each_name_in_fstab_leads_to(tmp_path: Any) -> None:
    entries = ("/dev/null /a ext4 rw 0 0", "UUID=1 / ext4 rw", "/dev/gone /b ext4", "ID=x /c ext4")
    (tmp_path / "fstab").write_text("".join(f"{line}\n" for line in entries))
    (tmp_path / "x").symlink_to("/dev/zero")
    script = Block().script().replace("/etc/fstab", str(tmp_path / "fstab"))
    script = script.replace("/dev/disk/by-id", str(tmp_path))
    part = execute(wrap(script, 10)).stdout.partition("#b70 sources\n")[2]
    assert part.splitlines()[:2] == ["1:3 /dev/null", f"1:5 {tmp_path}/x"]
    assert "gone" not in part
