"""Starts the delay proxy as a process of its own, one per latency and list of hosts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench.peers import CHECKOUT
from bench.targets import Target, through


@dataclass(frozen=True, slots=True)
class _Running:
    process: subprocess.Popen[str]
    ports: list[int]


class Proxies:
    """All proxies of a bench."""

    def __init__(self) -> None:
        self._running: dict[tuple[int, int], _Running] = {}

    def way(self, targets: Sequence[Target], latency_ms: int) -> list[Target]:
        """Return the targets with this much added round-trip time; with none they are unchanged."""
        if not latency_ms:
            return list(targets)
        key = (len(targets), latency_ms)
        if key not in self._running:
            self._running[key] = _start(targets, latency_ms)
        return through(targets, self._running[key].ports)

    def close(self) -> None:
        """End every proxy."""
        for running in self._running.values():
            running.process.communicate(timeout=30)
        self._running.clear()


def _start(targets: Sequence[Target], latency_ms: int) -> _Running:
    words = [sys.executable, "-m", "bench.delayproxy", str(latency_ms)]
    words += [f"{target.address}:{target.port}" for target in targets]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    )
    line = process.stdout.readline() if process.stdout else ""
    return _Running(process, json.loads(line))
