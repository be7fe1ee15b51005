"""Holds: a package that is on hold changes only when this tool changes it.

A hold on a name that is not installed succeeds and protects nothing: on a host with an HWE kernel
`linux-generic` is such a name. So a name of the kernel's must be there, or stand for what is there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from gates.kernel_packages import alike, belongs, resolved
from operations.apt.apt_command import waiting
from operations.apt.package_state import package_state
from operations.operation import Commands, differs, operation


@operation()
def hold(
    packages: Sequence[str],
    kernels: Sequence[str] = (),
    installs: Sequence[str] = (),
    lock_timeout_s: int = 300,
) -> Commands:
    """Put the installed ones of some packages on hold; other holds are nobody's business here.

    + packages: names, or globs (`linux-generic*`) that stand for every installed name they match
    + kernels: regular expressions of packages that no dependency brings by the way: one of these
      that is not installed is refused, since holding it would protect nothing
    + installs: packages that the site installs: they are held once they are there
    + lock_timeout_s: seconds to wait for another dpkg or apt
    """
    state = package_state()
    meant = resolved(packages, state.installed)
    for name, found in meant.items():
        if not found and name not in installs and belongs(name, kernels):
            raise OperationError(useless(name, state.installed))
    there = sorted({each for found in meant.values() for each in found})
    missing = [name for name in there if name not in state.holds]
    if not missing:
        host.noop("on hold: " + (", ".join(there) or "nothing installed yet"))
        return
    for name in missing:
        differs(f"hold {name}", "on hold", "not on hold")
    yield waiting(("apt-mark", "hold", *missing), lock_timeout_s)


def useless(name: str, installed: Collection[str]) -> str:
    """Return the sentence that refuses a hold, with what may be meant. Pure."""
    meant = ", ".join(alike(name, installed))
    text = f"{name} is not installed: a hold on it would protect nothing"
    return f"{text}; installed is {meant}" if meant else text
