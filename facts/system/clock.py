"""The host's clock: what it says, whether somebody keeps it, since when the host is up.

Must not know the controller's time: nothing is decided by comparing two clocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.parts import Parts, convert, script
from facts.shelltext import shell_text
from facts.value import Reading

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class Sync:
    """Whether the clock is kept, and who says so."""

    synchronized: bool
    witness: str


@dataclass(frozen=True, slots=True)
class ClockState:
    """The host's time.

    Args:
        epoch_ns: nanoseconds since 1970-01-01 UTC by the host's clock.
        uptime_s: seconds since boot.
        sync: absent in a container, whose clock is its host's.
        timezone: what programs use, such as `Europe/Berlin`, whatever /etc/timezone says.
    """

    epoch_ns: int
    uptime_s: float
    sync: Reading[Sync]
    timezone: Reading[str]

    @property
    def epoch_s(self) -> float:
        """Return seconds since the epoch."""
        return self.epoch_ns / 1e9


class Clock(HostFact[ClockState]):
    """Time, uptime and synchronisation."""

    domain = "clock"
    volatile = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT)

    @override
    def parse(self, text: str) -> ClockState:
        parts = Parts(text)
        seconds, nanoseconds = parts.need("now").split()
        return ClockState(
            epoch_ns=int(seconds) * 1_000_000_000 + int(nanoseconds),
            uptime_s=float(parts.need("uptime").split()[0]),
            sync=convert(parts.reading("sync"), _sync),
            timezone=convert(parts.reading("zone"), _zone),
        )


def _zone(text: str) -> str:
    return text.rpartition("zoneinfo/")[2].removeprefix("posix/")


def _sync(text: str) -> Sync:
    witness, _, answer = text.partition(" ")
    if witness == "chrony":
        # the last field of the tracking report is the leap status
        status = answer.rpartition(",")[2].strip()
        if status not in ("Normal", "Insert second", "Delete second", "Not synchronised"):
            raise ParseError("chronyc gave no leap status")
        return Sync(status != "Not synchronised", witness)
    if answer not in ("yes", "no"):
        raise ParseError(f"{witness} says neither yes nor no")
    return Sync(answer == "yes", witness)
