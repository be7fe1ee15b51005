"""Every branch of file systems, mounts, directories: exact commands, or a sentence why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.storage import Directory, Filesystem
from facts.disks.block import Block
from facts.odd import odd_line
from facts.system.units import Unit, UnitState
from facts.value import ABSENT, Unknown
from operations.files.filewrite import FileWrite
from operations.script import Script
from operations.storage.filesystem import filesystem
from operations.storage.mount_entry import mount_entry
from operations.storage.storage_device import locate, planned_uuid
from operations.storage.storage_directory import storage_directory
from operations.storage.tree_absent import tree_absent
from tests.unit.base_facts import stat
from tests.unit.disk_facts import (
    FSTAB,
    POINT,
    UUID,
    content,
    device,
    disks,
    formatted,
    mount,
    rig,
)
from tests.unit.pyinfra_harness import reasons, stub_host

DISK = Filesystem(serial="S1", format="if_blank", mkfs=("-T", "largefile4", "-m", "0"))
LINE = f"UUID={UUID} {POINT} ext4 noatime,nofail 0 2\n".encode()
MODELS = Directory(use="models", user="b70", group="b70", mode="0750")
PATH = f"{POINT}/llm-models"


def plan(operation: Any, facts: dict[Any, Any], **arguments: Any) -> tuple[list[str], list[str]]:
    """Return commands as a plan shows them, and the reasons for none."""
    with stub_host(facts) as stub:
        shown = [show(command) for command in operation._inner(**arguments)]
        assert stub.told.says_why() or not shown, f"why {shown}?"
        return shown, stub.noops


def show(command: Any) -> str:
    if isinstance(command, FileWrite):
        return f"write {command.path}: {command.content.decode().removeprefix(FSTAB.decode())}"
    return command.shown if isinstance(command, Script) else str(command)


def make(declared: Filesystem = DISK, **facts: Any) -> tuple[list[str], list[str]]:
    return plan(filesystem, rig(**facts), point=POINT, declared=declared, uuid=UUID)


def mounting(declared: Filesystem = DISK, **facts: Any) -> tuple[list[str], list[str]]:
    return plan(mount_entry, rig(**facts), point=POINT, declared=declared, uuid=UUID)


def keeping(declared: Directory = MODELS, **facts: Any) -> tuple[list[str], list[str]]:
    arguments = {"path": PATH, "declared": declared, "mount": POINT}
    owner = facts.pop("filesystem", DISK)
    return plan(storage_directory, rig(**facts), **arguments, filesystem=owner)


def test_a_blank_disk_gets_the_declared_file_system_with_a_uuid_known_before() -> None:
    ext4 = f"mkfs.ext4 -q -U {UUID} -T largefile4 -m 0 /dev/vdb"
    assert make() == ([ext4], [])
    xfs = Filesystem(serial="S1", fstype="xfs", format="if_blank", label="big")
    assert make(xfs) == ([f"mkfs.xfs -q -m uuid={UUID} -L big /dev/vdb"], [])


def test_the_file_system_that_is_there_is_left_alone() -> None:
    assert make(DeviceContent=formatted()) == ([], [f"ext4 {UUID} on /dev/vdb"])
    labelled = DISK.model_copy(update={"label": "big"})
    (said,) = make(labelled, DeviceContent=formatted(label="old"))[1]
    assert said.endswith("its label is old, declared is big (left alone)")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"DeviceContent": formatted(fstype="btrfs")}, "carries btrfs, ext4 is declared"),
        ({"DeviceContent": content(pttype="gpt")}, "not blank: partition table gpt"),
        ({"DeviceContent": content(signatures=("zfs_member at 0x1",))}, "signature zfs_member at"),
        ({"DeviceContent": content(holders=("dm-0",))}, "in use by dm-0"),
        ({"DeviceContent": content(partitions=("vdb1",))}, "partition vdb1"),
        ({"DeviceContent": content(mounted=("/mnt/x",))}, "mounted on /mnt/x"),
        ({"DeviceContent": content(swap=True)}, "in use as swap"),
        ({"DeviceContent": content(read_only=True)}, "read-only"),
        ({"DeviceContent": content(data=(4096,))}, "data without a signature at byte 4096"),
        ({"DeviceContent": Unknown("no answer")}, "what lies on /dev/vdb is UNKNOWN: no answer"),
        ({"DeviceContent": ABSENT}, "there is no block device"),
        ({"Block": Unknown("no answer")}, "state of disks and mounts is UNKNOWN"),
        ({"Block": disks(devices=(device("vda"),))}, "no device with serial S1"),
        ({"Block": disks(devices=Unknown("lsblk is gone"))}, "block devices are UNKNOWN"),
        (
            {"Block": disks(devices=(device("vdb", serial="S1"), device("vdc", serial="S1")))},
            "several devices with serial S1: /dev/vdb, /dev/vdc",
        ),
    ],
)
def test_anything_but_a_blank_known_single_device_is_refused(
    facts: dict[str, Any], said: str
) -> None:
    with pytest.raises(OperationError, match=said):
        make(**facts)


def test_a_device_that_may_be_an_odd_one_is_not_looked_for_among_the_others() -> None:
    odd = odd_line("lsblk -J -b -O", 0, '{"name": "vdz", "serial": "S1"}', "its size is None")
    with pytest.raises(OperationError, match=r"device with serial S1 is UNKNOWN: .*size is None"):
        make(Block=replace(disks(), odd=(odd,)))


def test_formatting_needs_its_own_word() -> None:
    with pytest.raises(OperationError, match="format: never is declared"):
        make(Filesystem(serial="S1"))


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        (Filesystem(serial="S2", partition=2), "/dev/nvme0n1p2"),
        (Filesystem(serial="S2"), "/dev/nvme0n1"),
        (Filesystem(partlabel="models"), "/dev/nvme0n1p2"),
        (Filesystem(uuid=UUID), "/dev/mapper/vg-data"),
        (Filesystem(device="/dev/disk/by-id/nvme-x"), "/dev/disk/by-id/nvme-x"),
    ],
)
def test_a_device_is_found_by_what_does_not_move(declared: Filesystem, found: str) -> None:
    parts = (
        device("nvme0n1p1", "part"),
        device("nvme0n1p2", "part", partlabel="models"),
        device("nvme0n1p12", "part"),
    )
    volume = device("vg-data", "lvm", uuid=UUID, fstype="ext4")
    tree = (
        device("nvme0n1", serial="S2", children=parts),
        device("sda", uuid=UUID, fstype="LVM2_member", children=(volume,)),
    )
    assert locate(declared, disks(devices=tree)) == found


def test_the_planned_uuid_is_the_same_each_time_and_another_for_each_host_and_disk() -> None:
    other = Filesystem(serial="S2")
    assert planned_uuid("a", DISK) == planned_uuid("a", DISK)
    assert len({planned_uuid("a", DISK), planned_uuid("b", DISK), planned_uuid("a", other)}) == 3


def test_a_new_mount_is_prepared_written_and_mounted() -> None:
    assert mounting() == (
        [
            f"install -d -- {POINT}",
            f"write /etc/fstab: {LINE.decode()}",
            f"mount -- {POINT}",
        ],
        [],
    )


def test_fstab_keeps_its_mode_and_owner_and_is_checked() -> None:
    with stub_host(rig(stats={"/etc/fstab": stat(mode="0640", group="adm")})):
        declared = {"point": POINT, "declared": DISK, "uuid": UUID}
        (write,) = [c for c in mount_entry._inner(**declared) if isinstance(c, FileWrite)]
    assert write.content == FSTAB + LINE
    assert write.arguments[1:4] == ("0640", "root", "adm")
    assert "findmnt --verify" in write.arguments[5]


def test_the_uuid_of_the_device_counts_once_it_has_one() -> None:
    other = UUID.replace("1", "9")
    (line,) = [x for x in mounting(DeviceContent=formatted(uuid=other))[0] if "write" in x]
    assert f"UUID={other} " in line


def test_a_mount_in_sync_says_how_it_is_mounted() -> None:
    facts = {
        "Block": disks(mount(POINT)),
        "DeviceContent": formatted(),
        "texts": {"/etc/fstab": FSTAB + LINE},
    }
    assert mounting(**facts) == ([], ["/dev/vdb is mounted with rw,noatime"])
    stale = Unit("loaded", "active", "mounted", "generated", True, 1)
    units = UnitState({"mnt-fast\\x2dai.mount": stale}, ())
    assert mounting(**facts, Units=units)[0] == [f"mount -- {POINT}"]
    assert mounting(**facts, Units=Unknown("no systemd"))[0] == []


def test_options_that_differ_are_repaired_or_said() -> None:
    facts = {
        "Block": disks(mount(POINT, options=("rw", "relatime"))),
        "DeviceContent": formatted(),
        "texts": {"/etc/fstab": FSTAB + LINE.replace(b"nofail", b"nofail,nodev")},
    }
    declared = DISK.model_copy(update={"options": ("noatime", "nofail", "nodev")})
    commands, noops = mounting(declared, **facts)
    assert commands == [f"mount -o remount,noatime -- {POINT}"]
    assert noops == ["/dev/vdb is mounted with rw,relatime; waits for the next boot: nodev"]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"Block": disks(mount(POINT, "/dev/sdz", "8:0"))}, "/dev/sdz is mounted on /mnt/fast-ai"),
        ({"texts": {"/etc/fstab": LINE + LINE}}, "has lines 1 and 2"),
        ({"texts": {"/etc/fstab": Unknown("too large")}}, "content of /etc/fstab is UNKNOWN"),
        ({"Block": disks(devices=(device("vda"),))}, "no device with serial S1"),
    ],
)
def test_a_mount_is_not_guessed(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(OperationError, match=said):
        mounting(**facts)


def test_a_directory_gets_owner_and_mode_of_itself_only() -> None:
    there = {"Block": disks(mount(POINT))}
    wanted = [f"install -d -m 0750 -o b70 -g b70 -- {PATH}"]
    assert keeping(**there) == (wanted, [])
    right = stat("directory", mode="0750", user="b70", group="b70")
    assert keeping(**there, stats={PATH: right}) == ([], ["mode 0750 and owner b70:b70"])
    assert keeping(**there, stats={PATH: stat("directory")}) == (wanted, [])
    with pytest.raises(OperationError, match="is a link, a directory was declared"):
        keeping(**there, stats={PATH: stat("link")})


def test_without_its_mount_a_directory_waits_for_the_mount_of_this_plan_or_is_refused() -> None:
    below = {PATH: stat("directory", mode="0750", user="b70", group="b70")}
    # what lies below the missing mount looks right, and does not count
    assert len(keeping(stats=below)[0]) == 1
    with pytest.raises(OperationError, match="is not mounted: nothing is written"):
        keeping(stats=below, filesystem=None)
    with pytest.raises(OperationError, match="no device with serial S1"):
        keeping(stats=below, Block=disks(devices=(device("vda"),)))


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (disks(mount(POINT, fstype="ntfs3")), "active models on ntfs3"),
        (disks(mount(POINT, fstype="fuseblk")), "active models on fuseblk"),
        (
            disks(
                mount(POINT, number="8:1"),
                devices=(
                    device(
                        "sda", transport="usb", children=(device("sda1", "part", number="8:1"),)
                    ),
                ),
            ),
            "on a USB disk",
        ),
    ],
)
def test_active_models_do_not_lie_on_ntfs_or_usb(block: Any, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        keeping(Block=block)
    backup = MODELS.model_copy(update={"active": False})
    assert len(keeping(backup, Block=block)[0]) == 1
    results = MODELS.model_copy(update={"use": "results"})
    assert len(keeping(results, Block=block)[0]) == 1


def test_a_read_only_file_system_is_refused_for_every_use() -> None:
    with pytest.raises(OperationError, match="is read-only"):
        keeping(Block=disks(mount(POINT, options=("ro",))))


def test_a_directory_that_needs_no_mount_is_kept_where_it_lies() -> None:
    arguments = {"path": "/srv/src", "declared": Directory(use="sources")}
    assert plan(storage_directory, rig(), **arguments)[0] == [
        "install -d -m 0755 -o root -g root -- /srv/src"
    ]


def test_a_tree_is_removed_only_as_a_plain_child_of_its_directory() -> None:
    tree = {"path": f"{PATH}/old", "within": PATH}
    found = {"stats": {f"{PATH}/old": stat("directory")}}
    assert plan(tree_absent, rig(), **tree) == ([], ["is not there"])
    assert plan(tree_absent, rig(**found), **tree)[0] == [f"rm -rf --one-file-system -- {PATH}/old"]
    for path, within, facts, said in (
        (f"{PATH}/a/b", PATH, {}, "does not lie directly in"),
        (f"{PATH}/../x", PATH, {}, "not a plain absolute path"),
        (f"{PATH}/old", PATH, {"stats": {f"{PATH}/old": stat("link")}}, "is a link"),
        (f"{PATH}/old", PATH, {**found, "Block": disks(mount(f"{PATH}/old/m"))}, "is mounted in"),
    ):
        with pytest.raises(OperationError, match=said):
            plan(tree_absent, rig(**facts), path=path, within=within)


def test_unknown_disks_stop_everything() -> None:
    unknown = {"Block": Unknown("no answer")}
    with pytest.raises(OperationError, match="UNKNOWN"):
        keeping(**unknown)
    assert Block in rig()


def why(operation: Any, facts: dict[Any, Any], **arguments: Any) -> list[Any]:
    """Return property, expected and seen of each difference."""
    found = reasons(operation, facts, **arguments).differences
    return [(each.what, each.expected, each.seen) for each in found]


def test_a_disk_is_formatted_because_it_has_no_file_system() -> None:
    told = why(filesystem, rig(), point=POINT, declared=DISK, uuid=UUID)
    assert told == [("file system on /dev/vdb", "ext4", None)]


ENTRY = f"UUID={UUID} ext4 noatime,nofail 0 2"
MOUNTED = {
    "Block": disks(mount(POINT)),
    "DeviceContent": formatted(),
    "texts": {"/etc/fstab": FSTAB + LINE},
}
STALE = UnitState(
    {"mnt-fast\\x2dai.mount": Unit("loaded", "active", "mounted", "generated", True, 1)}, ()
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"Block": disks(), "texts": {}},
            [
                (f"mount on {POINT}", f"UUID={UUID} ext4", None),
                (f"fstab entry of {POINT}", ENTRY, None),
            ],
        ),
        (
            {"texts": {"/etc/fstab": f"//nas/m {POINT} cifs password=s3cret 0 0\n".encode()}},
            [(f"fstab entry of {POINT}", ENTRY, "//nas/m cifs password=… 0 0")],
        ),
        ({"Units": STALE}, [(f"systemd's unit of {POINT}", "as /etc/fstab", "older than it")]),
        (
            {"Block": disks(mount(POINT, options=("rw", "relatime")))},
            [(f"mount options of {POINT}", "noatime", "rw,relatime")],
        ),
    ],
)
def test_a_mount_says_what_of_it_is_not_as_declared(
    changes: dict[str, Any], expected: list[Any]
) -> None:
    facts = rig(**{**MOUNTED, **changes})
    assert why(mount_entry, facts, point=POINT, declared=DISK, uuid=UUID) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, [("directory", "mode 0750, b70:b70", f"{POINT} is not mounted yet")]),
        ({"Block": disks(mount(POINT))}, [("directory", "mode 0750, b70:b70", None)]),
        (
            {"Block": disks(mount(POINT)), "stats": {PATH: stat("directory", mode="0777")}},
            [("owner", "b70:b70", "root:root"), ("mode", "0750", "0777")],
        ),
    ],
)
def test_a_directory_says_what_of_it_is_not_as_declared(
    facts: dict[str, Any], expected: list[Any]
) -> None:
    wanted = {"path": PATH, "declared": MODELS, "mount": POINT, "filesystem": DISK}
    assert why(storage_directory, rig(**facts), **wanted) == expected


def test_a_tree_is_removed_because_it_should_not_exist() -> None:
    facts = rig(stats={f"{PATH}/old": stat("directory")})
    told = why(tree_absent, facts, path=f"{PATH}/old", within=PATH)
    assert told == [(f"{PATH}/old", None, "directory")]
