"""Work that dpkg was interrupted in: finished as a resource that the plan shows."""

from __future__ import annotations

from pyinfra import host

from operations.apt.apt_command import CONFFILES, ENVIRONMENT, waiting
from operations.apt.package_state import package_state, unconfigured
from operations.operation import Commands, differs, operation


@operation()
def dpkg_configured(lock_timeout_s: int = 300) -> Commands:
    """Finish packages that were unpacked but not configured (a power cut, a failed postinst).

    + lock_timeout_s: seconds to wait for another dpkg or apt
    """
    state = package_state()
    waits = unconfigured(state)
    if not waits and not state.interrupted:
        host.noop("no package waits to be configured")
        return
    for name in waits:
        differs(f"package {name}", "installed", state.installed[name].status)
    if state.interrupted:
        differs("dpkg's last run", "finished", "interrupted")
    yield waiting((*ENVIRONMENT, "dpkg", *CONFFILES, "--configure", "-a"), lock_timeout_s)
