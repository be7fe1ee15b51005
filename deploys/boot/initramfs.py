"""The programs that build initial RAM disks, as data: which one a host has decides what it gets.

A distribution's table names the ones that it may have; the one whose package is installed counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pyinfra.api.exceptions import OperationError

from deploys.boot.paths import DRACUT_MODULE, INITRAMFS_HOOK, TRIAL_HOOK
from operations.boot.boot_set import InitramfsTool


@dataclass(frozen=True, slots=True)
class Kind:
    """One program that builds initial RAM disks.

    Args:
        package: the package that brings it; one host has one of them.
        tool: its command lines.
        folders: folders of ours that it needs.
        files: path on the host -> the text of ours beside this module.
    """

    package: str
    tool: InitramfsTool
    folders: Sequence[str]
    files: Mapping[str, str]


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "initramfs-tools": Kind(
            package="initramfs-tools-core",
            tool=InitramfsTool(
                "initramfs-tools",
                ("mkinitramfs", "-o", "IMAGE", "RELEASE"),
                ("unmkinitramfs", "IMAGE", "."),
            ),
            folders=(),
            files={INITRAMFS_HOOK: "initramfs_hook.sh", TRIAL_HOOK: "trial_hook.sh"},
        ),
        "dracut": Kind(
            package="dracut-core",
            tool=InitramfsTool(
                "dracut",
                ("dracut", "--quiet", "--force", "--add", "b70fleet", "IMAGE", "RELEASE"),
                ("lsinitrd", "--unpack", "IMAGE"),
                raid_words=("rd.md.uuid", "rd.auto"),
            ),
            folders=(DRACUT_MODULE,),
            files={
                f"{DRACUT_MODULE}/module-setup.sh": "dracut_module.sh",
                f"{DRACUT_MODULE}/b70fleet-trial.sh": "trial_hook.sh",
            },
        ),
    }
)


def kind_of(names: Sequence[str], installed: Mapping[str, object]) -> Kind:
    """Return the program that a host has.

    Args:
        names: those that its distribution may have.
        installed: its packages.

    Raises:
        OperationError: it has none of them.
    """
    for name in names:
        if KINDS[name].package in installed:
            return KINDS[name]
    raise OperationError(
        f"nothing here builds an initial RAM disk: one of {', '.join(names)} must be installed"
    )
