"""Kernel, fallback, module options, firmware and initial RAM disk: what each branch does."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from operations.boot.fallback_kernel import fallback_kernel, fallbacks_for
from operations.boot.guc_firmware import backup_path, guc_firmware, shadows
from operations.boot.initramfs import initramfs
from operations.boot.modprobe_options import modprobe_options
from pyinfra.api.exceptions import OperationError

from declaration import boot as declared
from facts.boot.kernel import Kernel, ModprobeXe
from facts.boot.kernel_files import KernelFiles
from facts.boot.loader import Boot
from facts.packages.apt_download import AptDownload
from facts.packages.apt_marks import AutomaticPackages
from facts.packages.dpkg import Packages
from facts.system.files import FileState
from facts.value import ABSENT, Unknown
from operations.apt.package_set import package_set
from operations.boot.kernel_modules import kernel_modules
from tests.unit.apt_facts import package_facts
from tests.unit.apt_root import AptRoot, Made
from tests.unit.base_facts import files, stat
from tests.unit.boot_facts import (
    MADE,
    NEW,
    OLD,
    SICK_DISK,
    BootRoot,
    boot,
    contents,
    kernel,
    running,
)
from tests.unit.pyinfra_harness import Told, reasons, run_operation, stub_host

IMAGE = {release: f"linux-image-{release}" for release in (OLD, NEW)}
WANTED = declared.BootKernel(package=IMAGE[NEW], version="7.0.0-38.38")
INSTALLED = {IMAGE[OLD]: "1", IMAGE[NEW]: "7.0.0-38.38", f"linux-modules-{OLD}": "1"}
COMPANIONS = ("linux-modules-{release}",)


def hold_fallback(
    *,
    now: str = OLD,
    on_disk: tuple[str, ...] = (OLD, NEW),
    holds: tuple[str, ...] = (),
    automatic: tuple[str, ...] = (),
    wanted: declared.BootKernel = WANTED,
    installed: dict[str, str] | None = None,
) -> tuple[list[str], list[str]]:
    state = package_facts(installed or INSTALLED, holds=holds)
    commands, noops = run_operation(
        fallback_kernel,
        {
            Packages: state,
            Kernel: running(now),
            Boot: boot([kernel(release) for release in on_disk]),
            AutomaticPackages: frozenset(automatic),
        },
        kernel=wanted,
        companions=COMPANIONS,
    )
    return [command.split("b70-wait 300 ")[1] for command in commands], noops


def test_the_kernel_that_runs_before_the_first_boot_set_is_kept_with_its_modules() -> None:
    commands, _ = hold_fallback(automatic=(IMAGE[OLD],))
    assert commands == [
        f"apt-mark manual {IMAGE[OLD]}",
        f"apt-mark hold {IMAGE[OLD]} linux-modules-{OLD}",
    ]


def test_after_the_first_boot_the_held_kernel_stays_the_fallback() -> None:
    kept = (IMAGE[OLD], f"linux-modules-{OLD}")
    commands, noops = hold_fallback(now=NEW, holds=kept)
    assert commands == []
    assert noops == [f"{IMAGE[OLD]}, linux-modules-{OLD}: it is on hold already"]


def test_a_fallback_that_somebody_released_is_held_again() -> None:
    commands, _ = hold_fallback(now=NEW)
    assert commands == [f"apt-mark hold {IMAGE[OLD]} linux-modules-{OLD}"]


def test_of_several_other_kernels_the_newest_is_the_fallback_by_number_not_by_letter() -> None:
    older, newer = "7.0.0-9-generic", "7.0.0-31-generic"
    kernels = {release: kernel(release) for release in (older, newer, NEW)}
    found = fallbacks_for(WANTED, NEW, kernels, package_facts({}))
    assert found.packages == (f"linux-image-{newer}",)


def test_declared_fallbacks_win_and_must_be_there() -> None:
    other = declared.BootKernel(package=IMAGE[NEW], version="1", fallbacks=("linux-image-6.17",))
    with pytest.raises(OperationError, match=r"linux-image-6.17 is not installed"):
        hold_fallback(wanted=other)
    wanted = declared.BootKernel(package=IMAGE[NEW], version="1", fallbacks=(IMAGE[OLD],))
    commands, _ = hold_fallback(now=NEW, wanted=wanted)
    assert commands == [f"apt-mark hold {IMAGE[OLD]} linux-modules-{OLD}"]


def test_a_kernel_that_no_package_brought_cannot_be_taken_away_by_one() -> None:
    kernels = {OLD: kernel(OLD, package=ABSENT)}
    found = fallbacks_for(WANTED, OLD, kernels, package_facts({}))
    assert found.packages == ()
    assert "belongs to no package" in found.why


def test_the_only_kernel_is_never_replaced_in_place() -> None:
    with pytest.raises(OperationError, match="is the only kernel"):
        hold_fallback(now=NEW, on_disk=(NEW,), installed={IMAGE[NEW]: "7.0.0-38.37"})


def test_a_host_with_one_kernel_that_is_right_has_no_fallback_and_says_so() -> None:
    commands, noops = hold_fallback(now=NEW, on_disk=(NEW,))
    assert commands == []
    assert noops == ["no other kernel is installed: there is nothing to go back to"]


def test_a_held_fallback_survives_autoremove_and_the_new_kernels_transaction(
    tmp_path: Path,
) -> None:
    root = AptRoot(tmp_path)
    root.archive(
        "main",
        "Ubuntu",
        {
            "linux-generic": [
                Made("31", f"{IMAGE[OLD]} (= 1)"),
                Made("38", f"{IMAGE[NEW]} (= 7.0.0-38.38)"),
            ],
            IMAGE[OLD]: Made("1", f"linux-modules-{OLD}"),
            f"linux-modules-{OLD}": Made("1"),
            IMAGE[NEW]: Made("7.0.0-38.38"),
        },
    )
    root.update()
    root.shell("apt-get -q -y install linux-generic=31")
    automatic = frozenset(root.shell("apt-mark showauto").stdout.split())
    assert IMAGE[OLD] in automatic
    with stub_host(
        {
            Packages: root.state(),
            Kernel: running(OLD),
            Boot: boot([kernel(OLD)]),
            AutomaticPackages: automatic,
        }
    ):
        commands = list(fallback_kernel._inner(kernel=WANTED, companions=COMPANIONS))
    for command in commands:
        root.run(command)
    with stub_host({Packages: root.state(), AptDownload: 0}):
        for command in package_set._inner(versions=WANTED.packages, protected=[f"^{IMAGE[OLD]}$"]):
            root.run(command)
    # the meta package moves on, as an unattended run would let it; nothing needs the old one now
    root.shell("apt-get -q -y install linux-generic=38 && apt-get -q -y autoremove --purge")
    assert {IMAGE[OLD], f"linux-modules-{OLD}", IMAGE[NEW]} <= root.state().installed.keys()
    assert set(root.held()) == {IMAGE[OLD], f"linux-modules-{OLD}", IMAGE[NEW]}


OPTIONS = "/etc/modprobe.d/90-b70fleet-xe.conf"


def options(found: ModprobeXe, wanted: dict[str, str], answers: Any = None) -> Any:
    return run_operation(
        modprobe_options,
        {Kernel: running(modprobe=found), FileState: answers or files()},
        path=OPTIONS,
        banner="ours",
        options=wanted,
    )


def test_module_options_are_one_line_of_one_file() -> None:
    nobody = ModprobeXe({}, (), (), ())
    with stub_host({Kernel: running(modprobe=nobody), FileState: files()}):
        (write,) = modprobe_options._inner(
            path=OPTIONS, banner="ours", options={"probe_display": "0", "disable_display": "1"}
        )
    assert write.content == b"# ours\noptions xe disable_display=1 probe_display=0\n"


def test_without_options_the_file_is_away() -> None:
    nobody = ModprobeXe({}, (), (), ())
    assert options(nobody, {}) == ([], ["is not there"])
    commands, _ = options(nobody, {}, files(**{OPTIONS: stat()}))
    assert commands == [f"rm -f -- {OPTIONS}"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            ModprobeXe({"disable_display": "0"}, (), (), (), {"disable_display": "/run/z.conf"}),
            "/run/z.conf sets disable_display=0 after",
        ),
        (ModprobeXe({}, ("/etc/modprobe.d/no.conf",), (), ()), "keeps xe from being loaded"),
        (ModprobeXe({}, (), (), ("/etc/modprobe.d/s.conf",)), "s.conf cannot be read"),
    ],
)
def test_a_file_that_overrules_the_options_is_named(found: ModprobeXe, said: str) -> None:
    with pytest.raises(OperationError) as error:
        options(found, {"disable_display": "1"})
    assert said in str(error.value)


def test_an_earlier_file_or_the_same_value_overrules_nothing() -> None:
    for value, origin in (("0", "/etc/modprobe.d/10-a.conf"), ("1", "/etc/modprobe.d/z.conf")):
        found = ModprobeXe({"disable_display": value}, (), (), (), {"disable_display": origin})
        assert options(found, {"disable_display": "1"})[0] == [f"write {OPTIONS}"]


BLOB = "/lib/firmware/xe/bmg_guc_70.bin"
NEW_BLOB = b"new firmware"
SHA = hashlib.sha256(NEW_BLOB).hexdigest()
THEIRS = hashlib.sha256(b"package's firmware").hexdigest()


def firmware(answers: Any, **wanted: Any) -> tuple[list[Any], list[str]]:
    with stub_host({FileState: answers}) as stub:
        given = {"path": BLOB, "sha256": SHA, "release": NEW, **wanted}
        return list(guc_firmware._inner(**given)), stub.noops


def test_a_blob_with_the_declared_content_is_left_alone() -> None:
    commands, noops = firmware(files(**{BLOB: stat(sha256=SHA)}), content=NEW_BLOB)
    assert commands == []
    assert noops == [f"sha256 {SHA[:16]}… as declared"]


def test_a_packages_blob_is_kept_once_under_its_hash_before_it_is_replaced(tmp_path: Path) -> None:
    commands, _ = firmware(files(**{BLOB: stat(sha256=THEIRS)}), content=NEW_BLOB)
    backup, write = commands
    assert backup.shown == f"cp -n {BLOB} {backup_path(BLOB, THEIRS)}"
    assert (write.path, write.content) == (BLOB, NEW_BLOB)
    root = BootRoot(tmp_path)
    root.plant(BLOB.lstrip("/"), b"package's firmware")
    (root.root / "var/lib/b70fleet/firmware").mkdir(parents=True)
    for _ in range(2):
        done = root.run(backup)
        assert done.returncode == 0, done.stderr
    kept = root.root / backup_path(BLOB, THEIRS).lstrip("/")
    assert kept.read_bytes() == b"package's firmware"
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_a_blob_that_is_kept_already_is_not_kept_again() -> None:
    known = {BLOB: stat(sha256=THEIRS), backup_path(BLOB, THEIRS): stat(sha256=THEIRS)}
    commands, _ = firmware(files(**known), content=NEW_BLOB)
    assert [type(command).__name__ for command in commands] == ["FileWrite"]


def test_a_blob_on_the_host_is_installed_only_with_the_declared_content(tmp_path: Path) -> None:
    root = BootRoot(tmp_path)
    (command,), _ = firmware(files(), source="/srv/blob.bin")
    assert command.shown == f"install /srv/blob.bin {BLOB}"
    root.plant(BLOB.lstrip("/"), b"old")
    source = root.plant("srv/blob.bin", b"another")
    assert "is not the declared blob" in root.run(command).stderr
    assert (root.root / BLOB.lstrip("/")).read_bytes() == b"old"
    source.write_bytes(NEW_BLOB)
    done = root.run(command)
    assert done.returncode == 0, done.stderr
    assert (root.root / BLOB.lstrip("/")).read_bytes() == NEW_BLOB
    assert len(list((root.root / "lib/firmware/xe").iterdir())) == 1


def test_a_file_that_the_kernel_would_load_instead_is_named() -> None:
    hiding = "/lib/firmware/updates/xe/bmg_guc_70.bin"
    with pytest.raises(OperationError, match=f"{hiding} would be loaded instead"):
        firmware(files(**{BLOB: stat(sha256=SHA), hiding: stat()}), content=NEW_BLOB)
    # an uncompressed file anywhere comes before a compressed one
    assert BLOB in shadows(f"{BLOB}.zst", NEW)


def test_another_blob_without_a_source_is_an_error_that_names_both_hashes() -> None:
    with pytest.raises(OperationError) as error:
        firmware(files(**{BLOB: stat(sha256=THEIRS)}))
    assert THEIRS in str(error.value)
    assert SHA in str(error.value)


def test_a_blob_that_cannot_be_read_is_not_replaced() -> None:
    with pytest.raises(OperationError, match="is UNKNOWN"):
        firmware(files(**{BLOB: stat(sha256=Unknown("not readable"))}), content=NEW_BLOB)


@pytest.mark.parametrize(
    ("knows", "said"), [(False, "no module for 8086:e223"), (Unknown("no index"), "is UNKNOWN")]
)
def test_a_kernel_that_does_not_know_the_card_is_refused(knows: Any, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        run_operation(kernel_modules, {KernelFiles: contents(knows_b70=knows)}, release=NEW)


def test_a_kernel_that_is_not_there_yet_is_looked_at_when_it_is() -> None:
    commands, _ = run_operation(
        kernel_modules, {KernelFiles: contents(knows_b70=ABSENT)}, release=NEW
    )
    assert len(commands) == 1
    assert "modules.alias" in commands[0]
    assert run_operation(kernel_modules, {KernelFiles: contents()}, release=NEW)[0] == []


HOOK = "/etc/initramfs-tools/hooks/b70fleet-xe"
HOOK_SHA = "a" * 64


def build(
    state: Any = None,
    carried: Any = None,
    answers: Any = None,
    blob: tuple[str, str] = ("", ""),
) -> tuple[list[Any], list[str]]:
    with stub_host(
        {
            Boot: boot() if state is None else state,
            KernelFiles: contents() if carried is None else carried,
            FileState: answers or files(**{HOOK: stat(sha256=HOOK_SHA, mtime=MADE)}),
        }
    ) as stub:
        commands = list(
            initramfs._inner(
                release=NEW,
                modules=("xe",),
                firmware=("xe/bmg_guc_70.bin",),
                inputs={HOOK: HOOK_SHA, OPTIONS: ""},
                blob=blob,
            )
        )
        return commands, stub.noops


def test_a_complete_image_that_is_younger_than_its_inputs_is_left_alone() -> None:
    commands, noops = build()
    assert commands == []
    assert noops == [f"{NEW}: xe, xe/bmg_guc_70.bin among 812 files"]


@pytest.mark.parametrize(
    ("given", "verb"),
    [
        ({"state": boot([kernel(NEW, initrd=ABSENT)]), "carried": contents(initrd=ABSENT)}, "c"),
        ({"carried": contents(initrd=("usr/lib/firmware/xe/bmg_guc_70.bin",))}, "u"),
        ({"carried": contents(initrd=("usr/lib/modules/7/xe.ko.zst",))}, "u"),
        ({"answers": files(**{HOOK: stat(sha256=HOOK_SHA, mtime=MADE + 1)})}, "u"),
        ({"answers": files(**{HOOK: stat(sha256="b" * 64, mtime=MADE)})}, "u"),
        ({"answers": files()}, "u"),
        (
            {
                "answers": files(
                    **{HOOK: stat(sha256=HOOK_SHA, mtime=MADE), OPTIONS: stat(mtime=MADE)}
                )
            },
            "u",
        ),
        ({"state": boot([kernel(OLD)]), "carried": contents(initrd=ABSENT)}, "u"),
    ],
)
def test_an_image_is_built_for_the_wanted_kernel_alone(given: dict[str, Any], verb: str) -> None:
    (command,), _ = build(**given)
    assert command.shown == f"update-initramfs -{verb} -k {NEW}"


@pytest.mark.parametrize("name", ["xe.ko", "xe.ko.zst", "xe.ko.xz", "xe.ko.gz"])
def test_a_module_counts_compressed_or_not_but_only_by_its_whole_name(name: str) -> None:
    blob = "usr/lib/firmware/xe/bmg_guc_70.bin.zst"
    assert build(carried=contents(initrd=(f"usr/lib/modules/7/{name}", blob)))[0] == []
    assert build(carried=contents(initrd=(f"usr/lib/modules/7/not{name}", blob)))[0] != []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"carried": contents(initrd=Unknown("damaged"))}, "damaged"),
        ({"carried": Unknown("timeout")}, "timeout"),
        ({"state": Unknown("no /boot")}, "no /boot"),
    ],
)
def test_an_image_that_cannot_be_read_is_not_replaced(given: dict[str, Any], said: str) -> None:
    with pytest.raises(OperationError, match=said):
        build(**given)


@pytest.fixture
def tree(tmp_path: Path) -> BootRoot:
    root = BootRoot(tmp_path)
    root.plant("etc/initramfs-tools/hooks/b70fleet-xe", "#!/bin/sh\n")
    root.plant(f"lib/modules/{NEW}/kernel/xe.ko.zst", "m")
    root.plant("lib/firmware/xe/bmg_guc_70.bin", NEW_BLOB)
    return root


def real_build(tree: BootRoot, sha256: str = SHA) -> Any:
    state = boot([kernel(NEW)])
    (command,), _ = build(state, contents(initrd=()), blob=(sha256, BLOB))
    return tree.run(command)


def test_a_built_image_is_looked_into_before_anybody_reboots(tree: BootRoot) -> None:
    done = real_build(tree)
    assert done.returncode == 0, done.stderr
    archive = (tree.root / f"boot/initrd.img-{NEW}").read_bytes()
    assert archive.startswith(b"070701")
    assert NEW_BLOB in archive


@pytest.mark.parametrize(
    ("remove", "said"),
    [
        (f"lib/modules/{NEW}/kernel/xe.ko.zst", "has no module xe"),
        ("lib/firmware/xe/bmg_guc_70.bin", "has no firmware xe/bmg_guc_70.bin"),
    ],
)
def test_an_image_without_module_or_firmware_stops_before_the_reboot(
    tree: BootRoot, remove: str, said: str
) -> None:
    (tree.root / remove).unlink()
    done = real_build(tree)
    assert done.returncode != 0
    assert f"{said}: the host must not be rebooted" in done.stderr


def test_an_image_that_cannot_reach_the_disk_stops_before_the_reboot(tree: BootRoot) -> None:
    tree.tool("sync", SICK_DISK)
    done = real_build(tree)
    assert (done.returncode, done.stderr.strip()) == (1, "sync: Input/output error")


def test_an_image_with_another_blob_stops_before_the_reboot(tree: BootRoot) -> None:
    done = real_build(tree, THEIRS)
    assert done.returncode != 0
    assert "carries another bmg_guc_70.bin than the declared one" in done.stderr


def test_an_image_that_was_not_built_anew_is_noticed(tree: BootRoot) -> None:
    tree.plant("etc/initramfs-tools/update-initramfs.conf", "update_initramfs=no\n")
    os.utime(tree.root / f"boot/initrd.img-{NEW}", (MADE, MADE))
    done = real_build(tree)
    assert done.returncode != 0
    assert "left /boot" in done.stderr.replace(str(tree.root), "")


Why = list[tuple[str, str | None, str | None]]


def listed(told: Told) -> Why:
    return [(each.what, each.expected, each.seen) for each in told.differences]


def test_a_kept_fallback_names_each_package_that_could_have_gone() -> None:
    facts = {
        Packages: package_facts(INSTALLED),
        Kernel: running(OLD),
        Boot: boot([kernel(OLD), kernel(NEW)]),
        AutomaticPackages: frozenset({IMAGE[OLD]}),
    }
    assert listed(reasons(fallback_kernel, facts, kernel=WANTED, companions=COMPANIONS)) == [
        (f"mark of {IMAGE[OLD]}", "manual", "automatic"),
        (f"hold of {IMAGE[OLD]}", "on hold", "not on hold"),
        (f"hold of linux-modules-{OLD}", "on hold", "not on hold"),
    ]


def test_new_firmware_names_both_contents_and_the_copy_that_is_kept() -> None:
    wanted = {"path": BLOB, "sha256": SHA, "release": NEW, "content": NEW_BLOB}
    facts = {FileState: files(**{BLOB: stat(sha256=THEIRS)})}
    assert listed(reasons(guc_firmware, facts, **wanted)) == [
        ("copy of the replaced firmware", backup_path(BLOB, THEIRS), None),
        ("GuC firmware", f"sha256 {SHA[:16]}…", f"sha256 {THEIRS[:16]}…"),
    ]
    assert listed(reasons(guc_firmware, {FileState: files()}, **wanted)) == [
        ("GuC firmware", f"sha256 {SHA[:16]}…", None)
    ]


RIGHT = "complete and younger than what goes into it"


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({Boot: boot([kernel(NEW, initrd=ABSENT)]), KernelFiles: contents(initrd=ABSENT)}, None),
        (
            {KernelFiles: contents(initrd=("usr/lib/modules/7/xe.ko.zst",))},
            "without firmware xe/bmg_guc_70.bin",
        ),
        (
            {FileState: files(**{HOOK: stat(sha256=HOOK_SHA, mtime=MADE + 1)})},
            f"older than {HOOK}",
        ),
        ({FileState: files()}, f"older than {HOOK}"),
        (
            {
                FileState: files(
                    **{HOOK: stat(sha256="b" * 64, mtime=MADE), OPTIONS: stat(mtime=MADE)}
                )
            },
            f"older than {HOOK}, older than the removal of {OPTIONS}",
        ),
    ],
)
def test_an_image_that_is_built_says_what_the_old_one_lacks(
    changes: dict[Any, Any], seen: str | None
) -> None:
    facts = {
        Boot: boot(),
        KernelFiles: contents(),
        FileState: files(**{HOOK: stat(sha256=HOOK_SHA, mtime=MADE)}),
        **changes,
    }
    wanted: dict[str, Any] = {"modules": ("xe",), "firmware": ("xe/bmg_guc_70.bin",)}
    inputs = {HOOK: HOOK_SHA, OPTIONS: ""}
    told = reasons(initramfs, facts, release=NEW, **wanted, inputs=inputs)
    assert listed(told) == [("initramfs", RIGHT, seen)]


def test_a_kernel_that_is_still_to_come_is_looked_at_for_its_module() -> None:
    told = reasons(kernel_modules, {KernelFiles: contents(knows_b70=ABSENT)}, release=NEW)
    assert listed(told) == [(f"modules of kernel {NEW}", "one for 8086:e223", None)]
