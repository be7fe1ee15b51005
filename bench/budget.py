"""Which cells are measured, how often, and what is left out when time is short. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.workloads import WORKLOADS

#: Samples of one tool in one cell, at most; the smallest counts.
SAMPLES: Final = 3
#: Seconds that a tool may use in one cell before its next sample is left out.
CELL_S: Final = 15.0
#: Seconds of the longest single run that is still waited for.
LONGEST_S: Final = 300.0
#: Tools that set the scale. They may begin a run until this part of the time is gone; what is left
#: is for the audits.
QUICK: Final = frozenset({"ssh", "b70"})
QUICK_UNTIL: Final = 0.8
#: The same for the others: the quick tools of later cells need the rest.
OTHERS_UNTIL: Final = 0.7
#: Cells that the design has targets for: workload, hosts.
TARGETS: Final = (("noop-100", 1), ("noop-100", 8), ("noop-20", 32))


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One row of the table: hosts, latency and workload."""

    hosts: int
    latency_ms: int
    workload: str

    @property
    def work(self) -> int:
        """Return resources times hosts, what a run's time grows with."""
        return self.hosts * len(WORKLOADS[self.workload])


def cells(
    hosts: Iterable[int], latencies_ms: Iterable[int], workloads: Sequence[str]
) -> list[Cell]:
    """Return all cells in the order of measuring: the dearest are left out when time is short.

    Single hosts and the design's targets come first, then the rest by the work that is in them.
    """
    found = [
        Cell(count, latency_ms, workload)
        for count in set(hosts)
        for latency_ms in set(latencies_ms)
        for workload in workloads
    ]
    return sorted(
        found, key=lambda cell: (not _first(cell), cell.work, cell.latency_ms, cell.workload)
    )


def _first(cell: Cell) -> bool:
    return cell.hosts == 1 or (cell.latency_ms == 0 and (cell.workload, cell.hosts) in TARGETS)


def expected_s(known: Mapping[Cell, float], cell: Cell) -> float:
    """Return an upper estimate of a run's seconds from the cells measured so far; 0 without any.

    Time is taken to grow with hosts and with resources, and with nothing to shrink.
    """
    return min(
        (
            seconds
            * max(1.0, cell.hosts / other.hosts)
            * max(1.0, len(WORKLOADS[cell.workload]) / len(WORKLOADS[other.workload]))
            for other, seconds in known.items()
            if other.latency_ms == cell.latency_ms or not _same_latency(known, cell)
        ),
        default=0.0,
    )


def _same_latency(known: Mapping[Cell, float], cell: Cell) -> bool:
    return any(other.latency_ms == cell.latency_ms for other in known)


@dataclass(slots=True)
class Budget:
    """The time that a whole bench may take.

    Args:
        total_s: seconds.
        longest_s: seconds of the longest run that is waited for.
    """

    total_s: float
    longest_s: float = LONGEST_S
    #: tool -> cell -> seconds of its quickest run
    known: dict[str, dict[Cell, float]] = field(default_factory=dict)

    def refusal(self, tool: str, cell: Cell, spent_s: float) -> str:
        """Return why a tool is not run in a cell, or an empty string.

        Args:
            spent_s: seconds since the bench began.
        """
        expected = expected_s(self.known.get(tool, {}), cell)
        if expected > self.longest_s:
            return f"not run: about {expected:.0f} s"
        until = QUICK_UNTIL if tool in QUICK else OTHERS_UNTIL
        if spent_s + expected > self.total_s * until:
            return f"no time left: about {expected:.0f} s"
        return ""

    def again(self, taken_s: Sequence[float]) -> bool:
        """Return True if a tool is run once more in a cell, after these runs."""
        return len(taken_s) < SAMPLES and sum(taken_s) + max(taken_s, default=0.0) <= CELL_S

    def learn(self, tool: str, cell: Cell, seconds: float) -> None:
        """Remember a measured run for later estimates."""
        known = self.known.setdefault(tool, {})
        known[cell] = min(seconds, known.get(cell, seconds))
