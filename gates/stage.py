"""What keeps a boot set from being staged: somebody else's word would win over it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from declaration.boot import BootSet, key_of
from declaration.onhost import BOOT_SETS
from facts.boot.kernel import RunningKernel
from facts.boot.loader import BootState
from facts.disks.block import Disks
from facts.value import Absent, Unknown
from gates.one_shot import chain

#: The kernel's own search path for firmware: of two words on its command line one wins.
_FIRMWARE_PATH: Final = re.compile(r"firmware[-_]class\.path=")


def stage_obstacles(
    wanted: BootSet,
    kernel: RunningKernel,
    boot: BootState,
    disks: Disks,
    *,
    own: Sequence[str] = (),
    raid_words: Sequence[str] = (),
) -> list[str]:
    """Return why a set cannot be staged, each with the file that has to be changed first.

    Args:
        own: files of module options that are ours.
        raid_words: parameters of which one must name the array that the root lies on, for the
            program that builds initial RAM disks here; empty = it finds arrays by itself.
    """
    return [
        *_modprobe(kernel, own),
        *_firmware_path(boot),
        *_places(disks),
        *_raid(wanted, boot, disks, raid_words),
    ]


def _modprobe(kernel: RunningKernel, own: Sequence[str]) -> Iterator[str]:
    found = kernel.modprobe
    if found.denied:
        yield f"{found.denied[0]} cannot be read, and it may set options of xe"
    for path in found.blacklisted:
        yield f"{path} keeps xe from being loaded; remove that line first"
    for name, origin in found.origins.items():
        if origin.rpartition(":")[0] not in own:
            yield (
                f"{origin} sets {name}={found.options[name]} for xe in every boot set; declare it "
                "(stack.boot.xe_options) and remove that line"
            )


def _firmware_path(boot: BootState) -> Iterator[str]:
    if boot.denied:
        yield f"{boot.denied[0]} cannot be read, and it may set the kernel's command line"
    for line in boot.lines:
        if _FIRMWARE_PATH.search(line.text):
            yield (
                f"{line.path}:{line.number} sets firmware_class.path, which each boot set has of "
                "its own; remove that word"
            )


def _places(disks: Disks) -> Iterator[str]:
    boot = disks.mount_of("/boot")
    if boot.target != "/boot" and any(entry.place == "/boot" for entry in disks.fstab):
        yield "/boot is not mounted, though /etc/fstab has it; mount /boot first"
    if disks.mount_of(BOOT_SETS).target not in ("/", "/boot"):
        yield f"{BOOT_SETS} is mounted by itself; GRUB looks for it beside the kernels in /boot"


def _raid(
    wanted: BootSet, boot: BootState, disks: Disks, raid_words: Sequence[str]
) -> Iterator[str]:
    if not raid_words or not isinstance(disks.devices, tuple):
        return
    devices = chain(disks.devices, disks.mount_of("/"))
    if not any(device.type.startswith("raid") for device in devices):
        return
    words = list(wanted.words)
    for name in ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"):
        found = boot.setting_tokens(name)
        words += () if isinstance(found, Absent | Unknown) else found
    if not any(key_of(word) in raid_words for word in words):
        yield (
            f"/ lies on a RAID array that no word of the kernel's command line names "
            f"({' or '.join(raid_words)}), and the initial RAM disk does not look for one by itself"
        )
