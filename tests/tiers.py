"""Runs tiers of the tests one after the other and says at the end how long each took.

`python -m tests.tiers unit ssh boot vm` calls `make` with each name. The times stand beside a
calibration of the processor that is measured before each tier, so that two machines, or two days,
can be compared. Durations are printed, never judged.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench import calibration
from bench.calibration import Calibration


@dataclass(frozen=True)
class Tier:
    """One tier that ran.

    Args:
        name: its name, a target of the Makefile.
        seconds: wall clock.
        before: how fast the computer was when it began.
        status: exit status of make.
    """

    name: str
    seconds: float
    before: Calibration
    status: int


def table(tiers: Iterable[Tier]) -> str:
    """Return what is printed at the end; the last figure is in units of the calibration."""
    rows = [("tier", "time", "calibration", "time / calibration", "")]
    found = list(tiers)
    for tier in found:
        ratio = f"{tier.seconds / tier.before.together_s:.0f}"
        said = "" if tier.status == 0 else "failed"
        rows.append((tier.name, clock(tier.seconds), str(tier.before), ratio, said))
    rows.append(("all", clock(sum(tier.seconds for tier in found)), "", "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def clock(seconds: float) -> str:
    """Return seconds as minutes and seconds, such as 8:20."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def run(names: Sequence[str]) -> list[Tier]:
    """Run tiers in order until one fails."""
    done: list[Tier] = []
    for name in names:
        before, begin = calibration.measure(), time.monotonic()
        status = subprocess.run(["make", "--no-print-directory", name], check=False).returncode
        done.append(Tier(name, time.monotonic() - begin, before, status))
        if status:
            break
    return done


def main() -> int:
    """Run what the command line names; return make's status for the last one."""
    done = run(sys.argv[1:])
    print("\n" + table(done), flush=True)
    return done[-1].status


if __name__ == "__main__":
    sys.exit(main())
