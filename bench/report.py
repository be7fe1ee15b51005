"""The results as Markdown, and their place in docs/speed.md. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from bench.goals import goals
from bench.results import Results, Row, hosts_text, ratio
from bench.tools import TOOLS
from bench.workloads import WORKLOADS

BEGIN: Final = "<!-- bench: generated from here, by the command below -->"
END: Final = "<!-- bench: generated up to here -->"


def insert(document: str, generated: str) -> str:
    """Return a document with the part between the markers replaced.

    Raises:
        ValueError: the markers are not there.
    """
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("the document has no place for generated text")
    return f"{head}{BEGIN}\n\n{generated.strip()}\n\n{END}{tail}"


def markdown(results: Results) -> str:
    """Return all tables."""
    parts = [_circumstances(results), "## Targets\n", _goals(results)]
    for workload, resources in WORKLOADS.items():
        rows = [row for row in results.rows if row.cell.workload == workload]
        if rows:
            parts += [f"## `{workload}`: {len(resources)} resources\n", _workload(rows)]
    if results.audits:
        parts += ["## Audit beside the floor\n", _audits(results), _site_noop(results)]
    if results.simulated:
        parts += ["## Growth, simulated\n", _simulated(results)]
    if results.notes:
        parts += ["## Notes of this run\n", "".join(f"- {note}\n" for note in results.notes)]
    return "\n".join(parts)


def _circumstances(results: Results) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    versions = ", ".join(f"{name} {value}" for name, value in results.versions.items())
    tools = "".join(f"- **{name}**: {text}\n" for name, text in TOOLS.items())
    return (
        f"Measured {results.started} in {results.minutes:.0f} minutes by\n\n"
        f"    {results.command}\n\n"
        f"on {machine}; {versions}.\n\n{tools}\n"
        "Seconds are the quickest run's wall clock, the process's start included; (xN): so many\n"
        "times as long as this product; *: a single run. Processor seconds are the controller's.\n"
    )


def _goals(results: Results) -> str:
    words = {True: "yes", False: "**no**", None: "-"}
    lines = [(goal.text, goal.told, words[goal.met]) for goal in goals(results)]
    return table(("target", "measured", "met"), lines)


def _workload(rows: Sequence[Row]) -> str:
    tools = [tool for tool in TOOLS if any(tool in row.tools for row in rows)]
    head = ("hosts", "latency", *tools, *(f"{tool} processor" for tool in tools))
    lines = [
        (
            str(row.cell.hosts),
            f"{row.cell.latency_ms} ms",
            *(_time(row, tool) for tool in tools),
            *(_processor(row, tool) for tool in tools),
        )
        for row in sorted(rows, key=lambda row: row.cell)
    ]
    return table(head, lines)


def _time(row: Row, tool: str) -> str:
    outcome = row.tools.get(tool)
    if outcome is None or outcome.best is None:
        return (outcome.note if outcome else "") or "-"
    shown = f"{outcome.best:.2f}{'*' if len(outcome.seconds) == 1 else ''}"
    times = ratio(row, tool)
    if tool not in ("b70", "ssh") and times is not None:
        shown += f" (x{times:.1f})"
    return f"{shown}, {outcome.note}" if outcome.note else shown


def _processor(row: Row, tool: str) -> str:
    outcome = row.tools.get(tool)
    return "-" if outcome is None or outcome.best is None else f"{outcome.cpu_s:.2f}"


def _audits(results: Results) -> str:
    head = (
        "hosts", "latency", "site", "ssh", "plan", "plan / ssh", "bound", "plan with start",
        "processor per host", "execs",
    )  # fmt: skip
    lines = [
        (
            str(audit.hosts),
            f"{audit.latency_ms} ms",
            audit.site,
            f"{audit.ssh_s:.2f}",
            f"{audit.plan_s:.2f}",
            f"{audit.plan_s / audit.ssh_s:.2f}",
            f"{audit.bound_s(results.cores):.2f}",
            f"{audit.process_s:.2f}",
            f"{audit.cpu_s / audit.hosts * 1000:.1f} ms",
            str(audit.execs),
        )
        for audit in results.audits
    ]
    probe_s = results.audits[0].probe_cpu_s
    return (
        f"{table(head, lines)}\n"
        f"In seconds. The bound is 1.5 x ssh + hosts x {probe_s:.2f} s / {results.cores} cores;\n"
        "the middle figure is the processor time that the site's probe takes on one host.\n"
    )


def _site_noop(results: Results) -> str:
    found = results.site_noop
    if not found:
        return ""
    return (
        f"A converge of the whole site ({found['resources']} resources) that finds nothing to do, "
        f"{hosts_text(found['hosts'])}, 0 ms:\n{found['seconds']:.2f} s, "
        f"{found['cpu_s'] / found['hosts'] * 1000:.1f} ms of processor time and "
        f"{max(found['execs'])} execs per host.\n"
    )


def _simulated(results: Results) -> str:
    lines = [
        (str(item.hosts), f"{item.seconds:.2f} s", f"{item.cpu_s / item.hosts * 1000:.1f} ms")
        for item in results.simulated
    ]
    return (
        f"{table(('hosts', 'plan', 'processor per host'), lines)}\n"
        "These hosts do not exist: each answers with what one real host answered, and there is no\n"
        "SSH. This is the engine's share of an audit of the whole site, and how it grows.\n"
    )


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
