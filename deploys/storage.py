"""The storage layer: file systems, mounts, directories. Silent where nothing is declared."""

from __future__ import annotations

from typing import Final

from deploys.layer import declaration, deploy
from operations.apt.packages import packages
from operations.storage.filesystem import filesystem
from operations.storage.mount_entry import mount_entry
from operations.storage.storage_device import planned_uuid
from operations.storage.storage_directory import storage_directory

#: File system -> package with its mkfs and fsck.
_TOOLS: Final = {"ext4": "e2fsprogs", "xfs": "xfsprogs"}


@deploy("storage")
def storage() -> None:
    """Declare the disks and directories of the current host."""
    spec = declaration()
    declared = spec.storage
    # a mount point comes before what lies on it
    disks = sorted(declared.filesystems.items())
    if disks:
        packages(
            names=sorted({_TOOLS[item.fstype] for _, item in disks}),
            lock_timeout_s=spec.apt.lock_timeout_s,
            name="Packages[storage]",
        )
    for point, item in disks:
        uuid = planned_uuid(spec.name, item)
        filesystem(point=point, declared=item, uuid=uuid, name=f"Filesystem[{point}]")
        mount_entry(point=point, declared=item, uuid=uuid, name=f"Mount[{point}]")
    for path, directory in sorted(declared.directories.items()):
        mount = declared.required_mount(path)
        storage_directory(
            path=path,
            declared=directory,
            mount=mount,
            filesystem=declared.filesystems.get(mount),
            name=f"Directory[{path}]",
        )
