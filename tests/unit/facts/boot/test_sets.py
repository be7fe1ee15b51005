"""The boot sets of a host: manifests, what lies there now, and damage that stays with its set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from facts.base import interpret
from facts.boot.sets import BootSets, Manifest, Recorded, Seen
from facts.value import ABSENT, Unknown
from tests.unit.boot_facts import NEW, OLD
from tests.unit.boot_root import BootRoot, sha256
from tests.unit.fact_frame import SHELLS, lack, read

SET = f"b70-{NEW}-0a1b2c3d4e"
KEPT = f"b70-{OLD}-found"
HASH = "ab" * 32
XE = f"/lib/modules/{NEW}/kernel/drivers/gpu/drm/xe/xe.ko.zst"
MANIFEST = f"""\
format 1
id {SET}
release {NEW}
word xe.disable_display=1
word console=ttyS0,115200n8
drop nomodeset
drop xe.disable_display
package linux-image-{NEW} 7.0.0-38.38~24.04.1
package linux-modules-{NEW} 7.0.0-38.38~24.04.1
xe {HASH} 4000 1700000001 {XE}
xe_initrd {HASH}
firmware xe/bmg_guc_70.bin {HASH} 500
file vmlinuz {HASH} 1000 1700000002
file initrd {HASH} 2000 1700000003
"""
FILES = (
    f"1000 1700000002 /boot/b70fleet/{SET}/vmlinuz\n"
    f"2000 1700000003 /boot/b70fleet/{SET}/initrd\n"
    f"500 1700000004 /lib/firmware/b70fleet/{SET}/xe/bmg_guc_70.bin\n"
)
MODULES = f"{NEW} 4000 1700000001 {XE}\n{NEW} there\n"
PARTS: dict[str, str | tuple[str, str]] = {
    "kind": "ext2/ext3",
    "roles": f"default {SET}\nfallback {KEPT}",
    "manifests": f"set {SET}\n{MANIFEST}",
    "files": FILES,
    "modules": MODULES,
    "trial": "20261130-1",
}


def sets_of(changes: Mapping[str, str | tuple[str, str]]) -> Any:
    return read(BootSets(), {**PARTS, **changes})


def set_of(manifest: str, **changes: str) -> Any:
    return sets_of({"manifests": f"set {SET}\n{manifest}", **changes}).sets[SET]


def test_a_manifest_says_what_a_set_was_made_of() -> None:
    manifest = sets_of({}).sets[SET].manifest
    assert manifest == Manifest(
        format="1",
        set_id=SET,
        release=NEW,
        kept=False,
        words=("xe.disable_display=1", "console=ttyS0,115200n8"),
        left_out=("nomodeset", "xe.disable_display"),
        packages={
            f"linux-image-{NEW}": "7.0.0-38.38~24.04.1",
            f"linux-modules-{NEW}": "7.0.0-38.38~24.04.1",
        },
        files={
            "vmlinuz": Recorded("vmlinuz", HASH, 1000, 1700000002),
            "initrd": Recorded("initrd", HASH, 2000, 1700000003),
        },
        xe=Recorded(XE, HASH, 4000, 1700000001),
        xe_initrd=HASH,
        firmware={"xe/bmg_guc_70.bin": Recorded("xe/bmg_guc_70.bin", HASH, 500)},
    )


def test_what_lies_there_now_is_told_beside_what_was_recorded() -> None:
    found = sets_of({})
    one = found.sets[SET]
    assert one.files == {"vmlinuz": Seen(1000, 1700000002), "initrd": Seen(2000, 1700000003)}
    assert one.firmware == {"xe/bmg_guc_70.bin": Seen(500, 1700000004)}
    assert one.xe == (XE, Seen(4000, 1700000001))
    assert one.has_modules
    assert one.size == 3000
    assert (found.default, found.fallback, found.trial) == (SET, KEPT, "20261130-1")
    assert found.timed


def test_a_kept_set_of_a_kernel_without_the_driver_has_less_to_tell() -> None:
    one = set_of(f"format 1\nid {SET}\nrelease {OLD}\nkept yes\n", modules=f"{OLD} there\n")
    assert one.manifest.kept
    assert (one.manifest.xe, one.manifest.xe_initrd, one.xe) == (ABSENT, ABSENT, ABSENT)
    assert (one.manifest.words, one.manifest.packages, one.manifest.files) == ((), {}, {})


def test_files_of_one_set_are_not_the_others() -> None:
    other = f"{SET}0"
    found = sets_of(
        {
            "manifests": f"set {SET}\n{MANIFEST}set {other}\n",
            "files": FILES + f"7 7 /boot/b70fleet/{other}/initrd\n",
        }
    )
    assert set(found.sets[SET].files) == {"vmlinuz", "initrd"}
    assert found.sets[other].files == {"initrd": Seen(7, 7)}


def test_modules_that_are_gone_are_told() -> None:
    one = set_of(MANIFEST, modules=f"{OLD} there\n{OLD} 1 1 /lib/modules/{OLD}/xe.ko\n")
    assert not one.has_modules
    assert one.xe is ABSENT


def test_a_host_without_boot_sets_has_none() -> None:
    nothing = {"manifests": "", "files": "", "modules": ""}
    found = sets_of({"kind": lack("-"), "roles": lack("-"), "trial": lack("-"), **nothing})
    assert found.sets == {}
    assert (found.default, found.fallback, found.trial) == ("", "", ABSENT)


def test_times_on_vfat_are_not_compared() -> None:
    assert not sets_of({"kind": "msdos"}).timed
    assert sets_of({"kind": lack("-")}).timed


@pytest.mark.parametrize("roles", ["default", "garbage", f"defaults {SET}\n"])
def test_lines_that_are_no_role_name_no_set(roles: str) -> None:
    found = sets_of({"roles": roles})
    assert (found.default, found.fallback) == ("", "")
    assert SET in found.sets


def test_roles_that_cannot_be_read_are_not_taken_for_none() -> None:
    """Without a default on record the host would be taken for one that has never had a set."""
    found = sets_of({"roles": lack("!", "needs root")})
    assert isinstance(found, Unknown)
    assert "which set is the default is UNKNOWN: needs root" in found.reason


def test_a_folder_without_a_manifest_is_a_set_that_is_not_complete() -> None:
    one = sets_of({"manifests": f"set {SET}\n"}).sets[SET]
    assert one.manifest is ABSENT
    assert one.files["vmlinuz"] == Seen(1000, 1700000002)


def test_another_format_is_told_and_judged_by_who_knows_it() -> None:
    assert set_of(MANIFEST.replace("format 1", "format 2")).manifest.format == "2"


DAMAGES = {
    "no format": MANIFEST.replace("format 1\n", ""),
    "no id": MANIFEST.replace(f"id {SET}\n", ""),
    "no release": MANIFEST.replace(f"release {NEW}\n", ""),
    "id without a value": MANIFEST.replace(f"id {SET}", "id"),
    "half a line": MANIFEST[:-30],
    "half a file line": MANIFEST.replace(f"file initrd {HASH} 2000 1700000003", "file initrd"),
    "no number": MANIFEST.replace("2000 1700000003", "2000 later"),
    "half a firmware line": MANIFEST.replace(f"bin {HASH} 500", "bin"),
    "half a module line": MANIFEST.replace(f" 4000 1700000001 {XE}", ""),
    "half a package line": MANIFEST.replace(f"{NEW} 7.0.0-38.38~24.04.1", NEW),
    "a word without a word": MANIFEST.replace("word console=ttyS0,115200n8", "word"),
    "only noise": "\x01\x02 noise\n",
}


@pytest.mark.parametrize("damaged", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_manifest_spoils_its_own_set_alone(damaged: str) -> None:
    good = MANIFEST.replace(SET, KEPT)
    found = sets_of({"manifests": f"set {SET}\n{damaged}\nset {KEPT}\n{good}"})
    assert isinstance(found.sets[SET].manifest, Unknown)
    assert isinstance(found.sets[KEPT].manifest, Manifest)


@pytest.mark.parametrize("part", ["files", "modules"])
def test_a_line_that_cannot_be_read_is_no_reading_at_all(part: str) -> None:
    assert isinstance(sets_of({part: "garbage\n"}), Unknown) or part == "modules"
    assert isinstance(sets_of({part: f"{NEW} x y /lib/modules/{NEW}/xe.ko\n"}), Unknown)


class Host:
    """A tree with boot sets, and the fact's own script against it.

    Args:
        folder: where its tree is made.
        shell: what runs the script.
    """

    def __init__(self, folder: Path, shell: list[str]) -> None:
        self.root = BootRoot(folder, shell)

    def read(self) -> Any:
        done = self.root.call("-c", self.root.moved(BootSets().command()))
        return interpret(BootSets(), done.stdout.split("\n"))


@pytest.fixture(params=SHELLS, ids=" ".join)
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Host:
    return Host(tmp_path, request.param)


def test_the_script_finds_every_set_and_what_it_needs(host: Host) -> None:
    blob = f"lib/firmware/b70fleet/{SET}/xe/bmg_guc_70.bin"
    line = f"firmware xe/bmg_guc_70.bin {sha256(host.root.plant(blob, 'guc'))} 3"
    host.root.make_set(SET, lines=["word quiet", "word a\\b", f"package linux-image-{NEW} 1", line])
    host.root.make_set(KEPT, OLD)
    host.root.plant("boot/b70fleet/roles", f"default {SET}\nfallback {KEPT}\n")
    host.root.plant("run/b70fleet/trial", "trial-7\n")
    found = host.read()
    assert sorted(found.sets) == sorted([SET, KEPT])
    assert (found.default, found.fallback, found.trial) == (SET, KEPT, "trial-7")
    for name, one in found.sets.items():
        assert one.manifest.set_id == name
        for each, recorded in one.manifest.files.items():
            assert one.files[each] == Seen(recorded.size, recorded.mtime)
        path, seen = one.xe
        assert path == f"/lib/modules/{one.manifest.release}/xe.ko"
        assert seen == Seen(one.manifest.xe.size, one.manifest.xe.mtime)
        assert one.has_modules
    assert found.sets[SET].manifest.words == ("quiet", "a\\b")
    assert found.sets[SET].firmware["xe/bmg_guc_70.bin"].size == 3


def test_the_script_on_a_host_without_sets_is_short(host: Host) -> None:
    found = host.read()
    assert (found.sets, found.default, found.trial) == ({}, "", ABSENT)


def test_the_script_tells_what_is_gone(host: Host) -> None:
    host.root.make_set(SET)
    host.root.remove(f"boot/b70fleet/{SET}/initrd")
    host.root.remove(f"lib/modules/{NEW}")
    one = host.read().sets[SET]
    assert set(one.files) == {"vmlinuz"}
    assert not one.has_modules
    assert one.xe is ABSENT


def test_a_folder_that_is_no_sets_is_not_looked_at(host: Host) -> None:
    for name in ("mine", "b70", ".b70-x"):
        host.root.plant(f"boot/b70fleet/{name}/manifest", MANIFEST)
    assert host.read().sets == {}


@pytest.mark.parametrize("lost", [3, 12, 25, 200])
def test_a_manifest_that_is_cut_short_is_never_read_as_the_whole_one(host: Host, lost: int) -> None:
    host.root.make_set(SET)
    whole = host.read().sets[SET].manifest
    path = f"boot/b70fleet/{SET}/manifest"
    host.root.plant(path, host.root.read(path)[:-lost])
    host.root.make_set(KEPT, OLD)
    found = host.read()
    assert isinstance(found.sets[KEPT].manifest, Manifest)
    assert found.sets[SET].manifest != whole


@pytest.mark.parametrize(
    "damaged",
    [
        b"format 1\nid \xff\xfe\nrelease \x00x\n",
        MANIFEST.encode() + b"word \xc3\x28\n",
        b"\xff" * 9,
    ],
)
def test_a_manifest_that_is_no_text_spoils_its_own_set_alone(host: Host, damaged: bytes) -> None:
    host.root.plant(f"boot/b70fleet/{SET}/manifest", damaged)
    host.root.plant("boot/b70fleet/roles", b"fallback \xff\ndefault " + KEPT.encode() + b"\n")
    host.root.make_set(KEPT, OLD)
    found = host.read()
    assert not isinstance(found, Unknown), found
    assert isinstance(found.sets[KEPT].manifest, Manifest)
    assert found.sets[SET].manifest.reason == "cannot parse: a line is no plain text"
    assert (found.default, found.fallback) == (KEPT, "")


def test_the_kind_of_file_system_is_read_where_the_sets_lie(host: Host) -> None:
    host.root.make_set(SET)
    host.root.tool("stat", '#!/bin/sh\n[ "$1 $2 $3" = "-f -c %T" ] && echo msdos\nexit 0\n')
    assert not host.read().timed
