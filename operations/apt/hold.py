"""Holds: a package that is on hold changes only when this tool changes it."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra import host

from operations.apt.apt_command import waiting
from operations.apt.package_state import package_state
from operations.operation import Commands, differs, operation


@operation()
def hold(packages: Sequence[str], lock_timeout_s: int = 300) -> Commands:
    """Put the installed ones of some packages on hold; other holds are nobody's business here.

    + packages: package names; one that is not installed is held when it is
    + lock_timeout_s: seconds to wait for another dpkg or apt
    """
    state = package_state()
    there = sorted(name for name in packages if name in state.installed)
    missing = [name for name in there if name not in state.holds]
    if not missing:
        host.noop("on hold: " + (", ".join(there) or "nothing installed yet"))
        return
    for name in missing:
        differs(f"hold {name}", "on hold", "not on hold")
    yield waiting(("apt-mark", "hold", *missing), lock_timeout_s)
