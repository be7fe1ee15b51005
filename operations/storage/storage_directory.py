"""A declared directory: owner and mode of itself, never of what is in it.

When its mount is missing, nothing is written to the directory of the same name below it: neither
by the plan (facts say so) nor by the command (it looks once more, links resolved).
"""

from __future__ import annotations

from typing import Final

from pyinfra import host
from pyinfra.api import StringCommand
from pyinfra.api.exceptions import OperationError

from declaration.storage import Directory, Filesystem
from facts.disks.block import Disks
from facts.disks.mountinfo import Mount
from facts.shelltext import shell_text
from facts.system.files import Stat
from operations.operation import Commands, differs, operation
from operations.require import path_state, require
from operations.script import Script
from operations.storage.storage_device import locate, transports
from operations.storage.storage_facts import block, live_mount

#: File systems without owners, or that Linux keeps only as a guest
#: (docs/evidence.md#model-storage).
_FOREIGN: Final = ("ntfs", "ntfs3", "fuseblk", "fuse.ntfs-3g", "exfat", "vfat", "msdos")

_DIRECTORY: Final = shell_text(__file__)


@operation()
def storage_directory(
    path: str, declared: Directory, mount: str = "", filesystem: Filesystem | None = None
) -> Commands:
    """Keep a directory with this owner and mode on the mount that it needs.

    + path: absolute path
    + declared: owner, mode, use
    + mount: mount point that it must lie on, empty for any
    + filesystem: the declared file system of that mount, None when somebody else mounts it
    """
    storage, state = block(), path_state(path)
    if (unsure := storage.doubt(path)) is not None:
        require(unsure, f"what {path} lies on")
    live = live_mount(storage, mount) if mount else storage.mount_of(path)
    if live is None:
        if filesystem is None:
            raise OperationError(f"{mount} is not mounted: nothing is written to {path}")
        # its device is there: the mount comes earlier in this plan. What lies at the path now is
        # the place below the mount, and says nothing.
        locate(filesystem, storage)
        differs("directory", _wanted(declared), f"{mount} is not mounted yet")
        yield _command(path, declared, mount)
        return
    refuse_unfit(path, declared, storage, live)
    if state is not None and state.kind != "directory":
        raise OperationError(f"{path} is a {state.kind}, a directory was declared")
    wanted = (declared.user, declared.group, declared.mode)
    if state is not None and (state.user, state.group, state.mode) == wanted:
        host.noop(f"mode {declared.mode} and owner {declared.user}:{declared.group}")
        return
    _say(state, declared)
    yield _command(path, declared, mount)


def _say(state: Stat | None, declared: Directory) -> None:
    """Say how the directory differs from the declared one."""
    if state is None:
        differs("directory", _wanted(declared), None)
        return
    if (state.user, state.group) != (declared.user, declared.group):
        differs("owner", f"{declared.user}:{declared.group}", f"{state.user}:{state.group}")
    if state.mode != declared.mode:
        differs("mode", declared.mode, state.mode)


def _wanted(declared: Directory) -> str:
    return f"mode {declared.mode}, {declared.user}:{declared.group}"


def refuse_unfit(path: str, declared: Directory, storage: Disks, live: Mount) -> None:
    """Refuse what must not lie on this mount.

    Raises:
        OperationError: it is read-only, or active models would lie on NTFS or a USB disk.
    """
    if live.read_only:
        raise OperationError(f"{live.target} is read-only: {path} cannot be kept there")
    if declared.use != "models" or not declared.active:
        return
    if live.fstype in _FOREIGN:
        raise OperationError(
            f"{path} would hold active models on {live.fstype}: that is for overflow and backups "
            "only (active: false)"
        )
    if isinstance(storage.devices, tuple) and "usb" in transports(storage, live.device):
        raise OperationError(
            f"{path} would hold active models on a USB disk: loading takes minutes, and unplugged "
            "they look deleted (active: false)"
        )


def _command(path: str, declared: Directory, mount: str) -> StringCommand:
    words = ("-m", declared.mode, "-o", declared.user, "-g", declared.group, "--", path)
    return Script(
        _DIRECTORY,
        "b70-directory",
        mount,
        path,
        declared.mode,
        declared.user,
        declared.group,
        shown=("install", "-d", *words),
    )
