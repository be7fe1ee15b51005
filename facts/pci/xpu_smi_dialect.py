"""What differs between the versions of xpu-smi, as data; a version that is not here is UNKNOWN.

1.3 and 2.x are two programs, and minor versions of 2.x drop fields and give other numbers to the
same thing. By the release notes of intel/xpumanager 2.4.0, ids 54 and 55 of `discovery --dump`
became 52 and 53, component 6 of `health` became 4, and `dump` and `--query-gpu` lost ECC and RAS,
since such a read could stall the command; 2.2.0 shows 0.0 for the traffic of a link that is down.
So nothing is asked for by a number, nor by `dump`, `stats` or `--query-gpu` (facts/pci/xpu_smi.sh),
and a key that a version does not print is UNKNOWN.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from facts.value import Unknown

_NUMBERS: Final = re.compile(r"(\d+)\.(\d+)(?:\.|\+|-|$)")


@dataclass(frozen=True, slots=True)
class Dialect:
    """One minor version.

    Attributes:
        state: key of a device's state; None = it has none.
        downgraded: key of the Gen4 fall-back; None = it has none.
        health_needs: Level Zero below which its health report is empty; None = any.
    """

    version: str
    state: str | None = "device_state"
    downgraded: str | None = None
    health_needs: str | None = None


#: 2.3 was never seen.
_KNOWN: Final = {
    dialect.version: dialect
    for dialect in (
        Dialect("1.3", state=None, downgraded="pcie_downgrade_current_state"),
        Dialect("2.0"),
        Dialect("2.1"),
        Dialect("2.2"),
        Dialect("2.4", health_needs="1.33.1"),
    )
}


def dialect_of(version: str) -> Dialect | Unknown:
    """Return the dialect of a reported version such as `2.1.0+26.33.6468cec`."""
    numbers = _NUMBERS.match(version)
    found = _KNOWN.get(f"{numbers[1]}.{numbers[2]}") if numbers else None
    if found is None:
        return Unknown(f"xpu-smi {version} is not known; known are {', '.join(_KNOWN)}")
    return found
