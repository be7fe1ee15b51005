"""Every path that the base layer puts on a host; docs/on-the-host.md lists them."""

from __future__ import annotations

from typing import Final

#: First line of every file that we write.
BANNER: Final = (
    "Written by b70fleet; the next converge restores it. Change the declaration instead."
)

FENCE: Final = "/etc/apt/apt.conf.d/99b70fleet-fence"
NEEDRESTART: Final = "/etc/needrestart/conf.d/b70fleet.conf"
LIMITS: Final = "/etc/security/limits.d/90-b70fleet.conf"
#: systemd applies it to every unit whose name begins with "b70-"
UNIT_LIMITS: Final = "/etc/systemd/system/b70-.service.d/90-b70fleet.conf"
JOURNALD: Final = "/etc/systemd/journald.conf.d/50-b70fleet.conf"
JOURNAL: Final = "/var/log/journal"
SYSCTL: Final = "/etc/sysctl.d/90-b70fleet.conf"
