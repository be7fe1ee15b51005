"""Runs one measured command and takes its time: wall clock and processor time."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Characters of a complaint.
_SAID: Final = 600


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured run.

    Attributes:
        seconds: wall clock, process start included.
        cpu_s: user and system time here, of the process and the children it waited for.
        ok: it ended by itself with status 0.
        said: the end of its output, for the report of a failure.
        printed: its whole standard output.
    """

    seconds: float
    cpu_s: float
    ok: bool
    said: str = ""
    printed: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run."""

    words: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


def run(command: Command, limit_s: float) -> Sample:
    """Run a command in a process group of its own and measure it.

    Args:
        limit_s: seconds after which it is killed with its children.
    """
    out, err = command.folder / "stdout", command.folder / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        started = time.monotonic()
        process = subprocess.Popen(
            # ends the whole group; its own cost is one exec
            ["timeout", "--signal=KILL", str(limit_s), *command.words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **command.environment},
            cwd=command.folder,
            start_new_session=True,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    printed = out.read_text(errors="replace")
    said = complaint(f"{printed}\n{err.read_text(errors='replace')}")
    return Sample(seconds, usage.ru_utime + usage.ru_stime, process.returncode == 0, said, printed)


def complaint(said: str) -> str:
    """Return the part of a program's output that says why it failed: at most some 600 characters.

    Ansible names a failed host in the middle of its output, others complain last.
    """
    lines = [line for line in said.splitlines() if line.startswith(("fatal:", "failed:"))]
    return lines[0][:_SAID] if lines else said.strip()[-_SAID:]


def fan_out(commands: Sequence[Sequence[str]], limit_s: float) -> Sample:
    """Start all commands at once and measure until the last one ended."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    processes = [
        subprocess.Popen(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for words in commands
    ]
    bad = 0
    for process in processes:
        try:
            bad += process.wait(max(0.1, limit_s - (time.monotonic() - started))) != 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            bad += 1
    seconds = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Sample(seconds, cpu_s, not bad, f"{bad} of {len(commands)} failed" if bad else "")
