"""The boot set layer: its resources in order, what a new host gets, silence on a converged one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from deploys.boot_paths import INITRAMFS_HOOK, XE_OPTIONS
from deploys.boot_set import boot_set
from pyinfra.api.exceptions import OperationError

from declaration.host import HostSpec
from declaration.onhost import FIRMWARE
from deploys.base_paths import BANNER
from facts.boot.kernel import Kernel
from facts.boot.kernel_files import KernelFiles
from facts.boot.loader import GRUB_DEFAULT, Boot
from facts.packages.apt_download import AptDownload
from facts.packages.apt_marks import AutomaticPackages
from facts.packages.dpkg import Packages
from facts.system.files import FileState, FileText
from facts.system.os_release import OsRelease
from facts.value import ABSENT
from tests.unit.apt_facts import package_facts
from tests.unit.base_facts import stat, system
from tests.unit.boot_facts import NEW, OLD, boot, contents, entry, kernel, running
from tests.unit.pyinfra_harness import Resource, run_deploy

IMAGE = f"linux-image-{NEW}"
GUC = "/lib/firmware/xe/bmg_guc_70.bin"
BLOB = b"firmware"
SHA = hashlib.sha256(BLOB).hexdigest()
PLAIN = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'
DONE = (
    'GRUB_CMDLINE_LINUX_DEFAULT="quiet xe.disable_display=1"\n'
    "GRUB_DEFAULT=saved\nGRUB_RECORDFAIL_TIMEOUT=15\n"
)
BOOT: dict[str, Any] = {
    "kernel": {"package": IMAGE, "version": "7.0.0-38.38"},
    "cmdline": {"present": ["xe.disable_display=1"]},
    "xe_options": {"probe_display": "0"},
    "guc": {"sha256": SHA, "version": "70.49.4", "source": "firmware/guc.bin"},
}


def spec(**changes: Any) -> HostSpec:
    return HostSpec.model_validate(
        {
            "name": "rig",
            "connection": {"address": "192.0.2.1"},
            "stack": {"name": "s", "boot": {**BOOT, **changes}},
        }
    )


def plan(folder: Path, facts: dict[Any, Any], declared: HostSpec | None = None) -> list[Resource]:
    (folder / "firmware").mkdir(exist_ok=True)
    (folder / "firmware/guc.bin").write_bytes(BLOB)
    return run_deploy(
        boot_set, facts, spec=declared or spec(), probe_root="", fleet_directory=str(folder)
    )


def everything() -> list[Resource]:
    """Return what a host gets that declares a whole boot set."""
    with TemporaryDirectory() as folder:
        return plan(Path(folder), new_host())


def new_host() -> dict[Any, Any]:
    """Return the facts of a host that runs its distribution's own kernel."""
    return {
        OsRelease: system("ubuntu-24.04"),
        Kernel: running(OLD),
        Boot: boot([kernel(OLD)], entries=(entry(OLD, ("quiet",)),)),
        Packages: package_facts({f"linux-image-{OLD}": "1", f"linux-modules-{OLD}": "1"}),
        AptDownload: 0,
        AutomaticPackages: frozenset({f"linux-image-{OLD}"}),
        KernelFiles: contents(knows_b70=ABSENT, initrd=ABSENT),
        FileText: lambda path: PLAIN.encode(),
        FileState: lambda path: stat() if path == GRUB_DEFAULT else ABSENT,
    }


def converged(resources: list[Resource]) -> dict[Any, Any]:
    """Return the facts of the same host after the plan and a reboot."""
    written = {path: write for each in resources for path, write in each.writes.items()}

    def answer(path: str) -> Any:
        if path == GRUB_DEFAULT:
            return stat(mtime=1)
        if path in written:
            write = written[path]
            digest = hashlib.sha256(write.content).hexdigest()
            return stat(mtime=1, sha256=digest, mode=write.arguments[1])
        return stat("directory") if path in ("/lib/firmware/xe", FIRMWARE) else ABSENT

    held = {f"linux-image-{OLD}": "1", f"linux-modules-{OLD}": "1", IMAGE: "7.0.0-38.38"}
    return new_host() | {
        Kernel: running(NEW),
        Boot: boot(saved=entry(NEW).path),
        Packages: package_facts(held, holds=held),
        AutomaticPackages: frozenset(),
        KernelFiles: contents(),
        FileText: lambda path: DONE.encode(),
        FileState: answer,
    }


def test_a_host_without_a_boot_set_has_no_such_resources(tmp_path: Path) -> None:
    bare = spec().model_copy(update={"stack": None})
    assert plan(tmp_path, {}, bare) == []


def test_what_goes_into_an_image_comes_before_the_kernel_and_the_menu_after_it(
    tmp_path: Path,
) -> None:
    assert [resource.name for resource in plan(tmp_path, new_host())] == [
        "Kernel[fallback]",
        f"File[{XE_OPTIONS}]",
        "Directory[/lib/firmware/xe]",
        "Directory[/var/lib/b70fleet/firmware]",
        f"Firmware[{GUC}]",
        f"File[{INITRAMFS_HOOK}]",
        "File[/etc/default/grub]",
        "Packages[boot-set]",
        f"KernelModules[{NEW}]",
        f"Initramfs[{NEW}]",
        "GrubMenu[/boot/grub/grub.cfg]",
        "GrubDefault[saved_entry]",
    ]


def test_every_resource_of_a_new_host_has_something_to_do(tmp_path: Path) -> None:
    resources = plan(tmp_path, new_host())
    assert [each.name for each in resources if not each.commands] == []
    writes = {path: write for each in resources for path, write in each.writes.items()}
    assert writes[GUC].content == BLOB
    assert writes[XE_OPTIONS].content.decode() == f"# {BANNER}\noptions xe probe_display=0\n"
    assert writes[INITRAMFS_HOOK].arguments[1] == "0755"
    assert b"manual_add_modules xe\n" in writes[INITRAMFS_HOOK].content
    transaction = next(each for each in resources if each.name == "Packages[boot-set]").commands
    assert all(f"{IMAGE}=7.0.0-38.38" in command for command in transaction)
    # the kernel that runs must come out of the transaction as it went in
    assert "^linux-image-7[.]0[.]0-31-generic$" in transaction[0]


def test_a_converged_host_is_left_in_peace(tmp_path: Path) -> None:
    facts = converged(plan(tmp_path, new_host()))
    resources = plan(tmp_path, facts)
    assert {each.name: each.commands for each in resources if each.commands} == {}
    assert all(each.noops for each in resources)


def test_whenever_the_menu_is_written_the_resource_that_judges_it_is_due_as_well(
    tmp_path: Path,
) -> None:
    facts = converged(plan(tmp_path, new_host())) | {FileText: lambda path: PLAIN.encode()}
    due = {each.name for each in plan(tmp_path, facts) if each.commands}
    assert due >= {"GrubMenu[/boot/grub/grub.cfg]", "GrubDefault[saved_entry]"}


def test_a_blob_that_is_not_the_declared_one_is_refused_on_the_controller(tmp_path: Path) -> None:
    other = spec(guc={**BOOT["guc"], "sha256": "1" * 64})
    with pytest.raises(OperationError, match="declared is 1111"):
        plan(tmp_path, new_host(), other)
    lost = spec(guc={**BOOT["guc"], "source": "firmware/lost.bin"})
    with pytest.raises(OperationError, match="No such file"):
        plan(tmp_path, new_host(), lost)


def test_a_blob_on_the_host_is_not_looked_for_on_the_controller(tmp_path: Path) -> None:
    local = spec(guc={**BOOT["guc"], "source": "/srv/guc.bin"})
    resources = {each.name: each.commands for each in plan(tmp_path, new_host(), local)}
    assert "/srv/guc.bin" in resources[f"Firmware[{GUC}]"][0]
