"""Work that dpkg was interrupted in: finished as a resource that the plan shows."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import StringCommand

from operations.apt.apt_command import CONFFILES, ENVIRONMENT, waiting
from operations.apt.package_state import package_state, unconfigured
from operations.operation import operation


@operation()
def dpkg_configured(
    lock_timeout_s: int = 300,
) -> Generator[StringCommand, None, None]:
    """Finish packages that were unpacked but not configured (a power cut, a failed postinst).

    + lock_timeout_s: seconds to wait for another dpkg or apt
    """
    state = package_state()
    if not unconfigured(state) and not state.interrupted:
        host.noop("no package waits to be configured")
        return
    yield waiting((*ENVIRONMENT, "dpkg", *CONFFILES, "--configure", "-a"), lock_timeout_s)
