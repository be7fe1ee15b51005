"""Paths on a host that several rooms know: `/var/lib/b70fleet`, and the folders of boot sets.

Whatever is there may be read by any controller. docs/on-the-host.md lists the paths; what the
layers put elsewhere stands in their own lists of paths.
"""

from __future__ import annotations

from typing import Final

STATE: Final = "/var/lib/b70fleet"

#: Who holds the host: run, person, boot, time.
LOCK: Final = f"{STATE}/lock"
#: Until when, in seconds since the boot.
LEASE: Final = f"{STATE}/lease"
#: Number of the last lock: commands of an older one are refused.
FENCE: Final = f"{STATE}/fence"
#: Serialises who takes the lock.
MUTEX: Final = f"{STATE}/mutex"
#: One line for each start and end of a run.
JOURNAL: Final = f"{STATE}/journal.jsonl"
#: What a file is called until it is complete; docs/limits.md says that a power cut may leave it.
INCOMPLETE: Final = f"{STATE}/.b70fleet."

#: The host is in production: it has had a certificate.
PRODUCTION: Final = f"{STATE}/production"
#: One JSON file for each kind of measurement.
MEASUREMENTS: Final = f"{STATE}/measurements"
#: One folder for each change that goes back by itself.
DEADMAN: Final = f"{STATE}/deadman"
#: What a build swap has made and has to take away.
BUILD_SWAP: Final = f"{STATE}/build-swap"
#: What apt's package lists were fetched for.
APT_LISTS: Final = f"{STATE}/apt/lists-are-for"
#: Our own packages, so that they can be installed again without the controller.
DEBS: Final = f"{STATE}/debs"
#: Marks of the sets whose checks have passed.
VERIFIED: Final = f"{STATE}/verified"

#: One folder for each boot set, beside GRUB's own files: kernel, initial RAM disk, manifest.
BOOT_SETS: Final = "/boot/b70fleet"
#: One folder for each boot set that has firmware of its own.
SET_FIRMWARE: Final = "/lib/firmware/b70fleet"
#: Checks, arms and commits boot sets.
BOOT_COMMIT: Final = "/usr/lib/b70fleet/boot-commit"


def deb(name: str, version: str) -> str:
    """Return where a package of our own lies on a host."""
    return f"{DEBS}/{name}_{version}_all.deb"
