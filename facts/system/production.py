"""The production mark: a host is new until its first certificate, in production from then on.

From the first certificate on, boot-set changes go through a rollout; the truth lies on the host, so
that every controller sees the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from declaration.onhost import PRODUCTION
from facts.base import HostFact, ParseError
from facts.value import ABSENT, Reading


@dataclass(frozen=True, slots=True)
class Production:
    """What the mark says.

    Attributes:
        production_run: run that gave the host its first certificate; ABSENT on a new host.
        since: ISO time of that, on the host's clock.
    """

    production_run: Reading[str]
    since: Reading[str]


class ProductionMark(HostFact[Production]):
    """The mark of a host in production."""

    domain: ClassVar[str] = "production"

    @override
    def script(self, probe_root: str = "") -> str:
        return f"if [ -e {PRODUCTION} ]; then cat {PRODUCTION}; else echo new; fi"

    @override
    def parse(self, text: str) -> Production:
        if text == "new":
            return Production(ABSENT, ABSENT)
        lines = text.split("\n")
        if len(lines) < 2 or not lines[0].strip():
            raise ParseError(f"{PRODUCTION} is damaged")
        return Production(lines[0].strip(), lines[1].strip())
