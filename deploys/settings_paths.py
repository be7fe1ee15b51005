"""Every path that the host settings put on a host; docs/on-the-host.md lists them."""

from __future__ import annotations

from typing import Final

TOOLS: Final = "/usr/lib/b70fleet"
KEEP_AWAKE: Final = f"{TOOLS}/keep-awake"
RULE: Final = "/etc/udev/rules.d/60-b70fleet-runtime-pm.rules"
CPUIDLE: Final = f"{TOOLS}/cpuidle"
CPUIDLE_UNIT: Final = "/etc/systemd/system/b70fleet-cpuidle.service"
POWER_CAP: Final = f"{TOOLS}/power-cap"
POWER_CAP_UNIT: Final = "/etc/systemd/system/b70fleet-power-cap.service"
