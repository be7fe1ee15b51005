"""What a declaration of disks and swap may say, and the sentence for what it may not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from declaration.host import Connection, HostSpec
from declaration.storage import Filesystem, Storage
from declaration.swap import BuildSwap, Swap

DISK = {"serial": "S5GXNX0W000000A", "partition": 1}


def storage(**values: Any) -> Storage:
    return Storage.model_validate(values)


def test_a_whole_declaration_is_read_with_its_defaults() -> None:
    declared = storage(
        filesystems={"/mnt/fast-ai": {**DISK, "format": "if_blank", "mkfs": ["-m", "0"]}},
        directories={
            "/mnt/fast-ai/llm-models": {"use": "models", "user": "b70", "budget_gib": 250},
            "/srv/sources": {"use": "sources"},
        },
    )
    disk = declared.filesystems["/mnt/fast-ai"]
    assert (disk.fstype, disk.options) == ("ext4", ("noatime", "nofail"))
    assert disk.finder == "serial S5GXNX0W000000A partition 1"
    assert declared.required_mount("/mnt/fast-ai/llm-models") == "/mnt/fast-ai"
    assert declared.required_mount("/srv/sources") == ""
    assert declared.floor_bytes("/mnt/fast-ai") == declared.floor_bytes("/") == 50 * 1024**3
    assert Filesystem.model_validate(DISK).format == "never"


def test_the_deepest_declared_file_system_is_the_required_one() -> None:
    declared = storage(
        filesystems={"/mnt/a": {"serial": "1"}, "/mnt/a/b": {"serial": "2", "min_free_gib": 5}},
        directories={"/mnt/a/b/c": {"use": "results"}},
    )
    assert declared.required_mount("/mnt/a/b/c") == "/mnt/a/b"
    assert declared.required_mount("/mnt/a/bc") == "/mnt/a"
    assert declared.floor_bytes("/mnt/a/b") == 5 * 1024**3


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"filesystems": {"mnt/x": DISK}}, "not a plain absolute path"),
        ({"filesystems": {"/mnt/x y": DISK}}, "not a plain absolute path"),
        ({"filesystems": {"/mnt/../etc": DISK}}, "not a plain absolute path"),
        ({"filesystems": {"/mnt/x/": DISK}}, "not a plain absolute path"),
        ({"filesystems": {"/": DISK}}, "belongs to the system"),
        ({"filesystems": {"/usr/local": DISK}}, "belongs to the system"),
        ({"filesystems": {"/var": DISK}}, "belongs to the system"),
        ({"directories": {"/etc/x": {"use": "results"}}}, "belongs to the system"),
        ({"filesystems": {"/mnt/x": {}}}, "give exactly one of uuid, partlabel, serial, device"),
        (
            {"filesystems": {"/mnt/x": {"serial": "1", "partlabel": "x"}}},
            "exactly one .*found partlabel, serial",
        ),
        ({"filesystems": {"/mnt/x": {"device": "/dev/sdb"}}}, "not below /dev/disk/by-id"),
        ({"filesystems": {"/mnt/x": {"partlabel": "x", "partition": 2}}}, "partition needs serial"),
        ({"filesystems": {"/mnt/x": {"uuid": "1234-ABCD"}}}, "not a file system UUID"),
        (
            {
                "filesystems": {
                    "/mnt/x": {
                        "uuid": "0" * 8 + "-0000-0000-0000-" + "0" * 12,
                        "format": "if_blank",
                    }
                }
            },
            "can be found while it is blank",
        ),
        ({"filesystems": {"/mnt/x": {**DISK, "mkfs": ["-m", "0"]}}}, "need format: if_blank"),
        (
            {"filesystems": {"/mnt/x": {**DISK, "format": "if_blank", "mkfs": ["-F"]}}},
            "overrides the check for existing data",
        ),
        ({"filesystems": {"/mnt/x": {**DISK, "fstype": "ntfs"}}}, "'ext4' or 'xfs'"),
        ({"filesystems": {"/mnt/x": {**DISK, "options": ["a b"]}}}, "not a mount option"),
        ({"filesystems": {"/mnt/x": DISK, "/mnt/y": DISK}}, "/mnt/x and /mnt/y both use serial"),
        (
            {"filesystems": {"/mnt/x": {"serial": "1"}, "/mnt/y": {"serial": "1", "partition": 1}}},
            "/mnt/x uses the whole disk 1, /mnt/y its partition 1",
        ),
        (
            {"directories": {"/mnt/x/a": {"use": "models", "mount": "/mnt/y"}}},
            "does not lie below its mount",
        ),
        (
            {
                "filesystems": {"/mnt/x": DISK},
                "directories": {"/mnt/x/a": {"use": "models", "mount": "/mnt"}},
            },
            "lies on the declared file system /mnt/x and requires it",
        ),
        ({"directories": {"/srv/a": {"use": "models", "mount": "/"}}}, "leave it out"),
        ({"directories": {"/srv/a": {"use": "games"}}}, "'models'"),
        ({"directories": {"/srv/a": {"use": "models", "mode": "755"}}}, "four octal digits"),
        ({"directories": {"/srv/a": {"use": "models", "user": "A b"}}}, "user or group name"),
    ],
)
def test_a_wrong_declaration_is_refused_with_a_sentence(values: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        storage(**values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"permanent": {"path": "", "size_gib": 8}}, "at least 2 characters"),
        ({"permanent": {"path": "/dev/sda2", "size_gib": 8}}, "cannot be a swap file"),
        ({"permanent": {"path": "swap", "size_gib": 8}}, "not a plain absolute path"),
        (
            {"permanent": {"path": "/s", "size_gib": 8}, "build": {"path": "/s"}},
            "are the same file",
        ),
        ({"build": {"size_gib": 0}}, "greater than 0"),
    ],
)
def test_wrong_swap_is_refused_with_a_sentence(values: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Swap.model_validate(values)


def test_a_host_declares_neither_unless_somebody_says_so() -> None:
    spec = HostSpec(name="rig", connection=Connection(address="192.0.2.1"))
    assert (spec.storage, spec.swap.declared) == (Storage(), False)
    assert spec.swap.build == BuildSwap(path="", size_gib=160, forbid_while_serving=True)
    assert Swap.model_validate({"build": {"forbid_while_serving": False}}).declared
