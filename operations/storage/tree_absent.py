"""One named thing in a declared directory, removed with everything below it.

What may go is decided elsewhere (fleet.disks.prune). Here stands what is never done whatever was
decided: nothing outside the directory, nothing through a link, nothing across a mount, nothing in
use.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.storage import plain_path
from facts.disks.directory_use import USERS
from facts.shelltext import shell_text
from operations.operation import Commands, differs, operation
from operations.require import path_state
from operations.script import Script
from operations.storage.storage_facts import block

_REMOVE: Final = USERS + shell_text(__file__)


@operation()
def tree_absent(path: str, within: str) -> Commands:
    """Remove one thing that lies directly in a directory.

    + path: plain absolute path
    + within: the directory
    """
    try:
        plain_path(path)
    except ValueError as error:
        raise OperationError(str(error)) from error
    if str(PurePosixPath(path).parent) != within:
        raise OperationError(f"{path} does not lie directly in {within}")
    found, disks = path_state(path), block()
    if found is None:
        host.noop("is not there")
        return
    if found.kind not in ("directory", "file"):
        raise OperationError(f"{path} is a {found.kind}; only files and directories are removed")
    if any(mount.target == path or mount.target.startswith(f"{path}/") for mount in disks.mounts):
        raise OperationError(f"something is mounted in {path}")
    command = ("rm", "-rf", "--one-file-system", "--", path)
    differs(path, None, found.kind)
    yield Script(_REMOVE, "b70-remove", path, within, shown=command)
