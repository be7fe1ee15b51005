"""Swap files made by the real tools and turned on by the real kernel, on small loop disks."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.onhost import BUILD_SWAP
from declaration.storage import Storage
from declaration.swap import BuildSwap, SwapFile
from facts.system.units import Unit, UnitState
from facts.value import ABSENT
from operations.swap.build_swap import build_swap, build_swap_beside_serving
from operations.swap.swap_file import swap_file
from operations.swap.swap_make import make
from tests.places import FIXTURES
from tests.unit.private_host import PrivateHost, loop_disk, private_host

POINT = "/mnt/big"
PATH = f"{POINT}/swap"
#: GiB; 16 MiB are enough to be swapped on
SMALL = 16 / 1024
STORAGE = Storage.model_validate({"min_free_gib": 0})
SERVING = Unit("loaded", "active", "running", "enabled", False, 1)


@pytest.fixture
def host() -> Iterator[PrivateHost]:
    with private_host() as made:
        try:
            yield made
        finally:
            # swap belongs to the whole machine and outlives the namespace
            made.sh(f"swapoff {POINT}/* ; swapoff {POINT}/*.b70fleet-new")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[str]:
    with loop_disk(tmp_path / "disk.img") as device:
        yield device


def mounted(host: PrivateHost, disk: str, kind: str) -> None:
    """Put a file system on the disk and mount it."""
    if kind == "btrfs":
        put_blocks(disk, zlib.decompress((FIXTURES / "signatures/btrfs.blocks.z").read_bytes()))
    else:
        host.ok(f"mkfs.{kind} -q {disk}")
    host.ok(f"mkdir -p {POINT} && mount {disk} {POINT}")


def put_blocks(disk: str, blocks: bytes) -> None:
    """Write what mkfs.btrfs (128 MiB, single) wrote: 8 bytes of offset, then a block of 4 KiB."""
    with open(disk, "r+b") as file:
        for at in range(0, len(blocks), 4104):
            file.seek(int.from_bytes(blocks[at : at + 8], "little"))
            file.write(blocks[at + 8 : at + 4104])


def active(host: PrivateHost) -> list[str]:
    return [line.split()[0] for line in host.ok("cat /proc/swaps").splitlines()[1:]]


def build(**changes: Any) -> BuildSwap:
    return BuildSwap.model_validate({"path": PATH, "size_gib": SMALL, **changes})


def up(host: PrivateHost, **changes: Any) -> list[str]:
    return host.apply(build_swap, present=True, declared=build(**changes), storage=STORAGE)


def down(host: PrivateHost, failed: bool = False) -> list[str]:
    return host.apply(build_swap, present=False, declared=build(), storage=STORAGE, failed=failed)


def record(host: PrivateHost) -> str:
    return host.ok(f"head -n 1 {BUILD_SWAP}").strip()


@pytest.mark.parametrize(("kind", "how"), [("ext4", "fallocate"), ("ext2", "dd")])
def test_a_swap_file_is_made_the_way_the_file_system_allows(
    host: PrivateHost, disk: str, kind: str, how: str
) -> None:
    mounted(host, disk, kind)
    said = host.ok(make(PATH, 16 * 1024**2).get_raw_value())
    assert said == f"made with {how}\n"
    assert active(host) == [PATH]
    assert host.ok(f"stat -c '%a %s' {PATH}") == f"600 {16 * 1024**2}\n"
    assert host.ok(f"ls -A {POINT}").split() == ["lost+found", "swap"]


def test_an_allocated_file_that_swapon_refuses_is_written_instead(
    host: PrivateHost, disk: str
) -> None:
    mounted(host, disk, "ext4")
    # like XFS before Linux 4.18: a file with extents that were never written is not taken
    host.ok(
        "mkdir /srv/old && printf '%s\\n' '#!/bin/sh' 'for f; do :; done' "
        "'if filefrag -v \"$f\" | grep -q unwritten; then echo has holes >&2; exit 255; fi' "
        "'exec /sbin/swapon \"$@\"' >/srv/old/swapon && chmod +x /srv/old/swapon"
    )
    said = host.ok(f"PATH=/srv/old:$PATH; {make(PATH, 16 * 1024**2).get_raw_value()}")
    assert said == "made with dd\n"
    assert active(host) == [PATH]


def test_a_swap_file_on_btrfs_is_made_without_copy_on_write(host: PrivateHost, disk: str) -> None:
    mounted(host, disk, "btrfs")
    assert host.ok(make(PATH, 16 * 1024**2).get_raw_value()) == "made with fallocate\n"
    assert "C" in host.ok(f"lsattr {PATH}").split()[0]
    assert active(host) == [PATH]


@pytest.mark.parametrize("kind", ["tmpfs", "overlay"])
def test_a_place_that_takes_no_swap_file_is_refused_with_its_reason(
    host: PrivateHost, kind: str
) -> None:
    options = "lowerdir=/usr,upperdir=/run/u,workdir=/run/w" if kind == "overlay" else "size=64M"
    host.ok(f"mkdir -p {POINT} /run/u /run/w && mount -t {kind} x -o {options} {POINT}")
    with pytest.raises(OperationError, match=f"no swap file on {kind}"):
        up(host)
    assert not host.sh(f"ls {PATH}*").stdout
    # and where only the kernel knows, its own words are passed on and nothing is left
    done = host.sh(make(PATH, 16 * 1024**2).get_raw_value())
    assert done.returncode == 1
    assert "no swap file can be made here. fallocate: swapon:" in done.stderr
    assert not host.sh(f"ls {PATH}*").stdout


def test_a_full_disk_in_the_middle_leaves_nothing(host: PrivateHost, disk: str) -> None:
    mounted(host, disk, "ext2")
    done = host.sh(make(PATH, 1024**3).get_raw_value())
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert host.ok(f"ls -A {POINT}").split() == ["lost+found"]


def test_the_permanent_file_is_on_in_fstab_and_silent_then(host: PrivateHost, disk: str) -> None:
    mounted(host, disk, "ext4")
    arguments = {"declared": SwapFile(path=PATH, size_gib=SMALL), "storage": STORAGE}
    assert host.apply(swap_file, **arguments) == []
    assert host.ok("cat /etc/fstab") == f"# static\n{PATH} none swap sw,nofail 0 0\n"
    assert active(host) == [PATH]
    assert host.settled(swap_file, **arguments)
    host.ok(f"swapoff {PATH}")
    assert host.apply(swap_file, **arguments) == []
    assert active(host) == [PATH]


def test_another_size_replaces_the_file_while_it_is_on(host: PrivateHost, disk: str) -> None:
    mounted(host, disk, "ext4")
    for size in (SMALL, 2 * SMALL, SMALL):
        declared = SwapFile(path=PATH, size_gib=size)
        assert host.apply(swap_file, declared=declared, storage=STORAGE) == []
        assert int(host.ok(f"stat -c %s {PATH}")) == size * 1024**3
        assert active(host) == [PATH]
        assert host.settled(swap_file, declared=declared, storage=STORAGE)


def test_somebodys_file_at_the_path_is_never_replaced_or_used(host: PrivateHost, disk: str) -> None:
    mounted(host, disk, "ext4")
    host.ok(f"head -c 16777216 /dev/urandom >{PATH}; chmod 644 {PATH}")
    before = host.ok(f"sha256sum {PATH}; stat -c %a {PATH}")
    same, other = (SwapFile(path=PATH, size_gib=size) for size in (SMALL, 2 * SMALL))
    (said,) = host.apply(swap_file, declared=same, storage=STORAGE)
    assert "is no swap file and stays as it is" in said
    with pytest.raises(OperationError, match="somebody's data"):
        host.want(swap_file, declared=other, storage=STORAGE)
    for present in (True, False):
        with pytest.raises(OperationError, match="no run of this tool made it"):
            host.want(build_swap, present=present, declared=build(), storage=STORAGE)
    assert host.ok(f"sha256sum {PATH}; stat -c %a {PATH}") == before


@pytest.mark.parametrize("kind", ["ext4", "ext2"])
def test_build_swap_lives_its_whole_life(host: PrivateHost, disk: str, kind: str) -> None:
    mounted(host, disk, kind)
    assert up(host) == []
    assert (active(host), record(host)) == ([PATH], "active")
    assert host.settled(build_swap, present=True, declared=build(), storage=STORAGE)
    # a reboot: whatever was on is off, the file is there
    host.ok(f"swapoff {PATH}")
    assert up(host) == []
    assert active(host) == [PATH]
    # the build failed: off, kept, and taken again without making it anew
    assert down(host, failed=True) == []
    assert (active(host), record(host)) == ([], "kept")
    inode = host.ok(f"stat -c %i {PATH}")
    assert up(host) == []
    assert (active(host), host.ok(f"stat -c %i {PATH}")) == ([PATH], inode)
    # it passed
    assert down(host) == []
    assert (active(host), record(host)) == ([], "removed")
    assert host.ok(f"ls -A {POINT}").split() == ["lost+found"]
    assert host.settled(build_swap, present=False, declared=build(), storage=STORAGE)


def test_an_unfinished_file_of_a_run_that_died_is_made_anew(host: PrivateHost, disk: str) -> None:
    mounted(host, disk, "ext4")
    host.ok(f"head -c 1000000 /dev/zero >{PATH}.b70fleet-new; echo creating >{BUILD_SWAP}")
    host.ok(f"echo {PATH} >>{BUILD_SWAP}")
    assert up(host) == []
    assert active(host) == [PATH]
    assert host.ok(f"ls -A {POINT}").split() == ["lost+found", "swap"]


def test_another_size_of_build_swap_is_made_anew(host: PrivateHost, disk: str) -> None:
    mounted(host, disk, "ext4")
    assert up(host) == []
    assert up(host, size_gib=2 * SMALL) == []
    assert int(host.ok(f"stat -c %s {PATH}")) == 32 * 1024**2
    assert active(host) == [PATH]


def test_too_little_room_is_refused_before_anything_is_written(
    host: PrivateHost, disk: str
) -> None:
    mounted(host, disk, "ext4")
    with pytest.raises(OperationError, match="nothing was written: not enough room on /mnt/big"):
        up(host, size_gib=160)
    assert host.ok(f"ls -A {POINT}").split() == ["lost+found"]
    assert host.sh(f"test -e {BUILD_SWAP}").returncode == 1


def test_build_swap_and_serving_exclude_each_other_when_forbidden(
    host: PrivateHost, disk: str
) -> None:
    mounted(host, disk, "ext4")
    assert up(host) == []
    assert host.settled(build_swap_beside_serving, declared=build())
    host.units = UnitState({"vllm-minimax.service": SERVING}, ())
    assert host.settled(build_swap_beside_serving, declared=build(forbid_while_serving=False))
    assert host.apply(build_swap_beside_serving, declared=build()) == []
    assert (active(host), record(host)) == ([], "kept")
    with pytest.raises(OperationError, match=r"vllm-minimax\.service serves"):
        up(host)
    assert active(host) == []
    assert up(host, forbid_while_serving=False) == []
    assert active(host) == [PATH]


def test_a_unit_that_is_down_does_not_count_as_serving(host: PrivateHost, disk: str) -> None:
    mounted(host, disk, "ext4")
    idle = Unit("loaded", "inactive", "dead", "enabled", False, ABSENT)
    host.units = UnitState({"vllm-minimax.service": idle}, ())
    assert up(host) == []
