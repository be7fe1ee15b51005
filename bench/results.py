"""What a bench found, as plain data: the source of the JSON file and of the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.budget import Cell


@dataclass(frozen=True, slots=True)
class Outcome:
    """One tool in one cell.

    Attributes:
        seconds: wall clock of every run, process start included.
        cpu_s: controller's processor time of the quickest run.
        note: why there is no figure, or what was wrong with the result.
        details: what the tool told of its quickest run (this product only).
    """

    seconds: tuple[float, ...] = ()
    cpu_s: float = 0.0
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def best(self) -> float | None:
        """Return the quickest run's seconds, None without any."""
        return min(self.seconds, default=None)


@dataclass(frozen=True, slots=True)
class Row:
    """All tools in one cell."""

    cell: Cell
    tools: Mapping[str, Outcome]


@dataclass(frozen=True, slots=True)
class Audit:
    """One read-only plan of the fleet beside the floor.

    Attributes:
        site: what was planned: the product's own site, or a workload.
        ssh_s: `ssh HOST true` fanned out to the same hosts.
        plan_s: the plan, inside a running controller.
        process_s: the plan's whole process, Python's start included.
        cpu_s: controller's processor time of the plan alone.
        execs: execs per host.
        probe_cpu_s: processor time of the probe on one host.
    """

    hosts: int
    latency_ms: int
    site: str
    ssh_s: float
    plan_s: float
    process_s: float
    cpu_s: float
    execs: int
    probe_cpu_s: float

    def bound_s(self, cores: int) -> float:
        """Return the target: 1.5 times the floor, and the hosts' own work on shared cores."""
        return 1.5 * self.ssh_s + self.hosts * self.probe_cpu_s / cores


@dataclass(frozen=True, slots=True)
class Simulated:
    """A plan for hosts that answer from a recording: the engine alone, no SSH."""

    hosts: int
    seconds: float
    cpu_s: float


@dataclass(slots=True)
class Results:
    """A whole bench."""

    started: str
    command: str
    machine: Mapping[str, str]
    cores: int
    versions: Mapping[str, str]
    rows: list[Row] = field(default_factory=list)
    audits: list[Audit] = field(default_factory=list)
    simulated: list[Simulated] = field(default_factory=list)
    #: no-op converge of the product's own site: figures of the worker
    site_noop: Mapping[str, Any] = field(default_factory=dict)
    #: what went wrong, or was left out
    notes: list[str] = field(default_factory=list)
    minutes: float = 0.0


def to_json(results: Results) -> str:
    """Return the results as JSON text."""
    return json.dumps(asdict(results), indent=1) + "\n"


def ratio(row: Row, tool: str, base: str = "b70") -> float | None:
    """Return how many times as long a tool took as another in the same cell."""
    one, other = row.tools.get(tool), row.tools.get(base)
    if one is None or other is None or one.best is None or not other.best:
        return None
    return one.best / other.best


def slope_ms(points: Mapping[int, float]) -> float | None:
    """Return milliseconds per host between the smallest and the largest fleet.

    Args:
        points: hosts -> seconds.
    """
    low, high = min(points, default=0), max(points, default=0)
    if low == high:
        return None
    return (points[high] - points[low]) / (high - low) * 1000


def hosts_text(count: int) -> str:
    """Return a number of hosts in words."""
    return "1 host" if count == 1 else f"{count} hosts"
