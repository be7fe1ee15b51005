"""The layers of a boot set: resources in order, a new host, a converged one, one of the old way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.host import HostSpec
from declaration.onhost import BOOT_COMMIT, SET_FIRMWARE
from deploys.base_paths import BANNER
from deploys.boot.commit import boot_commit
from deploys.boot.initramfs import KINDS, kind_of
from deploys.boot.paths import (
    DRACUT_MODULE,
    INITRAMFS_HOOK,
    MENU_SCRIPT,
    OLD,
    PROGRAMS,
    SETTINGS,
    TRIAL_HOOK,
)
from deploys.boot.programs import boot_programs
from deploys.boot.stage import boot_set
from deploys.boot.texts import text_of
from facts.boot.kernel import Kernel, XeModule
from facts.boot.kernel_files import KernelFiles
from facts.boot.loader import GRUB_DEFAULT, Boot
from facts.boot.sets import BootSets
from facts.disks.block import Block
from facts.packages.apt_download import AptDownload
from facts.packages.apt_marks import AutomaticPackages
from facts.packages.dpkg import Packages
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_log import GpuLog, KernelLog
from facts.system.files import FileState, FileText
from facts.system.os_release import OsRelease
from facts.value import ABSENT, Unknown
from gates.boot_sets import is_repair
from operations.boot.grub_menu import MENU, manifest_path
from operations.boot.grub_settings import WRITTEN_TOKENS, content
from tests.given import given
from tests.unit.apt_facts import package_facts
from tests.unit.base_facts import stat, system
from tests.unit.boot_facts import (
    NEW,
    boot,
    contents,
    entry,
    found,
    kernel,
    manifest,
    on_disk,
    running,
    set_entry,
    sets,
    staged,
)
from tests.unit.boot_facts import OLD as OLD_KERNEL
from tests.unit.disk_facts import device, disks
from tests.unit.pyinfra_harness import Resource, run_deploy

IMAGE = f"linux-image-{NEW}"
BLOB = b"firmware"
SHA = hashlib.sha256(BLOB).hexdigest()
HUC = "/lib/firmware/xe/bmg_huc.bin"
PLAIN = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'
BOOT: dict[str, Any] = {
    "kernel": {"package": IMAGE, "version": "7.0.0-38.38"},
    "cmdline": {"present": ["xe.disable_display=1"]},
    "xe_options": {"probe_display": "0"},
    "guc": {"sha256": SHA, "version": "70.49.4", "source": "firmware/guc.bin"},
    "huc": {"sha256": SHA, "version": "8.2.10"},
}


def spec(**changes: Any) -> HostSpec:
    return HostSpec.model_validate(
        {
            "name": "rig",
            "connection": {"address": "192.0.2.1"},
            "stack": {"name": "s", "boot": {**BOOT, **changes}},
        }
    )


SPEC = spec()
WANTED = SPEC.stack.boot if SPEC.stack and SPEC.stack.boot else pytest.fail("no boot set")
NAME = WANTED.set_id
FOLDER = WANTED.firmware_folder
GUC = f"{FOLDER}/xe/bmg_guc_70.bin"
PACKAGES = {f"linux-image-{OLD_KERNEL}": "1", f"linux-modules-{OLD_KERNEL}": "1"}
TOOLS = {"initramfs-tools-core": "0.142"}
ROOT = device("vda1", "part", mountpoints=("/",))
ON_A_DISK = disks(devices=(device("vda", children=(ROOT,)),))
ON_LVM = disks(devices=(device("vda", children=(device("vg-root", "lvm", mountpoints=("/",)),)),))


def layers() -> None:
    boot_programs()
    boot_set()
    boot_commit()


def plan(
    facts: dict[Any, Any],
    declared: HostSpec = SPEC,
    written: tuple[str, ...] = (),
    deploy: Callable[[], None] = layers,
) -> list[Resource]:
    """Return the resources of the layers.

    Args:
        facts: of the host.
        declared: what it should be.
        written: tokens on record as written by an earlier version.
        deploy: the layers.
    """
    with TemporaryDirectory() as folder:
        (Path(folder) / "firmware").mkdir()
        (Path(folder) / "firmware/guc.bin").write_bytes(BLOB)
        return run_deploy(
            deploy,
            facts,
            remembers=True,
            spec=declared,
            probe_root="",
            fleet_directory=folder,
            **{WRITTEN_TOKENS: lambda: written},
        )


def due(resources: list[Resource]) -> list[str]:
    return [resource.name for resource in resources if resource.commands]


def everything(deploy: Callable[[], None]) -> list[Resource]:
    """Return what a layer gives hosts with a whole boot set: new ones and one of the old way."""
    dracut = {Packages: package_facts({**PACKAGES, "dracut-core": "103"})}
    return [
        *plan(new_host(), deploy=deploy),
        *plan(new_host() | dracut, deploy=deploy),
        *plan(of_the_old_way(), written=WRITTEN, deploy=deploy),
    ]


def new_host() -> dict[Any, Any]:
    """Return the facts of a host that runs its distribution's own kernel."""
    return {
        OsRelease: system("ubuntu-24.04"),
        Kernel: running(OLD_KERNEL),
        Boot: boot([kernel(OLD_KERNEL)], entries=(entry(OLD_KERNEL, ("quiet",)),)),
        BootSets: sets(),
        Block: ON_A_DISK,
        Packages: package_facts({**PACKAGES, **TOOLS}),
        AptDownload: 0,
        AutomaticPackages: frozenset(PACKAGES),
        KernelFiles: contents(knows_b70=ABSENT, initrd=ABSENT),
        GpuLinks: (),
        GpuLog: Unknown("no card has loaded anything"),
        FileText: lambda path: PLAIN.encode(),
        FileState: lambda path: stat() if path == GRUB_DEFAULT else ABSENT,
    }


WHOLE = staged(WANTED)
KEPT = found(OLD_KERNEL)
ENTRIES = (
    entry(NEW, ("quiet",)),
    entry(OLD_KERNEL, ("quiet",)),
    set_entry(KEPT, "quiet"),
    set_entry(WHOLE, "quiet"),
)
#: What the first plan pins: the kernel that boots before a newer one comes.
PINNED = ENTRIES[1].path


def grub(saved: str = PINNED, **changes: Any) -> Any:
    """Return GRUB with every entry; a set that is saved is on record as the default."""
    block = {"saved_entry": saved}
    if saved.startswith("b70-"):
        block |= {"b70fleet_default": saved, "b70fleet_fallback": KEPT.name}
    return boot(**{"entries": ENTRIES, "environment": block, **changes})


def staged_host() -> dict[Any, Any]:
    """Return the facts of the same host after its first plan, before its reboot."""
    resources = plan(new_host())
    written = {path: write for each in resources for path, write in each.writes.items()}
    folders = {each.name[10:-1] for each in resources if each.name.startswith("Directory[")}

    def answer(path: str) -> Any:
        if path in (GRUB_DEFAULT, MENU, manifest_path(NAME)):
            return stat(mtime=1)
        if path in written:
            digest = hashlib.sha256(written[path].content).hexdigest()
            return stat(mtime=1, sha256=digest, mode=written[path].arguments[1])
        if path == f"{FOLDER}/xe/bmg_huc.bin":
            return stat(mtime=1, sha256=SHA)
        return stat("directory") if path in folders else ABSENT

    installed = {**PACKAGES, **TOOLS, IMAGE: "7.0.0-38.38"}
    return new_host() | {
        Boot: grub(),
        BootSets: sets(WHOLE, KEPT),
        Packages: package_facts(installed, holds=[n for n in installed if n not in TOOLS]),
        AutomaticPackages: frozenset(),
        KernelFiles: contents(),
        FileState: answer,
    }


TOKENS = ("quiet", "xe.disable_display=1", "xe.probe_display=0", f"b70fleet.set={NAME}")


RECORDED = sets(WHOLE, KEPT, default=NAME, fallback=KEPT.name)
RUNS = running(NEW, TOKENS, xe=XeModule("Live", "", "S", {"probe_display": "N"}))


def converged() -> dict[Any, Any]:
    """Return the facts of the same host once its set has booted and is the default."""
    return staged_host() | {
        Kernel: RUNS,
        GpuLog: KernelLog(from_boot=True, dropped=0, faults=(), cards=()),
        Boot: grub(NAME),
        BootSets: RECORDED,
    }


def test_a_host_without_a_boot_set_has_no_such_resources() -> None:
    assert plan({}, SPEC.model_copy(update={"stack": None})) == []


NAMES = [
    f"Directory[{PROGRAMS}]",
    f"File[{BOOT_COMMIT}]",
    f"File[{INITRAMFS_HOOK}]",
    f"File[{TRIAL_HOOK}]",
    f"File[{MENU_SCRIPT}]",
    "Packages[kept]",
    "BootSet[as-found]",
    "GrubDefault[saved_entry]",
    "Directory[/etc/default/grub.d]",
    f"File[{SETTINGS}]",
    "File[/etc/default/grub]",
    "Packages[boot-set]",
    f"KernelModules[{NEW}]",
    f"Directory[{SET_FIRMWARE}]",
    f"Directory[{FOLDER}]",
    f"Directory[{FOLDER}/xe]",
    f"Firmware[{GUC}]",
    f"Firmware[{FOLDER}/xe/bmg_huc.bin]",
    f"BootSet[{NAME}]",
    *(f"File[{path}]" for path in OLD),
    f"GrubMenu[{MENU}]",
    f"BootEntry[{NAME}]",
    "BootDefault[saved_entry]",
]


def test_the_old_system_is_kept_before_anything_is_replaced_and_the_default_comes_last() -> None:
    assert [resource.name for resource in plan(new_host())] == NAMES


def test_what_is_due_on_a_new_host_is_everything_that_does_not_wait_for_its_boot() -> None:
    resources = due(plan(new_host()))
    assert [name for name in NAMES if name not in resources] == [
        "File[/etc/default/grub]",
        *(f"File[{path}]" for path in OLD),
        "BootDefault[saved_entry]",
    ]


def test_what_boots_now_is_pinned_before_a_newer_kernel_becomes_the_first_of_the_menu() -> None:
    """A kernel's package writes the menu anew, and its first entry is the newest kernel's."""
    (transaction,) = [n for n, name in enumerate(NAMES) if name == "Packages[boot-set]"]
    before = {"GrubDefault[saved_entry]", f"File[{SETTINGS}]", "BootSet[as-found]"}
    assert before <= set(NAMES[:transaction])
    (pinned,) = [each for each in plan(new_host()) if each.name == "GrubDefault[saved_entry]"]
    assert pinned.commands == [f"{BOOT_COMMIT} keep '{PINNED}'"]


def test_every_program_is_checked_by_a_shell_before_it_is_in_place() -> None:
    writes = {path: w for each in plan(new_host()) for path, w in each.writes.items()}
    for path, name in (
        (BOOT_COMMIT, "boot_commit.sh"),
        (MENU_SCRIPT, "menu.sh"),
        (INITRAMFS_HOOK, "initramfs_hook.sh"),
        (TRIAL_HOOK, "trial_hook.sh"),
    ):
        text = writes[path].content.decode()
        assert text == f"#!/bin/sh\n# {BANNER}\n{text_of(name)}"
        assert writes[path].arguments[1] == "0755"
        assert writes[path].arguments[5] == 'sh -n "$B70_FILE"'


def test_firmware_goes_into_the_folder_of_the_set_and_nowhere_else() -> None:
    resources = {each.name: each for each in plan(new_host())}
    guc = resources[f"Firmware[{GUC}]"]
    assert guc.writes[GUC].content == BLOB
    # a blob without a source of its own comes from a package
    assert HUC in resources[f"Firmware[{FOLDER}/xe/bmg_huc.bin]"].commands[0]
    written = {path for each in resources.values() for path in each.writes}
    assert not {path for path in written if path.startswith("/lib/firmware/xe")}


def test_the_kernel_that_runs_comes_out_of_the_transaction_as_it_went_in() -> None:
    (transaction,) = [each for each in plan(new_host()) if each.name == "Packages[boot-set]"]
    assert all(f"{IMAGE}=7.0.0-38.38" in command for command in transaction.commands)
    assert "^linux-image-7[.]0[.]0-31-generic$" in transaction.commands[0]


def test_the_settings_are_a_drop_in_and_the_persons_file_is_not_touched() -> None:
    (written,) = [each for each in plan(new_host()) if each.name == f"File[{SETTINGS}]"]
    assert written.writes[SETTINGS].content.decode() == content(BANNER, WANTED.grub_settings)
    assert GRUB_DEFAULT not in {path for each in plan(new_host()) for path in each.writes}


@pytest.mark.parametrize(
    ("knows", "line"),
    [(True, 'GRUB_FLAVOUR_ORDER="generic"'), (False, ""), (ABSENT, ""), (Unknown("x"), "")],
)
def test_the_declared_flavour_stays_at_the_top_of_the_menu_where_grub_can_keep_it_there(
    knows: Any, line: str
) -> None:
    """It counts where the default entry is lost, and GRUB takes the first of the menu."""
    facts = new_host() | {Boot: replace(new_host()[Boot], knows_flavours=knows)}
    (written,) = [each for each in plan(facts) if each.name == f"File[{SETTINGS}]"]
    lines = written.writes[SETTINGS].content.decode().split("\n")
    assert [each for each in lines if "FLAVOUR" in each] == ([line] if line else [])


def test_a_vendors_older_kernel_keeps_its_flavour_at_the_top_and_is_booted_by_its_id() -> None:
    """OMIX's 6.17 would lose the default to a generic 7.0 at the next update of the menu."""
    package = "linux-image-6.17.0-1010-intel"
    omix = spec(kernel={"package": package, "version": "6.17.0-1010.10"})
    facts = new_host() | {
        Boot: replace(new_host()[Boot], knows_flavours=True),
        OsRelease: system("ubuntu-26.04"),
    }
    resources = {each.name: each for each in plan(facts, omix)}
    settings = resources[f"File[{SETTINGS}]"].writes[SETTINGS].content.decode()
    assert 'GRUB_FLAVOUR_ORDER="intel"' in settings
    assert 'GRUB_DEFAULT="saved"' in settings
    boot_of = omix.stack.boot if omix.stack else None
    assert boot_of is not None
    assert f"BootEntry[{boot_of.set_id}]" in resources


def test_whatever_the_menu_is_made_of_its_entry_is_read_back_by_the_host() -> None:
    resources = {each.name: each for each in plan(new_host())}
    assert resources[f"BootEntry[{NAME}]"].commands == [f"{BOOT_COMMIT} check {NAME}"]


def default_of(facts: dict[Any, Any]) -> Resource:
    return plan(facts)[-1]


def test_a_staged_host_waits_for_its_boot_where_grub_can_forget_a_one_shot() -> None:
    assert due(plan(staged_host())) == []
    said = default_of(staged_host()).noops[0]
    assert f"waits for the first boot of {NAME}: kernel {OLD_KERNEL} runs" in said


def test_what_has_booted_and_cannot_be_proven_waits_as_well() -> None:
    facts = converged() | {Boot: grub(), BootSets: sets(WHOLE, KEPT)}
    for unknown in (
        {Kernel: replace(RUNS, tokens=Unknown("cut"))},
        {GpuLog: Unknown("no journal")},
    ):
        last = default_of(facts | unknown)
        assert last.commands == []
        assert "is UNKNOWN: " in last.noops[0]


@pytest.mark.parametrize(
    "changes",
    [
        {Block: ON_LVM},
        {Boot: grub(environment=ABSENT)},
    ],
    ids=["lvm", "no environment"],
)
def test_where_grub_cannot_forget_the_set_is_the_default_before_it_has_booted(
    changes: dict[Any, Any],
) -> None:
    last = default_of(staged_host() | changes)
    assert last.commands == [f"{BOOT_COMMIT} commit {NAME} {KEPT.name}"]


def test_a_set_waits_while_nobody_knows_whether_grub_can_forget_a_one_shot() -> None:
    last = default_of(staged_host() | {Block: disks(devices=Unknown("timeout"))})
    assert last.commands == []


def test_nothing_is_staged_while_it_is_unknown_where_boot_lies() -> None:
    with pytest.raises(OperationError, match="where /boot lies is UNKNOWN: timeout"):
        plan(staged_host() | {Block: Unknown("timeout")})


def test_a_set_that_has_booted_becomes_the_default_with_the_old_system_as_its_fallback() -> None:
    facts = converged() | {Boot: grub(), BootSets: sets(WHOLE, KEPT)}
    resources = plan(facts)
    assert due(resources) == ["BootDefault[saved_entry]"]
    assert resources[-1].commands == [f"{BOOT_COMMIT} commit {NAME} {KEPT.name}"]


def test_what_was_the_default_until_now_is_gone_back_to() -> None:
    recorded = manifest("b70-other", OLD_KERNEL)
    facts = converged() | {
        Boot: grub(),
        BootSets: sets(WHOLE, KEPT, on_disk(recorded), default="b70-other", fallback=KEPT.name),
    }
    assert plan(facts)[-1].commands == [f"{BOOT_COMMIT} commit {NAME} b70-other"]


def test_a_converged_host_is_left_in_peace() -> None:
    resources = plan(converged())
    assert {each.name: each.commands for each in resources if each.commands} == {}
    assert all(each.noops for each in resources)


@pytest.mark.parametrize(
    ("damage", "repaired"),
    [
        (
            {BootSets: replace(RECORDED, sets=sets(replace(WHOLE, files={}), KEPT).sets)},
            f"BootSet[{NAME}]",
        ),
        ({BootSets: replace(RECORDED, sets=sets(WHOLE).sets)}, "BootSet[as-found]"),
        ({Boot: grub(NAME, entries=ENTRIES[:-1])}, f"GrubMenu[{MENU}]"),
        ({Boot: grub(KEPT.name)}, "BootDefault[saved_entry]"),
        ({Boot: grub(PINNED)}, "BootDefault[saved_entry]"),
        ({BootSets: replace(RECORDED, fallback="")}, "BootDefault[saved_entry]"),
        ({AutomaticPackages: frozenset({IMAGE})}, "Packages[kept]"),
    ],
)
def test_one_thing_that_is_damaged_is_mended_alone(damage: dict[Any, Any], repaired: str) -> None:
    names = due(plan(converged() | damage))
    follow = {f"GrubMenu[{MENU}]", f"BootEntry[{NAME}]"}
    assert repaired in names
    assert set(names) - {repaired} <= follow
    if repaired.startswith(("BootSet", "GrubMenu")) and repaired != "BootSet[as-found]":
        assert f"BootEntry[{NAME}]" in names


#: What a run of an earlier version wrote into a person's file.
WRITTEN = ("xe.disable_display=1",)


def of_the_old_way() -> dict[Any, Any]:
    """Return the facts of a host that was converged when there was one boot set for all entries."""
    old_text = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet xe.disable_display=1"\nGRUB_DEFAULT=saved\n'
    new = entry(NEW, ("quiet", "xe.disable_display=1"))
    files = {GRUB_DEFAULT: stat(), MENU: stat(), **{path: stat() for path in OLD}}
    return converged() | {
        Kernel: running(NEW, ("quiet", "xe.disable_display=1")),
        Boot: boot(entries=(new, entry(OLD_KERNEL)), saved=new.path),
        BootSets: sets(),
        FileText: lambda path: old_text.encode(),
        FileState: lambda path: files.get(path, ABSENT),
    }


def test_a_host_of_the_old_way_is_brought_over_and_its_old_traces_go() -> None:
    resources = {each.name: each for each in plan(of_the_old_way(), written=WRITTEN)}
    names = due([*resources.values()])
    assert set(NAMES) - set(names) <= {
        "Packages[kept]",
        "Packages[boot-set]",
        f"KernelModules[{NEW}]",
        "GrubDefault[saved_entry]",
        "BootDefault[saved_entry]",
    }
    for path in OLD:
        assert resources[f"File[{path}]"].commands == [f"rm -f -- {path}"]
    defaults = resources["File[/etc/default/grub]"].writes[GRUB_DEFAULT]
    assert defaults.content.decode() == 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_DEFAULT=saved\n'


@pytest.mark.parametrize("facts", [of_the_old_way(), new_host()])
def test_a_token_that_is_on_nobodys_record_stays_with_the_person(facts: dict[Any, Any]) -> None:
    resources = {each.name: each for each in plan(facts)}
    assert resources["File[/etc/default/grub]"].commands == []


def test_once_the_set_is_the_default_a_token_there_is_the_persons() -> None:
    """The record would still name it, and whoever puts it there now means it."""
    facts = converged() | {FileText: of_the_old_way()[FileText]}
    resources = {each.name: each for each in plan(facts, written=WRITTEN)}
    assert resources["File[/etc/default/grub]"].commands == []


def test_to_bring_a_host_over_is_no_drift_of_its_boot_set() -> None:
    """What runs stays the same, so that a host in production needs no rollout for it."""
    facts = of_the_old_way()
    bare = spec(guc=None, huc=None, xe_options={})
    readings = {
        "boot_sets": facts[BootSets],
        "packages": facts[Packages],
        "kernel": facts[Kernel],
        "gpu_link": (),
        "gpu_log": Unknown("no journal"),
        "boot": facts[Boot],
    }
    assert is_repair(bare, given(readings))
    other = {**readings, "kernel": running(NEW, ("quiet",))}
    assert not is_repair(bare, given(other))


def test_a_blob_that_is_not_the_declared_one_is_refused_on_the_controller() -> None:
    other = spec(guc={**BOOT["guc"], "sha256": "1" * 64})
    with pytest.raises(OperationError, match="declared is 1111"):
        plan(new_host(), other)
    lost = spec(guc={**BOOT["guc"], "source": "firmware/lost.bin"})
    with pytest.raises(OperationError, match="No such file"):
        plan(new_host(), lost)


def test_a_blob_on_the_host_is_not_looked_for_on_the_controller() -> None:
    local = spec(guc={**BOOT["guc"], "source": "/srv/guc.bin"})
    commands = [command for each in plan(new_host(), local) for command in each.commands]
    assert any("/srv/guc.bin" in command for command in commands)


def test_a_set_without_firmware_has_no_folder_for_it() -> None:
    bare = spec(guc=None, huc=None)
    names = [each.name for each in plan(new_host(), bare)]
    assert not [name for name in names if "firmware" in name.lower()]


def test_the_program_that_a_host_builds_images_with_decides_what_it_gets() -> None:
    facts = new_host() | {Packages: package_facts({**PACKAGES, "dracut-core": "103"})}
    resources = {each.name: each for each in plan(facts)}
    assert f"File[{DRACUT_MODULE}/module-setup.sh]" in resources
    assert f"Directory[{DRACUT_MODULE}]" in resources
    assert f"File[{INITRAMFS_HOOK}]" not in resources
    (build,) = resources[f"BootSet[{NAME}]"].commands
    assert "dracut --quiet --force --add b70fleet IMAGE RELEASE" in build


def test_a_host_that_can_build_no_image_is_refused() -> None:
    with pytest.raises(OperationError, match="one of initramfs-tools, dracut must be installed"):
        plan(new_host() | {Packages: package_facts(PACKAGES)})


def test_of_two_programs_the_usual_one_of_the_distribution_counts() -> None:
    both = {"initramfs-tools-core": 1, "dracut-core": 1}
    assert kind_of(("dracut", "initramfs-tools"), both) is KINDS["dracut"]
    assert kind_of(("initramfs-tools", "dracut"), both) is KINDS["initramfs-tools"]
