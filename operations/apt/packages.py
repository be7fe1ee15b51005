"""Ordinary packages: there or not, never "latest"."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from pyinfra import host
from pyinfra.api import StringCommand

from facts.packages.apt_sources import AptSources
from facts.reader import read
from facts.value import Unknown
from operations.apt.apt_command import apt_get, command, waiting
from operations.apt.package_state import differing, package_state, targets
from operations.operation import operation


@operation()
def packages(
    names: Sequence[str],
    versions: Mapping[str, str] | None = None,
    lock_timeout_s: int = 300,
) -> Generator[StringCommand, None, None]:
    """Install packages that are missing, or that have another version than the declared one.

    + names: package names
    + versions: exact versions of some of them; the others may have any version
    + lock_timeout_s: seconds to wait for another dpkg or apt
    """
    wanted = {name: (versions or {}).get(name, "") for name in names}
    found = differing(package_state(), wanted)
    sources = read(AptSources)
    if not found:
        host.noop("installed: " + (", ".join(targets(wanted, wanted)) or "nothing declared"))
        return
    if not isinstance(sources, Unknown) and not sources.lists:
        # a new machine has never asked its mirror
        yield waiting(apt_get("update", lock_timeout_s=lock_timeout_s), lock_timeout_s)
    flags = ("--allow-downgrades",) if any(wanted[name] for name in found) else ()
    yield command(
        apt_get("install", *flags, *targets(found, wanted), lock_timeout_s=lock_timeout_s)
    )
