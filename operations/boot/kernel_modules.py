"""A kernel that nobody has booted yet must know the card: its module index is asked first."""

from __future__ import annotations

from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from facts.boot.kernel_files import KernelContents, KernelFiles
from facts.value import Absent, Unknown
from operations.operation import Commands, differs, operation
from operations.require import require
from operations.script import Script

# $1 release
_LOOK: Final = r"""
grep -qiE 'pci:v00008086d0000E223' "/lib/modules/$1/modules.alias" || {
  echo "kernel $1 has no module for 8086:e223: the host must not be rebooted" >&2; exit 1
}
"""


def kernel_contents(release: str) -> KernelContents:
    """Return what a kernel of the current host carries.

    Raises:
        OperationError: it could not be read.
    """
    found: KernelContents | Unknown = host.get_fact(KernelFiles, release=release)
    return require(found, f"what kernel {release} carries")


@operation()
def kernel_modules(release: str) -> Commands:
    """Refuse a kernel whose module index does not name the B70.

    + release: the wanted kernel; one that is not installed yet is looked at when it is
    """
    found = kernel_contents(release)
    known = require(found.knows_b70, f"whether {release} knows the B70")
    if isinstance(known, Absent):
        differs(f"modules of kernel {release}", "one for 8086:e223", None)
        yield Script(_LOOK, "b70-alias", release, shown=("modinfo", "-k", release, "xe"))
        return
    if not known:
        raise OperationError(
            f"kernel {release} has no module for 8086:e223; the host must not be rebooted into it "
            "(Ubuntu: is linux-modules-extra of that release in kernel.extra?)"
        )
    host.noop(f"modules.alias of {release} names 8086:e223")
