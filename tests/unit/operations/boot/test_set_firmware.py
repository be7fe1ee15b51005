"""A firmware blob in the folder of its boot set: its content, and where it comes from."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from facts.system.files import FileState
from facts.value import Unknown
from operations.boot.set_firmware import LONGEST_PATH, set_firmware
from operations.files.filewrite import FileWrite
from tests.unit.base_facts import files, stat
from tests.unit.boot_root import HOST_SHELLS, SICK_DISK, BootRoot, packed
from tests.unit.pyinfra_harness import reasons, stub_host

BLOB = "/lib/firmware/b70fleet/b70-7.0.0-38-generic-0a1b2c3d4e/xe/bmg_guc_70.bin"
SOURCE = "/lib/firmware/xe/bmg_guc_70.bin"
NEW = b"new firmware"
SHA = hashlib.sha256(NEW).hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


def firmware(answers: Any, **given: Any) -> tuple[list[Any], list[str]]:
    with stub_host({FileState: answers}) as stub:
        wanted = {"path": BLOB, "sha256": SHA, **given}
        return list(set_firmware._inner(**wanted)), stub.noops


def test_a_blob_with_the_declared_content_is_left_alone() -> None:
    commands, noops = firmware(files(**{BLOB: stat(sha256=SHA)}), content=NEW)
    assert (commands, noops) == ([], [f"sha256 {SHA[:16]}… as declared"])


def test_a_blob_of_the_fleet_is_written_for_everybody_to_read() -> None:
    (write,), _ = firmware(files(), content=NEW)
    assert isinstance(write, FileWrite)
    assert (write.path, write.content) == (BLOB, NEW)
    assert write.arguments[1:4] == ("0644", "root", "root")


def test_a_blob_of_the_host_is_named_with_its_source() -> None:
    (command,), _ = firmware(files(), source=SOURCE)
    assert command.shown == f"install {SOURCE} {BLOB}"


def test_new_firmware_names_both_contents() -> None:
    def why(answers: Any) -> list[tuple[str, str | None, str | None]]:
        given = {"path": BLOB, "sha256": SHA, "content": NEW}
        told = reasons(set_firmware, {FileState: answers}, **given)
        return [(each.what, each.expected, each.seen) for each in told.differences]

    declared = f"sha256 {SHA[:16]}…"
    assert why(files()) == [("firmware", declared, None)]
    assert why(files(**{BLOB: stat(sha256=OTHER)})) == [
        ("firmware", declared, f"sha256 {OTHER[:16]}…")
    ]


@pytest.mark.parametrize(
    "found",
    [
        stat(sha256=Unknown("not readable")),
        stat("directory"),
        Unknown("timeout"),
    ],
)
def test_a_blob_that_cannot_be_read_is_not_replaced(found: Any) -> None:
    with pytest.raises(OperationError, match="is UNKNOWN"):
        firmware(files(**{BLOB: found}), content=NEW)


def test_a_folder_that_the_kernel_would_cut_is_refused() -> None:
    folder = "/lib/firmware/" + "x" * (LONGEST_PATH - 14)
    assert firmware(files(), path=f"{folder}/guc.bin", content=NEW)[0]
    with pytest.raises(OperationError, match="the kernel takes at most 255 characters"):
        firmware(files(), path=f"{folder}x/guc.bin", content=NEW)


@pytest.fixture(params=HOST_SHELLS, ids=" ".join)
def tree(tmp_path: Path, request: pytest.FixtureRequest) -> BootRoot:
    root = BootRoot(tmp_path, request.param)
    (root.root / BLOB.lstrip("/")).parent.mkdir(parents=True)
    return root


def install(tree: BootRoot, **given: Any) -> subprocess.CompletedProcess[str]:
    (command,), _ = firmware(files(), source=SOURCE, **given)
    return tree.run(command)


def here(tree: BootRoot) -> Path:
    return tree.root / BLOB.lstrip("/")


def alone(tree: BootRoot) -> bool:
    """Return True if nothing lies beside the blob."""
    return [path.name for path in here(tree).parent.iterdir()] in ([], [here(tree).name])


@pytest.mark.parametrize("suffix", ["", ".zst", ".xz"])
def test_a_blob_of_a_package_arrives_without_its_compression(tree: BootRoot, suffix: str) -> None:
    """The kernel looks for compressed files only after every uncompressed one."""
    source = tree.plant(SOURCE, NEW)
    if suffix:
        packed(source, suffix)
        source.unlink()
    done = install(tree)
    assert (done.returncode, done.stderr) == (0, "")
    assert here(tree).read_bytes() == NEW
    assert here(tree).stat().st_mode & 0o777 == 0o644
    assert alone(tree)


def test_another_blob_is_not_installed_and_the_old_one_stays(tree: BootRoot) -> None:
    tree.plant(SOURCE, "other")
    tree.plant(BLOB, "old")
    done = install(tree)
    assert done.returncode != 0
    assert f"{SOURCE} is not the declared blob" in done.stderr
    assert here(tree).read_text() == "old"
    assert alone(tree)


def test_a_source_that_is_not_there_is_named(tree: BootRoot) -> None:
    done = install(tree)
    assert (done.returncode, done.stderr) == (1, f"there is no {SOURCE}, compressed or not\n")


def test_a_damaged_archive_is_not_installed(tree: BootRoot) -> None:
    tree.plant(f"{SOURCE}.zst", "no archive")
    assert install(tree).returncode != 0
    assert alone(tree)


def test_a_blob_that_cannot_reach_the_disk_is_not_installed(tree: BootRoot) -> None:
    tree.plant(SOURCE, NEW)
    tree.tool("sync", SICK_DISK)
    assert install(tree).returncode != 0
    assert not here(tree).exists()
    assert alone(tree)
