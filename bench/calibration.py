"""How fast this computer is right now: the seconds of a fixed piece of work.

A duration means little without it: other machines, and other work on the same machine, take twice
as long for the same test. Figures of two runs are compared by dividing each by its calibration.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

#: Rounds of the work: about half a second on a core of 2024.
_ROUNDS: Final = 60
_BLOCK: Final = bytes(range(256)) * 4096
_KEYS: Final = 4000


@dataclass(frozen=True, slots=True)
class Calibration:
    """Seconds that the fixed work takes.

    Args:
        alone_s: on one core, wall clock.
        together_s: on every core at once, wall clock until the last is done.
        cores: how many that are.
    """

    alone_s: float
    together_s: float
    cores: int

    @override
    def __str__(self) -> str:
        return f"{self.alone_s:.2f} s alone, {self.together_s:.2f} s on {self.cores} cores at once"


def work(rounds: int = _ROUNDS) -> int:
    """Do the fixed work: hashing, and what an interpreter does all day; return a checksum."""
    total = 0
    for number in range(rounds):
        total ^= hashlib.sha256(_BLOCK).digest()[0]
        names = {f"key-{number}-{key}": key for key in range(_KEYS)}
        total ^= sum(len(name) for name in sorted(names)) & 255
    return total


def measure() -> Calibration:
    """Do the work alone, then once on every core at the same time."""
    cores = len(os.sched_getaffinity(0))
    return Calibration(_run(1), _run(cores), cores)


def _run(processes: int) -> float:
    """Return the seconds from the first process's start of the work to the last one's end."""
    words = [sys.executable, "-m", "bench.calibration"]
    begin = time.monotonic()
    running = [subprocess.Popen(words) for _ in range(processes)]
    for process in running:
        if process.wait():
            raise RuntimeError(f"the calibration ended with {process.returncode}")
    return time.monotonic() - begin


if __name__ == "__main__":
    work()
