"""This product as a measured process: one verb over a fleet through its engine, figures as JSON.

    python -m bench.worker (plan|converge) FLEET LEDGER [--workload NAME --root DIR] [--record FILE]
    python -m bench.worker simulate FLEET LEDGER --record FILE --hosts N,N,...

Without a workload the layers are the product's own. A console entry of its own, hence the patching.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402 - everything comes after the patching
import json  # noqa: E402
import time  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from bench.layer import layer  # noqa: E402
from bench.workloads import WORKLOADS  # noqa: E402
from fleet.config import Fleet, load  # noqa: E402
from fleet.host.replay import Recording, replayed, watched  # noqa: E402
from fleet.host.session import Output  # noqa: E402
from fleet.host.ssh import by_ssh  # noqa: E402
from fleet.ledger import Ledger  # noqa: E402
from fleet.model.plan import HostState, RunResult  # noqa: E402
from fleet.run import order  # noqa: E402
from fleet.run.engine import Engine  # noqa: E402


def figures(result: RunResult, seconds: float, cpu_s: float) -> dict[str, Any]:
    """Return what the bench wants to know of a run."""
    return {
        "hosts": len(result.hosts),
        "seconds": seconds,
        "cpu_s": cpu_s,
        "states": sorted({str(host.state) for host in result.hosts}),
        "execs": sorted({host.execs for host in result.hosts}),
        "changed": sum(len(host.changed) for host in result.hosts),
        "resources": max((len(host.resources) for host in result.hosts), default=0),
        "errors": [host.error for host in result.hosts if host.error][:3],
    }


def run(asked: argparse.Namespace) -> dict[str, Any]:
    """Run a verb over the whole fleet."""
    recorded, streams = Recording(), 0

    def seen(program: str, output: Output) -> None:
        nonlocal streams
        recorded.keep(program, output)
        streams += _writes_files(program)

    fleet = load(asked.fleet)
    layers = [layer(WORKLOADS[asked.workload], asked.root)] if asked.workload else None
    engine = Engine(fleet, Ledger.open(asked.ledger), layers=layers, way=watched(by_ssh, seen))
    hosts = list(fleet.hosts.values())
    wall, cpu = time.monotonic(), time.process_time()
    wanted = order.plan() if asked.verb == "plan" else order.converge()
    result = engine.run(hosts, wanted).result
    found = figures(result, time.monotonic() - wall, time.process_time() - cpu)
    if asked.record:
        recorded.save(asked.record)
    return {**found, "streams": streams}


def _writes_files(program: str) -> bool:
    return "<<'B70_END'" in program


def simulate(asked: argparse.Namespace) -> dict[str, Any]:
    """Plan for many hosts that all answer like the recorded one."""
    way = replayed(Recording.load(asked.record))
    real = load(asked.fleet)
    source = next(iter(real.hosts.values()))
    ledger = Ledger.open(asked.ledger)
    keys = ledger.recall(source.name, real.spec_hash(source.name)) or []
    layers = [layer(WORKLOADS[asked.workload], asked.root)] if asked.workload else None
    rows: list[dict[str, Any]] = []
    for count in asked.hosts:
        fleet = _copies(real, count)
        for name in fleet.hosts:
            ledger.remember(name, fleet.spec_hash(name), [str(key) for key in keys])
        engine = Engine(fleet, ledger, layers=layers, way=way)
        wall, cpu = time.monotonic(), time.process_time()
        result = engine.run(list(fleet.hosts.values()), order.plan()).result
        rows.append(figures(result, time.monotonic() - wall, time.process_time() - cpu))
    return {"rows": rows}


def _copies(fleet: Fleet, count: int) -> Fleet:
    source = next(iter(fleet.hosts.values()))
    names = [f"simulated-{number:04d}" for number in range(count)]
    hosts = {name: source.model_copy(update={"name": name}) for name in names}
    return replace(fleet, hosts=hosts)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("plan", "converge", "simulate"))
    parser.add_argument("fleet", type=Path)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--workload", default="")
    parser.add_argument("--root", default="")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--hosts", type=lambda text: [int(n) for n in text.split(",")])
    return parser.parse_args()


def main() -> None:
    """Do what the command line asks; a host that came out badly is an error of the whole run."""
    asked = _asked()
    found = simulate(asked) if asked.verb == "simulate" else run(asked)
    print(json.dumps(found))
    for row in found.get("rows", [found]):
        if strange := {state for state in row["states"] if not HostState(state).good}:
            raise SystemExit(f"{', '.join(sorted(strange))}: {'; '.join(row['errors'])}")


if __name__ == "__main__":
    main()
