"""Formatting and mounting with the real tools: a blank disk once, anything else never."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.storage import Directory, Filesystem
from facts.disks.block import Block
from facts.disks.device_content import Content, DeviceContent
from facts.value import ABSENT
from operations.storage.filesystem import filesystem
from operations.storage.mount_entry import mount_entry
from operations.storage.storage_directory import storage_directory
from tests.places import FIXTURES
from tests.unit.private_host import DISK, PrivateHost, loop_disk, private_host

UUID = "11111111-2222-5333-8444-555555555555"
POINT = "/mnt/fast-ai"
PATH = f"{POINT}/llm-cache/hf"
BLOCK = 65_536
#: name -> byte offset -> base64: what real tools (and for LUKS, RAID and ZFS: a hand) wrote on a
#: disk of this size
SECTORS = json.loads((FIXTURES / "signatures/sectors.json").read_text())
BY_HAND = {"byte-at-the-end": {DISK - 1: "AQ=="}, "byte-in-the-middle": {DISK // 2: "AQ=="}}
BY_TOOL = {"ext4": "mkfs.ext4 -q", "swap": "mkswap"}


@pytest.fixture
def host() -> Iterator[PrivateHost]:
    with private_host() as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[str]:
    with loop_disk(tmp_path / "disk.img") as device:
        yield device


def on(device: str, **changes: object) -> Filesystem:
    """Return a declaration for a loop device, which has no serial number."""
    values = {"serial": "S1", "format": "if_blank", **changes}
    return Filesystem.model_validate(values).model_copy(update={"serial": "", "device": device})


def content(host: PrivateHost, device: str) -> Content:
    """Return what lies on a device, by the real fact."""
    found = host.read(DeviceContent(), device=device)
    assert isinstance(found, Content)
    return found


def believe_blank(host: PrivateHost, device: str) -> None:
    """Let the fact be wrong, as when something was written between the fact and the command."""
    host.given[DeviceContent] = Content(
        device, "7:0", DISK, False, *[ABSENT] * 4, (), (), (), (), False, ()
    )


def put_sectors(device: str, sectors: dict[str, str]) -> None:
    with open(device, "r+b") as file:
        for offset, data in sectors.items():
            file.seek(int(offset))
            file.write(base64.b64decode(data))


def digest(device: str) -> str:
    """Return a hash of everything on a stand-in disk; holes of its sparse file are skipped."""
    subprocess.run(["blockdev", "--flushbufs", device], check=True)
    command = ["losetup", "--noheadings", "--output", "BACK-FILE", device]
    image = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    found = hashlib.sha256()
    with open(image, "rb", buffering=0) as file:
        for block in _written(file.fileno()):
            data = os.pread(file.fileno(), BLOCK, block)
            if data.strip(b"\0"):  # written zeros and a hole read the same
                found.update(f"{block} ".encode() + data)
    return found.hexdigest()


def _written(descriptor: int) -> list[int]:
    """Return the offsets of the blocks that are no hole."""
    blocks: set[int] = set()
    at = 0
    while at < DISK:
        try:
            at = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:  # nothing but holes from here on
            break
        end = os.lseek(descriptor, at, os.SEEK_HOLE)
        blocks.update(range(at // BLOCK * BLOCK, end, BLOCK))
        at = end
    return sorted(blocks)


def test_a_blank_disk_is_formatted_once_and_never_again(host: PrivateHost, disk: str) -> None:
    declared = on(disk, mkfs=["-T", "largefile4", "-m", "0"], label="fast-ai")
    assert content(host, disk).occupied() == []
    assert host.apply(filesystem, point=POINT, declared=declared, uuid=UUID) == []
    made = content(host, disk)
    assert (made.fstype, made.uuid, made.label) == ("ext4", UUID, "fast-ai")
    assert host.settled(filesystem, point=POINT, declared=declared, uuid=UUID)
    # the very command of the first time, run again, refuses by itself
    before = digest(disk)
    believe_blank(host, disk)
    (said,) = host.apply(filesystem, point=POINT, declared=declared, uuid=UUID)
    assert "is not blank, nothing was done" in said
    assert digest(disk) == before


@pytest.mark.parametrize("name", sorted([*SECTORS, *BY_TOOL, *BY_HAND]))
def test_a_disk_with_any_signature_or_data_is_refused_twice(
    host: PrivateHost, disk: str, name: str
) -> None:
    if name in BY_TOOL:
        host.ok(f"{BY_TOOL[name]} {disk}")
    else:
        put_sectors(disk, {**SECTORS, **BY_HAND}[name])
    before = digest(disk)
    declared = on(disk, fstype="xfs" if name == "ext4" else "ext4")
    with pytest.raises(OperationError, match="never formatted"):
        host.want(filesystem, point=POINT, declared=declared, uuid=UUID)
    believe_blank(host, disk)
    (said,) = host.apply(filesystem, point=POINT, declared=declared, uuid=UUID)
    assert "is not blank, nothing was done" in said
    assert digest(disk) == before


def test_a_disk_whose_file_system_is_mounted_names_its_mount(host: PrivateHost, disk: str) -> None:
    host.ok(f"mkfs.ext4 -q {disk} && mkdir /mnt/x && mount {disk} /mnt/x")
    assert "mounted on /mnt/x" in content(host, disk).occupied()


def test_a_blank_disk_is_left_alone_unless_formatting_is_declared(
    host: PrivateHost, disk: str
) -> None:
    with pytest.raises(OperationError, match="format: never"):
        host.want(filesystem, point=POINT, declared=on(disk, format="never"), uuid=UUID)
    with pytest.raises(OperationError, match="no block device"):
        host.want(filesystem, point=POINT, declared=on("/dev/disk/by-id/gone"), uuid=UUID)


def ready(host: PrivateHost, disk: str, **changes: object) -> Filesystem:
    """Format and mount; return the declaration."""
    declared = on(disk, **changes)
    assert host.apply(filesystem, point=POINT, declared=declared, uuid=UUID) == []
    assert host.apply(mount_entry, point=POINT, declared=declared, uuid=UUID) == []
    return declared


def test_a_file_system_is_mounted_by_uuid_and_the_second_run_is_silent(
    host: PrivateHost, disk: str
) -> None:
    host.ok("printf '# mine\\ntmpfs /tmp tmpfs  defaults\\t0 0' >/etc/fstab; chmod 640 /etc/fstab")
    declared = ready(host, disk)
    assert host.ok("cat /etc/fstab") == (
        f"# mine\ntmpfs /tmp tmpfs  defaults\t0 0\nUUID={UUID} {POINT} ext4 noatime,nofail 0 2\n"
    )
    assert host.ok("stat -c %a /etc/fstab") == "640\n"
    assert "noatime" in host.ok(f"findmnt -n -o OPTIONS {POINT}")
    assert host.settled(mount_entry, point=POINT, declared=declared, uuid=UUID)
    host.ok(f"umount {POINT}")
    assert host.apply(mount_entry, point=POINT, declared=declared, uuid=UUID) == []
    assert host.settled(mount_entry, point=POINT, declared=declared, uuid=UUID)


def test_drift_of_options_is_repaired_in_fstab_and_on_the_live_mount(
    host: PrivateHost, disk: str
) -> None:
    declared = ready(host, disk)
    host.ok(f"sed -i s/noatime,nofail/defaults/ /etc/fstab && mount -o remount,relatime {POINT}")
    assert "noatime" not in host.ok(f"findmnt -n -o OPTIONS {POINT}")
    assert host.apply(mount_entry, point=POINT, declared=declared, uuid=UUID) == []
    assert "noatime,nofail" in host.ok("cat /etc/fstab")
    assert "noatime" in host.ok(f"findmnt -n -o OPTIONS {POINT}")
    assert host.settled(mount_entry, point=POINT, declared=declared, uuid=UUID)


def test_a_line_that_fstab_would_choke_on_leaves_the_old_file(host: PrivateHost, disk: str) -> None:
    ready(host, disk)
    before = host.ok("cat /etc/fstab")
    broken = on(disk).model_copy(update={"options": ("noatime 0 x y", "nofail")})
    (said,) = host.apply(mount_entry, point=POINT, declared=broken, uuid=UUID)
    assert "refused by its check" in said
    assert host.ok("cat /etc/fstab") == before


def test_a_mistake_of_a_person_in_another_line_does_not_keep_ours_out(
    host: PrivateHost, disk: str
) -> None:
    host.ok("echo 'UUID=0000-0000 /nowhere nosuchfs defaults 0 0' >/etc/fstab")
    ready(host, disk)


def test_content_that_a_mount_would_hide_is_not_hidden(host: PrivateHost, disk: str) -> None:
    host.ok(f"mkdir -p {POINT} && touch {POINT}/weights")
    declared = on(disk)
    assert host.apply(filesystem, point=POINT, declared=declared, uuid=UUID) == []
    (said,) = host.apply(mount_entry, point=POINT, declared=declared, uuid=UUID)
    assert "would hide (weights" in said
    assert host.ok("cat /etc/fstab") == "# static\n"


def test_another_device_on_the_mount_point_is_refused(host: PrivateHost, disk: str) -> None:
    declared = ready(host, disk)
    host.ok(f"mount -t tmpfs other {POINT}")
    with pytest.raises(OperationError, match="other is mounted on"):
        host.want(mount_entry, point=POINT, declared=declared, uuid=UUID)


def directory(**changes: object) -> Directory:
    return Directory.model_validate({"use": "models", "mode": "0750", **changes})


def test_directories_come_on_the_mount_with_owner_and_mode_only_of_themselves(
    host: PrivateHost, disk: str
) -> None:
    declared = ready(host, disk)
    arguments = {
        "path": PATH,
        "declared": directory(user="nobody", group="nogroup"),
        "mount": POINT,
        "filesystem": declared,
    }
    assert host.apply(storage_directory, **arguments) == []
    assert host.ok(f"stat -c '%a %U:%G' {PATH}") == "750 nobody:nogroup\n"
    assert host.settled(storage_directory, **arguments)
    host.ok(f"touch {PATH}/inside && chmod 777 {PATH} && chown root {PATH}")
    assert host.apply(storage_directory, **arguments) == []
    assert host.ok(f"stat -c '%a %U' {PATH} {PATH}/inside") == "750 nobody\n644 root\n"


def test_nothing_is_written_below_a_mount_that_is_missing(host: PrivateHost, disk: str) -> None:
    declared = ready(host, disk)
    host.ok(f"umount {POINT}")
    below = {"path": PATH, "declared": directory(), "mount": POINT}
    # mounted by somebody else: the plan refuses
    with pytest.raises(OperationError, match=f"{POINT} is not mounted: nothing is written"):
        host.want(storage_directory, **below)
    # ours: the mount comes first in the plan; if it did not happen the command refuses
    (said,) = host.apply(storage_directory, **below, filesystem=declared)
    assert "nothing was written" in said
    assert host.ok(f"ls -A {POINT}") == ""


def test_nothing_is_written_through_a_link_out_of_the_mount(host: PrivateHost, disk: str) -> None:
    declared = ready(host, disk)
    host.ok(f"mkdir /srv/elsewhere && ln -s /srv/elsewhere {POINT}/llm-cache")
    (said,) = host.apply(
        storage_directory, path=PATH, declared=directory(), mount=POINT, filesystem=declared
    )
    assert "nothing was written" in said
    assert host.ok("ls -A /srv/elsewhere") == ""


def test_the_real_facts_show_a_loop_disk_with_its_number(host: PrivateHost, disk: str) -> None:
    listed = host.read(Block()).devices
    found = next(item for item in listed if f"/dev/{item.name}" == disk)
    status = os.stat(disk).st_rdev
    assert found.number == f"{os.major(status)}:{os.minor(status)}"
    assert (found.number, found.size) == (content(host, disk).number, DISK)
