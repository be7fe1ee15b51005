"""Disks of a host: which file system is mounted where, which directories lie on it, for what use.

Says what should be there; what is there is a fact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from declaration.base import Declared
from declaration.onhost import STATE
from declaration.patterns import matching

#: GiB that stay free on a file system when something big is written to it; the public headroom
#: check of steveseguin/b70-optimization-lab uses the same (docs/evidence.md#model-storage).
DEFAULT_FLOOR_GIB: Final = 50.0

_PATH: Final = re.compile(r"^/(\w[\w.@+:-]*(/[\w.@+:][\w.@+:-]*)*)?$", re.ASCII)
_BY_ID: Final = re.compile(r"^/dev/disk/by-(id|path)/[A-Za-z0-9._:+-]+$")
_UUID: Final = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_OPTION: Final = re.compile(r"^[A-Za-z0-9_.=:/%+-]+$")
_NAME: Final = re.compile(r"^[A-Za-z0-9._+-]+$")
_ACCOUNT: Final = re.compile(r"^[a-z_][a-z0-9_-]{0,31}$")
_MODE: Final = re.compile(r"^[0-7]{4}$")
#: Directories that belong to the system; nothing declared may replace or cover them.
_SYSTEM: Final = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/run", "/sbin", "/sys", "/tmp",
    "/usr", STATE,
)  # fmt: skip


def plain_path(value: str) -> str:
    """Return an absolute path of plain characters, without `..`; it can stand in fstab as it is."""
    if not _PATH.match(value) or ".." in value.split("/") or "." in value.split("/"):
        raise ValueError(f"{value!r} is not a plain absolute path (letters, digits, . _ @ + : -)")
    return value


def _mount_point(value: str) -> str:
    plain_path(value)
    if any(below(value, place) or below(place, value) for place in _SYSTEM):
        raise ValueError(f"{value!r} belongs to the system and cannot be a mount point of ours")
    return value


def _directory(value: str) -> str:
    plain_path(value)
    if value == "/" or any(below(value, place) for place in _SYSTEM):
        raise ValueError(f"{value!r} belongs to the system and cannot be declared here")
    return value


PlainPath = Annotated[str, AfterValidator(plain_path)]
MountPoint = Annotated[str, AfterValidator(_mount_point)]
DirectoryPath = Annotated[str, AfterValidator(_directory)]
AccountName = Annotated[str, matching(_ACCOUNT, "a user or group name")]
Account = Annotated[str, matching(_ACCOUNT, "a user or group name", empty=True)]
#: What a directory is for; only some uses are ever offered to `b70 storage prune`.
Use = Literal["models", "hub-cache", "sources", "compile-cache", "results", "artifacts"]


class Filesystem(Declared):
    """One file system, found by exactly one of uuid, partlabel, serial, device.

    Names such as /dev/sdb move between boots and are refused.
    """

    uuid: Annotated[str, matching(_UUID, "a file system UUID in lower case", empty=True)] = ""
    partlabel: Annotated[str, matching(_NAME, "a partition label", empty=True)] = ""
    #: of the disk, as `lsblk -o SERIAL` shows it
    serial: Annotated[str, matching(_NAME, "a disk's serial number", empty=True)] = ""
    #: partition of that disk, 0 = the whole disk
    partition: int = Field(default=0, ge=0, le=128)
    device: Annotated[str, matching(_BY_ID, "below /dev/disk/by-id or by-path", empty=True)] = ""
    fstype: Literal["ext4", "xfs"] = "ext4"
    options: tuple[Annotated[str, matching(_OPTION, "a mount option", empty=True)], ...] = Field(
        default=("noatime", "nofail"), min_length=1
    )
    format: Literal["never", "if_blank"] = "never"
    #: options for mkfs, such as [-T, largefile4, -m, "0"]
    mkfs: tuple[str, ...] = ()
    label: Annotated[str, matching(_NAME, "a file system label", empty=True)] = Field(
        default="", max_length=12
    )
    #: GiB that must stay free; null = storage.min_free_gib
    min_free_gib: float | None = Field(default=None, ge=0)

    @property
    def finder(self) -> str:
        """Return how the device is found, for messages and as its identity."""
        if self.serial:
            part = f" partition {self.partition}" if self.partition else ""
            return f"serial {self.serial}{part}"
        for key in ("uuid", "partlabel", "device"):
            if value := getattr(self, key):
                return f"{key} {value}"
        return "nothing"

    @model_validator(mode="after")
    def _one_way_to_find_it(self) -> Filesystem:
        given = [k for k in ("uuid", "partlabel", "serial", "device") if getattr(self, k)]
        if len(given) != 1:
            raise ValueError(
                "give exactly one of uuid, partlabel, serial, device"
                + (f" (found {', '.join(given)})" if given else "")
            )
        if self.partition and not self.serial:
            raise ValueError("partition needs serial: the disk it is on")
        return self

    @model_validator(mode="after")
    def _blank_devices_have_no_uuid(self) -> Filesystem:
        if self.format == "if_blank" and self.uuid:
            raise ValueError(
                "format: if_blank needs a device that can be found while it is blank: "
                "partlabel, serial or device, not uuid"
            )
        if self.mkfs and self.format == "never":
            raise ValueError("mkfs options need format: if_blank")
        forced = [word for word in self.mkfs if word in ("-f", "-F", "-ff")]
        if forced:
            raise ValueError(f"mkfs option {forced[0]} overrides the check for existing data")
        return self


class Directory(Declared):
    """One directory: owner, mode, use. Its content is never changed."""

    user: Account = "root"
    group: Account = "root"
    mode: Annotated[str, matching(_MODE, "a mode of four octal digits", empty=True)] = "0755"
    use: Use
    #: mount point that must really be mounted; empty = the declared file system it lies on
    mount: str = ""
    budget_gib: float | None = Field(default=None, gt=0)
    #: holds what is served or built now; false for overflow and backups (USB, NTFS)
    active: bool = True


class Storage(Declared):
    """File systems by mount point, directories by path."""

    filesystems: dict[MountPoint, Filesystem] = Field(default_factory=dict)
    directories: dict[DirectoryPath, Directory] = Field(default_factory=dict)
    #: GiB that stay free on every other file system
    min_free_gib: float = Field(default=DEFAULT_FLOOR_GIB, ge=0)

    def required_mount(self, path: str) -> str:
        """Return the mount point that a declared path needs, empty when it needs none."""
        declared = self.directories.get(path)
        return (declared.mount if declared else "") or deepest(path, self.filesystems)

    def floor_bytes(self, mount: str) -> int:
        """Return the bytes that must stay free on a mount."""
        own = self.filesystems[mount].min_free_gib if mount in self.filesystems else None
        return int((self.min_free_gib if own is None else own) * 1024**3)

    @model_validator(mode="after")
    def _devices_are_used_once(self) -> Storage:
        seen: dict[str, str] = {}
        for point, item in self.filesystems.items():
            if other := seen.get(item.finder):
                raise ValueError(f"{other} and {point} both use {item.finder}")
            seen[item.finder] = point
        whole = {i.serial: p for p, i in self.filesystems.items() if i.serial and not i.partition}
        for point, item in self.filesystems.items():
            if item.partition and item.serial in whole:
                raise ValueError(
                    f"{whole[item.serial]} uses the whole disk {item.serial}, "
                    f"{point} its partition {item.partition}"
                )
        return self

    @model_validator(mode="after")
    def _directories_require_their_mount(self) -> Storage:
        for path, item in self.directories.items():
            filesystem = deepest(path, self.filesystems)
            if item.mount and not below(path, item.mount):
                raise ValueError(f"{path} does not lie below its mount {item.mount}")
            if item.mount and filesystem and item.mount != filesystem:
                raise ValueError(
                    f"{path} lies on the declared file system {filesystem} and requires it, "
                    f"not {item.mount}"
                )
            if item.mount == "/":
                raise ValueError(f'{path}: mount "/" is always there; leave it out')
            if item.mount:
                plain_path(item.mount)
        return self


def below(path: str, directory: str) -> bool:
    """Return True if a path is a directory or lies below it (by name, links are not resolved)."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def deepest(path: str, mounts: Iterable[str] | Mapping[str, object]) -> str:
    """Return the deepest of some mount points that a path lies on, empty for none."""
    found = [mount for mount in mounts if below(path, mount)]
    return max(found, key=len, default="")
