"""What a host runs for its boot sets: in place before any set, and changed without a reboot."""

from __future__ import annotations

from typing import Final

from declaration.onhost import BOOT_COMMIT
from deploys.base_paths import BANNER
from deploys.boot.initramfs import Kind, kind_of
from deploys.boot.paths import MENU_SCRIPT, PROGRAMS
from deploys.boot.texts import text_of
from deploys.distribution import distribution
from deploys.layer import declaration, deploy
from operations.apt.package_state import package_state
from operations.files.file import directory, file

_CHECK: Final = 'sh -n "$B70_FILE"'


@deploy("boot programs")
def boot_programs() -> None:
    """Declare the programs around the boot sets of the current host; nothing without a boot set."""
    spec = declaration()
    if spec.stack is None or spec.stack.boot is None:
        return
    directory(path=PROGRAMS, name=f"Directory[{PROGRAMS}]")
    _program(BOOT_COMMIT, "boot_commit.sh")
    kind = initramfs_kind()
    for folder in kind.folders:
        directory(path=folder, name=f"Directory[{folder}]")
    for path, text in kind.files.items():
        _program(path, text)
    _program(MENU_SCRIPT, "menu.sh")


def initramfs_kind() -> Kind:
    """Return what builds initial RAM disks on the current host."""
    return kind_of(distribution().boot.initramfs, package_state().installed)


def _program(path: str, name: str) -> None:
    file(
        path=path,
        content=f"#!/bin/sh\n# {BANNER}\n{text_of(name)}",
        mode="0755",
        validate=_CHECK,
        name=f"File[{path}]",
    )
