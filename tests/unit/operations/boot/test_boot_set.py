"""A boot set's folder: which sets are made, what the script refuses, what a cut leaves behind."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.boot import BootSet
from deploys.boot.initramfs import KINDS
from deploys.boot.paths import INITRAMFS_HOOK, TRIAL_HOOK
from facts.base import interpret
from facts.boot.kernel import Kernel
from facts.boot.loader import Boot
from facts.boot.sets import BootSets, HostSets
from facts.disks.block import Block
from facts.packages.dpkg import Packages
from facts.value import ABSENT, Unknown
from gates.boot_sets import faults
from operations.boot.boot_set import boot_set, fallback_set, kept_set
from operations.boot.grub_menu import manifest_path
from tests.unit.apt_facts import package_facts
from tests.unit.base_facts import mounts
from tests.unit.boot_facts import (
    NEW,
    OLD,
    boot,
    found,
    kernel,
    manifest,
    on_disk,
    running,
    sets,
    staged,
)
from tests.unit.boot_root import SICK_DISK, BootRoot, packed, sha256
from tests.unit.pyinfra_harness import Told, reasons, run_operation, stub_host

#: The set that keeps the system as it was found.
KEPT = found(OLD).name
GUC = b"guc firmware"
VERSIONS = {f"linux-image-{NEW}": "7.0.0-38.38", f"linux-modules-{NEW}": "7.0.0-38.38"}
INSTALLED = {**VERSIONS, f"linux-image-{OLD}": "1", f"linux-modules-{OLD}": "1"}
COMPANIONS = ("linux-modules-{release}", "linux-modules-extra-{release}")
TOOL = KINDS["initramfs-tools"].tool
WANTED = BootSet.model_validate(
    {
        "kernel": {"package": f"linux-image-{NEW}", "version": "7.0.0-38.38"},
        "cmdline": {"present": ["xe.disable_display=1"], "absent": ["nomodeset"]},
        "guc": {"sha256": "a" * 64, "version": "70.49.4"},
    }
)


def facts(there: HostSets | Unknown, **changes: Any) -> dict[Any, Any]:
    return {
        BootSets: there,
        Packages: package_facts(INSTALLED),
        Kernel: running(OLD),
        Boot: boot(),
        Block: mounts(),
    } | changes


def make(given: dict[Any, Any]) -> tuple[list[str], list[str]]:
    return run_operation(boot_set, given, wanted=WANTED, companions=COMPANIONS, tool=TOOL)


def keep(given: dict[Any, Any]) -> tuple[list[str], list[str]]:
    return run_operation(kept_set, given, wanted=WANTED, companions=COMPANIONS)


def told(operation: Any, given: dict[Any, Any], **arguments: Any) -> Told:
    return reasons(operation, given, wanted=WANTED, companions=COMPANIONS, **arguments)


def differences(given: Told) -> list[tuple[str, str | None, str | None]]:
    return [(each.what, each.expected, each.seen) for each in given.differences]


def test_a_complete_set_is_left_alone() -> None:
    assert make(facts(sets(staged(WANTED)))) == ([], [f"{WANTED.set_id} is complete"])


def test_a_set_that_is_not_there_is_made_beside_the_others() -> None:
    given = facts(sets(found()))
    commands, _ = make(given)
    assert len(commands) == 1
    assert differences(told(boot_set, given, tool=TOOL)) == [("boot set", "complete", None)]
    assert told(boot_set, given, tool=TOOL).written == {manifest_path(WANTED.set_id)}


def test_an_incomplete_set_is_made_again_and_every_fault_is_named() -> None:
    sick = staged(WANTED, files={}, has_modules=False)
    given = facts(sets(sick))
    assert len(make(given)[0]) == 1
    assert differences(told(boot_set, given, tool=TOOL)) == [
        (
            "boot set",
            "complete",
            f"vmlinuz is gone; initrd is gone; /lib/modules/{NEW} is gone",
        )
    ]


def test_another_build_of_the_same_release_is_refused_with_a_way_out() -> None:
    recorded = manifest("b70-other", NEW, packages={f"linux-image-{NEW}": "7.0.0-38.37"})
    with pytest.raises(OperationError) as error:
        make(facts(sets(on_disk(recorded))))
    said = str(error.value)
    assert f"boot set b70-other has {NEW} in another build" in said
    assert "b70 boot prune stub b70-other" in said


@pytest.mark.parametrize(
    ("fact", "said"),
    [(BootSets, "which boot sets there are"), (Packages, "which packages are installed")],
)
def test_no_set_is_made_on_unknown_ground(fact: Any, said: str) -> None:
    given = facts(sets()) | {fact: Unknown("timeout")}
    for call in (make, keep):
        with pytest.raises(OperationError, match=f"{said} is UNKNOWN: timeout"):
            call(given)


def test_nothing_is_kept_while_another_complete_set_can_be_gone_back_to() -> None:
    assert keep(facts(sets(found()))) == ([], [f"b70-{OLD}-found can be gone back to"])
    assert keep(facts(sets(staged(WANTED), found(), default=WANTED.set_id)))[0] == []


def test_the_system_that_runs_before_the_first_set_is_kept_as_a_set() -> None:
    given = facts(sets())
    commands, _ = keep(given)
    assert len(commands) == 1
    assert differences(told(kept_set, given)) == [("boot set", "complete", None)]
    assert told(kept_set, given).written == {manifest_path(KEPT)}


def test_a_declared_set_alone_is_nothing_to_go_back_to() -> None:
    assert len(keep(facts(sets(staged(WANTED))))[0]) == 1


def test_a_kept_set_that_turned_incomplete_is_copied_again_and_says_why() -> None:
    sick = on_disk(manifest(KEPT, OLD, kept=True), files={})
    given = facts(sets(sick))
    assert differences(told(kept_set, given)) == [
        ("boot set", "complete", "vmlinuz is gone; initrd is gone")
    ]


def test_without_another_kernel_or_its_initial_ram_disk_nothing_is_kept() -> None:
    only = facts(sets()) | {
        Boot: boot([kernel(NEW)]),
        Kernel: running("9.9.9-mine"),
    }
    assert keep(only)[0] == []
    bare = facts(sets()) | {Boot: boot([kernel(OLD, initrd=ABSENT)])}
    assert keep(bare) == ([], [f"{OLD} has no initial RAM disk to keep"])


def back(given: dict[Any, Any]) -> str:
    with stub_host(given):
        return fallback_set(WANTED)


def test_the_set_to_go_back_to_is_the_complete_one_that_is_on_record() -> None:
    other = on_disk(manifest("b70-other", "6.8.0-1-generic"))
    for recorded in ({"default": other.name}, {"default": WANTED.set_id, "fallback": other.name}):
        given = facts(sets(staged(WANTED), found(), other, **recorded))
        assert back(given) == other.name
        sick = facts(sets(staged(WANTED), found(), replace(other, files={}), **recorded))
        assert back(sick) == KEPT


def test_a_fallback_that_no_record_names_any_more_is_found_again() -> None:
    assert back(facts(sets(staged(WANTED), found(), default=WANTED.set_id))) == KEPT


def test_the_set_that_is_kept_in_the_same_run_can_be_gone_back_to() -> None:
    assert back(facts(sets())) == KEPT
    assert back(facts(sets(staged(WANTED), default=WANTED.set_id))) == KEPT


def test_without_another_complete_set_and_a_kernel_to_keep_there_is_no_way_back() -> None:
    only = {Boot: boot([kernel(NEW)]), Kernel: running("9.9.9-mine")}
    assert back(facts(sets(staged(WANTED))) | only) == ""
    assert back(facts(sets()) | {Boot: boot([kernel(OLD, initrd=ABSENT)])}) == ""


@pytest.mark.parametrize(
    ("fact", "said"),
    [(BootSets, "which boot sets there are"), (Boot, "which kernels are on disk")],
)
def test_the_way_back_is_not_guessed_on_unknown_ground(fact: Any, said: str) -> None:
    with pytest.raises(OperationError, match=f"{said} is UNKNOWN: timeout"):
        back(facts(sets(found())) | {fact: Unknown("timeout")})


def test_a_plan_shows_what_is_copied_and_what_is_made() -> None:
    with stub_host(facts(sets())):
        (kept,) = kept_set._inner(wanted=WANTED, companions=COMPANIONS)
        (made,) = boot_set._inner(wanted=WANTED, companions=COMPANIONS, tool=TOOL)
    folder = f"/boot/b70fleet/{KEPT}/"
    assert kept.shown == f"cp /boot/vmlinuz-{OLD} /boot/initrd.img-{OLD} {folder}"
    assert made.shown == f"b70-set {WANTED.set_id}"


class Stage:
    """A host on which sets are made by the real script.

    Args:
        folder: where its tree is made.
    """

    def __init__(self, folder: Path) -> None:
        self.root = BootRoot(folder)
        for name, at in (("initramfs_hook.sh", INITRAMFS_HOOK), ("trial_hook.sh", TRIAL_HOOK)):
            self.root.program(name, at)
        self.root.plant("lib/firmware/xe/bmg_guc_70.bin", b"distribution's guc")
        self.root.plant(f"lib/firmware/b70fleet/{WANTED.set_id}/xe/bmg_guc_70.bin", GUC)
        for name, version in VERSIONS.items():
            self.root.install(name, version)

    @property
    def folder(self) -> Path:
        return self.root.root / "boot/b70fleet" / WANTED.set_id

    @property
    def manifest(self) -> list[str]:
        """Return its lines, with paths as on a host."""
        text = self.root.read(f"boot/b70fleet/{WANTED.set_id}/manifest")
        return text.replace(str(self.root.root), "").split("\n")[:-1]

    def names(self) -> list[str]:
        """Return what lies in the set's folder."""
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []

    def make(self, wanted: BootSet = WANTED) -> subprocess.CompletedProcess[str]:
        with stub_host(facts(sets())):
            (command,) = boot_set._inner(wanted=wanted, companions=COMPANIONS, tool=TOOL)
        return self.root.run(command)

    def keep(self) -> subprocess.CompletedProcess[str]:
        with stub_host(facts(sets())):
            (command,) = kept_set._inner(wanted=WANTED, companions=COMPANIONS)
        return self.root.run(command)

    def refused(self, said: str) -> None:
        """Make the set, which is refused."""
        done = self.make()
        assert done.returncode != 0
        assert said in done.stderr
        assert f"the host must not be rebooted into {WANTED.set_id}" in done.stderr
        assert "manifest" not in self.names()
        assert not [name for name in self.names() if name.startswith(".")]

    def read(self) -> Any:
        """Return what the fact makes of the tree."""
        done = self.root.call("-c", self.root.moved(BootSets().command()))
        return interpret(BootSets(), done.stdout.split("\n"))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def line(name: str, path: Path) -> str:
    stat = path.stat()
    return f"{name} {sha256(path)} {stat.st_size} {int(stat.st_mtime)}"


def test_a_made_set_records_everything_that_it_needs(stage: Stage) -> None:
    done = stage.make()
    assert (done.returncode, done.stderr) == (0, "")
    module = stage.root.root / f"lib/modules/{NEW}/xe.ko"
    blob = stage.root.root / f"lib/firmware/b70fleet/{WANTED.set_id}/xe/bmg_guc_70.bin"
    assert stage.names() == ["initrd", "manifest", "vmlinuz"]
    assert stage.manifest == [
        "format 1",
        f"id {WANTED.set_id}",
        f"release {NEW}",
        "word xe.disable_display=1",
        f"word firmware_class.path=/lib/firmware/b70fleet/{WANTED.set_id}",
        "drop nomodeset",
        "drop xe.disable_display",
        "drop firmware_class.path",
        f"package linux-image-{NEW} 7.0.0-38.38",
        f"package linux-modules-{NEW} 7.0.0-38.38",
        f"{line('xe', module)} /lib/modules/{NEW}/xe.ko",
        f"xe_initrd {sha256(module)}",
        f"firmware xe/bmg_guc_70.bin {sha256(blob)} {blob.stat().st_size}",
        line("file vmlinuz", stage.folder / "vmlinuz"),
        line("file initrd", stage.folder / "initrd"),
    ]
    assert (stage.folder / "vmlinuz").read_text() == f"kernel {NEW}"
    assert (stage.folder / "initrd").read_bytes().startswith(b"070701")
    assert {path.stat().st_mode & 0o777 for path in stage.folder.glob("[vi]*")} == {0o600}


def test_a_made_set_is_complete_for_who_reads_it(stage: Stage) -> None:
    stage.make()
    there = stage.read()
    (one,) = there.sets.values()
    assert one.name == WANTED.set_id
    assert one.manifest.words == WANTED.words
    assert one.manifest.left_out == WANTED.left_out
    assert faults(one, package_facts(INSTALLED)) == []


def test_a_module_that_is_packed_is_hashed_unpacked(stage: Stage) -> None:
    plain = stage.root.root / f"lib/modules/{NEW}/xe.ko"
    digest = sha256(plain)
    packed(plain, ".zst")
    plain.unlink()
    assert stage.make().returncode == 0
    (found,) = [each for each in stage.manifest if each.startswith("xe ")]
    assert found.split()[1] == digest
    assert found.endswith("/xe.ko.zst")
    assert f"xe_initrd {digest}" in stage.manifest


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"boot/vmlinuz-{NEW}", f"there is no /boot/vmlinuz-{NEW}"),
        (f"lib/modules/{NEW}/xe.ko", "has no module xe"),
        ("lib/firmware/xe/bmg_guc_70.bin", "has no firmware xe/bmg_guc_70.bin"),
        (TRIAL_HOOK, "has no trial hook"),
        (INITRAMFS_HOOK, "has no module xe"),
    ],
)
def test_a_set_that_lacks_something_is_refused(stage: Stage, path: str, said: str) -> None:
    if path.endswith("bmg_guc_70.bin"):
        stage.root.remove(f"lib/firmware/b70fleet/{WANTED.set_id}")
    stage.root.remove(path)
    stage.refused(said)


def test_a_kernel_of_no_bytes_is_no_kernel(stage: Stage) -> None:
    stage.root.plant(f"boot/vmlinuz-{NEW}", "")
    stage.refused(f"there is no /boot/vmlinuz-{NEW}")


def test_a_set_that_cannot_be_made_leaves_not_even_its_folder(stage: Stage) -> None:
    stage.root.remove(TRIAL_HOOK)
    stage.refused("has no trial hook")
    assert not stage.folder.exists()


def hook_that(stage: Stage, what: str) -> None:
    """Let another hook of the host change what ours put into the image."""
    stage.root.plant("etc/initramfs-tools/hooks/zz", f"#!/bin/sh\n{what}\n", 0o755)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            'find "$DESTDIR" -path "*b70fleet/b70-*.bin" -delete',
            "has no bmg_guc_70.bin of the set",
        ),
        (
            'for f in $(find "$DESTDIR" -path "*b70fleet/b70-*.bin"); do echo x >"$f"; done',
            "has no bmg_guc_70.bin as it was declared",
        ),
        (
            'for f in $(find "$DESTDIR" -name xe.ko); do echo other >"$f"; done',
            f"has no module that is the same as /lib/modules/{NEW}/xe.ko",
        ),
        ("exit 1", "the initial RAM disk cannot be built"),
    ],
)
def test_an_image_that_is_not_as_declared_is_refused(stage: Stage, what: str, said: str) -> None:
    hook_that(stage, what)
    stage.refused(said)


def test_an_image_that_cannot_be_unpacked_is_refused(stage: Stage) -> None:
    stage.root.tool("unmkinitramfs", "#!/bin/sh\nexit 1\n")
    stage.refused("the initial RAM disk cannot be read")


def test_every_lack_of_an_image_is_named_at_once(stage: Stage) -> None:
    stage.root.remove(TRIAL_HOOK)
    hook_that(stage, 'find "$DESTDIR" -name "xe.ko" -delete')
    said = stage.make().stderr
    assert "has no module xe" in said
    assert "has no trial hook" in said


def test_what_a_cut_left_behind_is_removed(stage: Stage) -> None:
    for name in (".vmlinuz", ".initrd", ".manifest", ".b70fleet.x"):
        stage.root.plant(f"boot/b70fleet/{WANTED.set_id}/{name}", "half")
    stage.root.plant("boot/b70fleet/.roles", "another's")
    assert stage.make().returncode == 0
    assert stage.names() == ["initrd", "manifest", "vmlinuz"]
    assert stage.root.read("boot/b70fleet/.roles") == "another's"


def test_the_manifest_of_a_set_that_is_made_again_goes_first(stage: Stage) -> None:
    """Between the first new file and the last one the set is not complete."""
    assert stage.make().returncode == 0
    stage.root.plant(f"boot/vmlinuz-{NEW}", "")
    stage.root.plant("tools", "")
    stage.root.tool("mkinitramfs", f'#!/bin/sh\nls -a "{stage.folder}" >"$ROOT/seen"\nexit 1\n')
    stage.root.plant(f"boot/vmlinuz-{NEW}", "new kernel")
    stage.refused("the initial RAM disk cannot be built")
    assert "manifest" not in stage.root.read("seen").split()


def test_the_other_sets_stay_as_they_are(stage: Stage) -> None:
    other = stage.root.make_set("b70-other", OLD)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in other.iterdir()}
    assert stage.make().returncode == 0
    after = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in other.iterdir()}
    assert after == before


def test_a_sick_disk_leaves_no_manifest(stage: Stage) -> None:
    stage.root.tool("sync", SICK_DISK)
    done = stage.make()
    assert done.returncode != 0
    assert "manifest" not in stage.names()


@pytest.mark.parametrize("call", range(1, 6))
def test_a_disk_that_turns_sick_leaves_no_manifest_that_names_what_is_not_there(
    stage: Stage, call: int
) -> None:
    stage.root.tool(
        "sync",
        '#!/bin/sh\necho x >>"$ROOT/syncs"\n'
        f'[ "$(wc -l <"$ROOT/syncs")" -lt {call} ] || {{ echo "sync: error" >&2; exit 1; }}\n',
    )
    done = stage.make()
    assert done.returncode != 0
    # only the last flush comes behind the rename, and what it covers is complete
    assert ("manifest" in stage.names()) is (call == 5)


def test_the_order_of_the_disk_is_files_manifest_folder(stage: Stage) -> None:
    stage.root.tool("sync", '#!/bin/sh\necho "$@" >>"$ROOT/syncs"\n')
    assert stage.make().returncode == 0
    folder = str(stage.folder)
    assert [word.replace(folder, "@") for word in stage.root.read("syncs").split("\n")[:-1]] == [
        "@",
        "@/.vmlinuz",
        "@/.initrd",
        "@/.manifest",
        f"-f @/manifest {stage.root.root}/lib/modules",
    ]


def test_a_kept_set_is_a_copy_of_what_has_booted(stage: Stage) -> None:
    done = stage.keep()
    assert (done.returncode, done.stderr) == (0, "")
    folder = stage.root.root / "boot/b70fleet" / KEPT
    assert (folder / "vmlinuz").read_text() == f"kernel {OLD}"
    assert (folder / "initrd").read_text() == f"initrd {OLD}"
    module = stage.root.root / f"lib/modules/{OLD}/xe.ko"
    assert (folder / "manifest").read_text().split("\n")[:-1] == [
        "format 1",
        f"id {KEPT}",
        f"release {OLD}",
        "kept yes",
        f"package linux-image-{OLD} 1",
        f"{line('xe', module)} {module}",
        line("file vmlinuz", folder / "vmlinuz"),
        line("file initrd", folder / "initrd"),
    ]
    there = stage.read().sets[KEPT]
    assert there.manifest.kept
    assert faults(there, package_facts({f"linux-image-{OLD}": "1"})) == []


def test_a_kernel_without_the_driver_can_be_kept(stage: Stage) -> None:
    stage.root.remove(f"lib/modules/{OLD}/xe.ko")
    assert stage.keep().returncode == 0
    assert not any(
        "xe " in each for each in stage.root.read(f"boot/b70fleet/{KEPT}/manifest").split("\n")
    )


def test_a_file_system_without_time_zones_has_no_times_on_record(stage: Stage) -> None:
    real = shutil.which("stat")
    stage.root.tool(
        "stat",
        f'#!/bin/sh\n[ "$1 $2 $3" != "-f -c %T" ] || {{ echo msdos; exit; }}\nexec {real} "$@"\n',
    )
    assert stage.make().returncode == 0
    files = [each.split() for each in stage.manifest if each.startswith("file ")]
    assert [words[-1] for words in files] == ["0", "0"]


def portable_executable(*, signed: bool) -> bytes:
    """Return the head of a kernel as UEFI reads it; its fifth directory is the certificates'."""
    start = 0x80
    directories = struct.pack("<12I", *(0,) * 8, *((4096, 512) if signed else (0, 0)), 0, 0)
    optional = struct.pack("<H", 0x20B).ljust(108, b"\0") + struct.pack("<I", 6) + directories
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional), 0x206)
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", start)
    return dos.ljust(start, b"\0") + coff + optional


SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@pytest.mark.parametrize(
    ("on", "image", "accepted"),
    [
        (True, portable_executable(signed=False), False),
        (True, portable_executable(signed=True), True),
        (True, b"k", False),
        (False, portable_executable(signed=False), True),
        (None, portable_executable(signed=False), True),
    ],
)
def test_under_secure_boot_only_a_signed_kernel_becomes_a_set(
    stage: Stage, on: bool | None, image: bytes, accepted: bool
) -> None:
    if on is not None:
        stage.root.plant(SECURE_BOOT, b"\x06\0\0\0" + bytes([on]))
    stage.root.plant(f"boot/vmlinuz-{NEW}", image)
    if accepted:
        done = stage.make()
        assert (done.returncode, done.stderr) == (0, "")
    else:
        stage.refused(f"Secure Boot is on and /boot/vmlinuz-{NEW} is not signed")


def test_a_package_that_is_not_installed_is_left_out(stage: Stage) -> None:
    stage.root.plant(
        "packages",
        f"linux-image-{NEW} installed 7.0.0-38.38\nlinux-modules-{NEW} config-files 7.0.0-38.38\n",
    )
    assert stage.make().returncode == 0
    assert [each for each in stage.manifest if each.startswith("package")] == [
        f"package linux-image-{NEW} 7.0.0-38.38"
    ]
