"""The design's targets and what a bench says about each. Pure; judging is all they are for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench.budget import TARGETS
from bench.results import Audit, Results, hosts_text, ratio, slope_ms

#: How many times as long the peers take, at least, without latency.
TIMES: Final = {"ansible": 20.0, "pyinfra": 8.0}
#: Controller's processor time per audited host, in milliseconds.
CPU_MS_PER_HOST: Final = 5.0
#: Growth of the time per host from the smallest to the largest simulated fleet: still linear.
LINEAR: Final = 1.25


@dataclass(frozen=True, slots=True)
class Goal:
    """One target.

    Attributes:
        told: what was measured, in words.
        met: None when nothing was measured.
    """

    text: str
    told: str = "not measured"
    met: bool | None = None


def goals(results: Results) -> Iterator[Goal]:
    """Yield every target in the order of the design."""
    for tool in TIMES:
        for workload, hosts in TARGETS:
            yield _faster(results, tool, workload, hosts)
    yield _exactly("audit: 1 exec per host", [a.execs for a in results.audits], 1)
    yield _at_most(
        "audit: plan within the bound below (1 = all of it used)",
        [a.plan_s / a.bound_s(results.cores) for a in results.audits],
        1,
        "{:.2f}",
    )
    yield _exactly("no-op converge of the whole site: 2 execs", _site_execs(results), 2)
    yield _at_most(
        f"audit: controller's processor time per host below {CPU_MS_PER_HOST:.0f} ms",
        [value for value in (cost_per_host_ms(results.audits),) if value is not None],
        CPU_MS_PER_HOST,
        "{:.1f} ms",
    )
    each = [item.cpu_s / item.hosts for item in results.simulated]
    yield _at_most(
        "linear to 1,000 simulated hosts: growth of the processor time per host",
        [each[-1] / each[0]] if len(each) > 1 else [],
        LINEAR,
        "x{:.2f}",
    )
    yield _exactly("50 changed files: one stream per host", _streams(results), 1)


def cost_per_host_ms(audits: Sequence[Audit]) -> float | None:
    """Return the processor time of one more audited host, SSH included, for the whole site."""
    return slope_ms({a.hosts: a.cpu_s for a in audits if (a.latency_ms, a.site) == (0, "site")})


def _faster(results: Results, tool: str, workload: str, hosts: int) -> Goal:
    text = f"{workload}, {hosts_text(hosts)}: {tool} takes at least {TIMES[tool]:.0f} times as long"
    for row in results.rows:
        here = (row.cell.workload, row.cell.hosts, row.cell.latency_ms)
        times = ratio(row, tool)
        if here == (workload, hosts, 0) and times is not None:
            return Goal(text, f"x{times:.1f}", times >= TIMES[tool])
    return Goal(text)


def _site_execs(results: Results) -> list[int]:
    return [int(execs) for execs in results.site_noop.get("execs", [])]


def _streams(results: Results) -> list[float]:
    return [
        row.tools["b70"].details["streams"] / row.cell.hosts
        for row in results.rows
        if row.cell.workload == "change-50-files"
        and "b70" in row.tools
        and "streams" in row.tools["b70"].details
    ]


def _exactly(text: str, values: Sequence[float], wanted: float) -> Goal:
    if not values:
        return Goal(text)
    told = ", ".join(f"{value:g}" for value in sorted(set(values)))
    return Goal(text, told, all(value == wanted for value in values))


def _at_most(text: str, values: Sequence[float], limit: float, shown: str) -> Goal:
    """Return a goal that the worst value decides."""
    if not values:
        return Goal(text)
    return Goal(text, shown.format(max(values)), max(values) <= limit)
