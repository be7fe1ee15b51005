"""The course of a bench: verify, measure cell after cell, audit, simulate."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.budget import Budget, Cell, cells
from bench.machines import Machines
from bench.measure import Sample, run
from bench.peers import Peers
from bench.proxies import Proxies
from bench.results import Audit, Outcome, Results, Row, Simulated, hosts_text
from bench.tools import KEEPERS, Place, measured, worker
from bench.workloads import changes_files
from fleet.host.replay import Recording

#: Hosts that get the product's whole site: packages for more would outlast all measuring.
SITE_HOSTS: Final = 8
#: Layer that is audited where the whole site is not.
_SMALL: Final = "noop-20"
#: Sizes of the simulated fleets.
SIMULATED: Final = (100, 1000)
#: Seconds until a run that measures nothing against a peer is given up.
_PATIENCE_S: Final = 600.0
#: Part of the expected time by which a run may be late before it is killed.
_LATE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for."""

    hosts: Sequence[int]
    latencies_ms: Sequence[int]
    tools: Sequence[str]
    workloads: Sequence[str]
    minutes: float


class Bench:
    """One bench on prepared machines.

    Args:
        request: what to measure.
        machines: where.
        peers: ansible's environment; None when it was not asked for.
        folder: for everything that is thrown away afterwards.
        results: filled in as figures come.
        say: gets one line per step.
    """

    def __init__(
        self,
        request: Request,
        machines: Machines,
        peers: Peers | None,
        folder: Path,
        results: Results,
        say: Callable[[str], None],
    ) -> None:
        self._request = request
        self._machines = machines
        self._peers = peers
        self._folder = folder
        self._results = results
        self._say = say
        self._proxies = Proxies()
        self._budget = Budget(request.minutes * 60)
        self._started = time.monotonic()
        self._keepers = [tool for tool in KEEPERS if tool in request.tools]

    def run(self) -> None:
        """Measure everything that fits into the time."""
        try:
            self._up(1)
            self._verify()
            for cell in cells(
                self._request.hosts, self._request.latencies_ms, self._request.workloads
            ):
                self._cell(cell)
            if "b70" in self._request.tools:
                self._audits()
        finally:
            self._proxies.close()
            self._results.minutes = (time.monotonic() - self._started) / 60

    def _up(self, count: int) -> None:
        self._machines.up(count)
        self._machines.write_fleet(self._folder / "fleet")

    def _place(self, hosts: int, latency_ms: int) -> Place:
        place = Place(
            targets=self._proxies.way(self._machines.targets(hosts), latency_ms),
            folder=self._folder / f"{hosts}-{latency_ms}",
            fleet=self._folder / "fleet",
            memory=self._folder,
        )
        place.write()
        return place

    def _verify(self) -> None:
        """Let each tool build the small workload's tree from nothing: all must leave the same."""
        place = self._place(1, 0)
        self._machines.empty(self._keepers, _SMALL, 1)
        for tool in self._keepers:
            sample = measured(tool, _SMALL, place, self._peers, _PATIENCE_S)
            if not sample.ok:
                self._note(f"{tool} failed to build {_SMALL}: {sample.said}")
            elif self._machines.wrong(tool, _SMALL, 1):
                self._note(f"{tool} left another tree than the others ({_SMALL}, from nothing)")
            else:
                self._say(f"verified: {tool} builds the same tree ({sample.seconds:.1f} s)")

    def _cell(self, cell: Cell) -> None:
        notes = {
            tool: reason
            for tool in self._request.tools
            if (reason := self._budget.refusal(tool, cell, self._spent_s))
        }
        samples: dict[str, list[Sample]] = {
            tool: [] for tool in self._request.tools if tool not in notes
        }
        if samples:
            self._up(cell.hosts)
            self._measure(cell, samples, notes)
        outcomes = {
            tool: _outcome(samples.get(tool, []), notes.get(tool, ""))
            for tool in self._request.tools
        }
        self._results.rows.append(Row(cell, outcomes))
        self._say(_line(cell, outcomes))

    def _measure(self, cell: Cell, samples: dict[str, list[Sample]], notes: dict[str, str]) -> None:
        """Run the tools in turn until each has its samples; what is wrong goes into the notes."""
        place = self._place(cell.hosts, cell.latency_ms)
        changing = changes_files(cell.workload)
        keepers = [tool for tool in samples if tool in KEEPERS]
        self._machines.plant(keepers, cell.workload, cell.hosts, before=changing)
        before = self._machines.stamps(keepers, cell.workload, cell.hosts)
        while due := [
            tool
            for tool, taken in samples.items()
            if tool not in notes and self._budget.again([sample.seconds for sample in taken])
        ]:
            for tool in due:  # one run of each in turn: a busy minute hits all alike
                if changing and tool in KEEPERS and samples[tool]:
                    self._machines.plant([tool], cell.workload, cell.hosts, before=True)
                sample, note = self._sample(tool, cell, place)
                samples[tool].append(sample)
                if note:
                    notes[tool] = note
        after = self._machines.stamps(keepers, cell.workload, cell.hosts)
        for tool in keepers:
            if not changing and tool not in notes and before[tool] != after[tool]:
                notes[tool] = "touched files"
                self._note(f"{tool} touched files that were as declared at {_name(cell)}")

    def _sample(self, tool: str, cell: Cell, place: Place) -> tuple[Sample, str]:
        """Run a tool once and look at what it left; returns also what was wrong."""
        limit_s = self._budget.longest_s * _LATE
        sample = measured(tool, cell.workload, place, self._peers, limit_s)
        if not sample.ok:
            self._note(f"{tool} failed at {_name(cell)}: {sample.said}")
            return sample, "failed"
        self._budget.learn(tool, cell, sample.seconds)
        if tool in KEEPERS and changes_files(cell.workload):
            wrong = self._machines.wrong(tool, cell.workload, cell.hosts)
            if wrong:
                self._note(f"{tool} left another tree at {_name(cell)} on {', '.join(wrong)}")
                return sample, "left another tree"
        return sample, ""

    def _audits(self) -> None:
        counts = sorted(self._request.hosts)
        on_site = [count for count in counts if count <= SITE_HOSTS] or [1]
        self._up(max(on_site))
        self._say(f"converge the whole site on {hosts_text(max(on_site))} (not measured)")
        place = self._place(max(on_site), 0)
        if not self._worker(place, "converge"):
            return
        self._results.site_noop = self._worker(place, "converge")
        recording = self._folder / "recording.json"
        alone = self._place(1, 0)
        # what a plan remembers decides what the next one asks: the second is the usual one
        for _ in range(2):
            self._worker(alone, "plan", "", "--record", str(recording))
        program = next(iter(Recording.load(recording).programs()), "")
        probe_cpu_s = self._machines.probe_cpu_s(program)
        for count in counts:
            if self._spent_s > self._budget.total_s:
                self._note(f"no time left for the audit of {hosts_text(count)}")
                continue
            self._up(count)
            site = "" if count in on_site else _SMALL
            if site:
                self._machines.plant(["b70"], site, count, before=False)
            for latency_ms in sorted(self._request.latencies_ms):
                self._audit(count, latency_ms, site, probe_cpu_s)
        found = self._worker(
            alone, "simulate", "", "--record", str(recording),
            "--hosts", ",".join(map(str, SIMULATED)),
        )  # fmt: skip
        self._results.simulated = [
            Simulated(row["hosts"], row["seconds"], row["cpu_s"]) for row in found.get("rows", [])
        ]

    def _audit(self, count: int, latency_ms: int, site: str, probe_cpu_s: float) -> None:
        place = self._place(count, latency_ms)
        floor, plans = [], []
        for _ in range(3):
            floor.append(measured("ssh", _SMALL, place, None, _PATIENCE_S).seconds)
            sample = run(worker(place, "plan", site), _PATIENCE_S)
            if not sample.ok:
                self._note(f"audit of {hosts_text(count)} at {latency_ms} ms: {sample.said}")
                return
            plans.append((figures_of(sample), sample.seconds))
        best, process_s = min(plans, key=lambda found: float(found[0]["seconds"]))
        audit = Audit(
            hosts=count,
            latency_ms=latency_ms,
            site=site or "site",
            ssh_s=min(floor),
            plan_s=best["seconds"],
            process_s=process_s,
            cpu_s=best["cpu_s"],
            execs=max(best["execs"]),
            probe_cpu_s=probe_cpu_s,
        )
        self._results.audits.append(audit)
        times = f"plan {audit.plan_s:.2f} s, ssh {audit.ssh_s:.2f} s"
        self._say(f"audit, {hosts_text(count)}, {latency_ms} ms: {times}")

    def _worker(self, place: Place, verb: str, workload: str = "", *more: str) -> dict[str, Any]:
        sample = run(worker(place, verb, workload, *more), _PATIENCE_S)
        if not sample.ok:
            self._note(f"{verb} failed: {sample.said}")
        return figures_of(sample)

    def _note(self, text: str) -> None:
        self._results.notes.append(text)
        self._say(text)

    @property
    def _spent_s(self) -> float:
        return time.monotonic() - self._started


def figures_of(sample: Sample) -> dict[str, Any]:
    """Return the JSON object on the last line that the worker printed, empty when there is none."""
    lines = sample.printed.strip().splitlines()
    if not sample.ok or not lines:
        return {}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _outcome(samples: Sequence[Sample], note: str) -> Outcome:
    good = [sample for sample in samples if sample.ok]
    if not good:
        return Outcome(note=note)
    best = min(good, key=lambda sample: sample.seconds)
    details = figures_of(best) if best.printed.lstrip().startswith("{") else {}
    return Outcome(tuple(sample.seconds for sample in good), best.cpu_s, note, details)


def _name(cell: Cell) -> str:
    return f"{cell.workload}, {hosts_text(cell.hosts)}, {cell.latency_ms} ms"


def _line(cell: Cell, outcomes: dict[str, Outcome]) -> str:
    told = [
        f"{tool} {outcome.note}" if outcome.best is None else f"{tool} {outcome.best:.2f} s"
        for tool, outcome in outcomes.items()
    ]
    return f"{_name(cell)}: {', '.join(told)}"
