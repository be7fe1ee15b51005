"""apt's package lists: fetched when a source or the wanted packages changed, or a list is missing.

The time of a list says nothing (apt gives it the server's Last-Modified), so the last update leaves
a mark that says what it was done for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pyinfra import host
from pyinfra.api import StringCommand

from declaration.onhost import APT_LISTS
from facts.packages.apt_sources import AptSources
from facts.reader import read
from operations.apt.apt_command import apt_get, waiting
from operations.apt.apt_repository import Repository, unread
from operations.files.filewrite import FileWrite
from operations.operation import Commands, differs, operation
from operations.require import path_state, require


@operation()
def apt_lists(
    purpose: str,
    repositories: Sequence[Repository] = (),
    lock_timeout_s: int = 300,
) -> Commands:
    """Fetch apt's lists when they are not for this purpose yet.

    Any index that cannot be fetched or does not have its promised hash is an error here, where
    plain `apt-get update` would warn and succeed; apt's message names the address.

    + purpose: digest of the sources and of what is wanted from them
    + repositories: whose lists must be there
    + lock_timeout_s: seconds to wait for another dpkg or apt
    """
    mark = path_state(APT_LISTS)
    missing = unread(require(read(AptSources), "state of apt's lists"), repositories)
    content = f"{purpose}\n".encode()
    current = mark is not None and mark.sha256 == hashlib.sha256(content).hexdigest()
    if current and not missing:
        host.noop("lists are there and were fetched for these sources")
        return
    if not current:
        seen = "never fetched for them" if mark is None else "fetched for other sources or packages"
        differs("package lists", "fetched for the declared sources", seen)
    for stem in missing if current else ():
        differs(f"package list {stem}", "fetched", None)
    update = apt_get("update", "--error-on=any", lock_timeout_s=lock_timeout_s)
    yield waiting(update, lock_timeout_s)
    # apt leaves them in memory: after a power cut the mark would stand for lists that are gone
    yield StringCommand("sync", "-f", "/var/lib/apt/lists")
    yield FileWrite(APT_LISTS, content, mode="0644", user="root", group="root")
