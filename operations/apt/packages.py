"""Ordinary packages: there or not, never "latest"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyinfra import host

from facts.packages.apt_sources import AptSources
from facts.reader import read
from facts.value import Unknown
from operations.apt.apt_command import apt_get, command, waiting
from operations.apt.download import LISTS_UNREAD, will_fetch
from operations.apt.package_state import (
    differing,
    package_state,
    say_differing,
    stand_ins,
    targets,
)
from operations.operation import Commands, differs, downloads, operation


@operation()
def packages(
    names: Sequence[str],
    versions: Mapping[str, str] | None = None,
    lock_timeout_s: int = 300,
) -> Commands:
    """Install packages that are missing, or that have another version than the declared one.

    + names: package names, perhaps with `:arch`
    + versions: exact versions of some of them; the others may have any version
    + lock_timeout_s: seconds to wait for another dpkg or apt
    """
    wanted = {name: (versions or {}).get(name, "") for name in names}
    state = package_state()
    found = differing(state, wanted)
    sources = read(AptSources)
    if not found:
        others = stand_ins(state, wanted)
        own = targets((name for name in wanted if state.found(name)), wanted)
        host.noop("installed: " + (", ".join((*own, *others)) or "nothing declared"))
        return
    asks_first = not isinstance(sources, Unknown) and not sources.lists
    if asks_first:
        # a new machine has never asked its mirror
        differs("package lists", "fetched", None)
        yield waiting(apt_get("update", lock_timeout_s=lock_timeout_s), lock_timeout_s)
    flags = ("--allow-downgrades",) if any(wanted[name] for name in found) else ()
    arguments = (*flags, *targets(found, wanted))
    say_differing(found, wanted)
    if asks_first:
        downloads(LISTS_UNREAD)
    else:
        will_fetch(arguments)
    yield command(apt_get("install", *arguments, lock_timeout_s=lock_timeout_s))
