"""`python -m bench`: measures on lab machines, prints tables, writes docs/speed.{md,json}."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bench import peers, report
from bench.bench import Bench, Request
from bench.machines import Machines
from bench.results import Results, to_json
from bench.tools import TOOLS
from bench.workloads import WORKLOADS
from lab.lab import Lab

_DOCUMENT = peers.CHECKOUT / "docs" / "speed.md"
#: What `--quick` measures: enough to see that nothing is broken, in about two minutes.
_QUICK = {"hosts": "1", "latency": "0,20", "workloads": "noop-20,change-50-files", "minutes": "3"}

app = typer.Typer(add_completion=False)


@app.command()
def main(
    hosts: Annotated[str, typer.Option(help="numbers of hosts")] = "1,8,32,64",
    latency: Annotated[str, typer.Option(help="added round-trip times, in ms")] = "0,20",
    tools: Annotated[str, typer.Option(help="what to compare")] = ",".join(TOOLS),
    workloads: Annotated[str, typer.Option(help="resources")] = ",".join(WORKLOADS),
    minutes: Annotated[float, typer.Option(help="time that all of it may take")] = 25,
    quick: Annotated[bool, typer.Option("--quick", help="one host, two workloads")] = False,
    write: Annotated[bool, typer.Option(help="update docs/speed.md and docs/speed.json")] = True,
    environment: Annotated[
        Path, typer.Option(help="virtual environment of ansible and mitogen, made when missing")
    ] = peers.FOLDER,
) -> None:
    """Compare speed on the same lab hosts and the same resources, as ratios from one run."""
    if quick:
        hosts, latency, workloads = _QUICK["hosts"], _QUICK["latency"], _QUICK["workloads"]
        minutes = float(_QUICK["minutes"])
    request = Request(
        hosts=_numbers(hosts, "--hosts"),
        latencies_ms=_numbers(latency, "--latency"),
        tools=_known(tools, TOOLS, "--tools"),
        workloads=_known(workloads, WORKLOADS, "--workloads"),
        minutes=minutes,
    )
    needed = {"ansible", "mitogen"} & set(request.tools)
    found = peers.ensure(environment) if needed else None
    results = Results(
        started=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command=shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        machine=_machine(),
        cores=os.cpu_count() or 1,
        versions=peers.versions(peers.LOCK.read_text()),
    )
    results.notes.append(f"load average when it began: {_load()}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both clean up behind themselves
    machines = Machines(Lab.open(say=_say))
    folder = Path(tempfile.mkdtemp(prefix="b70bench-"))
    try:
        Bench(request, machines, found, folder, results, _say).run()
    except KeyboardInterrupt:
        results.notes.append("interrupted: the rest was not measured")
    finally:
        results.notes.append(f"load average when it ended: {_load()}")
        machines.down()
        shutil.rmtree(folder)
    text = report.markdown(results)
    print(text)
    if write:
        _DOCUMENT.write_text(report.insert(_DOCUMENT.read_text(), text))
        _DOCUMENT.with_suffix(".json").write_text(to_json(results))


def _numbers(text: str, option: str) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words):
        raise typer.BadParameter(f"{text!r} is no list of numbers", param_hint=option)
    return [int(word) for word in words]


def _known(text: str, names: Iterable[str], option: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    strange = [word for word in words if word not in names]
    if strange:
        raise typer.BadParameter(f"{strange[0]!r}: known are {', '.join(names)}", param_hint=option)
    return words


def _machine() -> dict[str, str]:
    return {
        "kernel": platform.release().partition("-")[0],
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
    }


def _load() -> str:
    return ", ".join(f"{value:.1f}" for value in os.getloadavg())


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    app()
