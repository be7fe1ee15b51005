"""A host's standing with this tool: new, or in production since its first certificate.

From the first certificate on, boot-set changes go through a rollout; the truth lies on the host, so
that every controller sees the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.value import ABSENT, Reading

#: Written once, together with the first certificate: run id, then the time on the host's clock.
MARK: Final = "/var/lib/b70fleet/production"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a host stands.

    Attributes:
        production_run: run that gave the host its first certificate; ABSENT on a new host.
        since: ISO time of that, on the host's clock.
    """

    production_run: Reading[str]
    since: Reading[str]


class HostStanding(HostFact[Standing]):
    """Whether a host is in production."""

    domain: ClassVar[str] = "standing"

    @override
    def script(self, probe_root: str = "") -> str:
        return f"if [ -e {MARK} ]; then cat {MARK}; else echo new; fi"

    @override
    def parse(self, text: str) -> Standing:
        if text == "new":
            return Standing(ABSENT, ABSENT)
        lines = text.split("\n")
        if len(lines) < 2 or not lines[0].strip():
            raise ParseError(f"{MARK} is damaged")
        return Standing(lines[0].strip(), lines[1].strip())
