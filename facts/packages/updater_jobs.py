"""Jobs that change packages by themselves: lines of schedules, scripts, units; who starts them.

Pure. Must not know how the lines were read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.packages.command_table import Reach
from facts.packages.update_commands import of_schedule
from facts.parts import Line

#: Names that cron reads in its folders, and run-parts(8) in those of cron.
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_FOLDER: Final = re.compile(r"/etc/cron\.(?:d|hourly|daily|weekly|monthly|yearly)/([^/]+)$")
_UNIT: Final = re.compile(r"/([^/]+)\.(?:service|service\.d/[^/]+)$")
_TIMER: Final = re.compile(r"/([^/]+\.timer)$")
_INSTANCE: Final = re.compile(r"@[^.]*")
#: Kinds of units that start a service of their name.
_STARTERS: Final = ("service", "timer", "path", "socket")


@dataclass(frozen=True, slots=True)
class Job:
    """A line that changes packages.

    Args:
        command: program and verb.
        called_by: `path:line` of the job that calls this script; empty for a job itself.
        is_started: a schedule, a boot or a unit that is enabled starts it.
    """

    path: str
    line: int
    command: str
    reach: Reach
    called_by: str
    is_started: bool

    @override
    def __str__(self) -> str:
        called = f" (called by {self.called_by})" if self.called_by else ""
        return f"{self.path}:{self.line}: {self.command}{called}"


def jobs(
    lines: Iterable[Line], callers: Mapping[str, str], starts: Collection[str]
) -> tuple[Job, ...]:
    """Return the jobs that change packages.

    Args:
        lines: of schedules, units and scripts, each with the lines that continue it.
        callers: script -> `path:line` of the job that calls it.
        starts: units that systemd starts by itself.
    """
    read = list(lines)
    timers = {
        line.text.partition("=")[2].strip(): match[1]
        for line in read
        if (match := _TIMER.search(line.path)) and line.text.startswith("Unit=")
    }
    plain = {_INSTANCE.sub("@", name) for name in starts} | set(starts)
    found = []
    for line in read:
        if _TIMER.search(line.path) or not _is_read(line.path):
            continue
        caller = callers.get(line.path, "")
        if update := of_schedule("" if caller else line.path, line.text):
            by = caller.rpartition(":")[0] or line.path
            found.append(
                Job(
                    path=line.path,
                    line=line.number,
                    command=update.command,
                    reach=update.reach,
                    called_by=caller,
                    is_started=_is_read(by) and _is_started(by, timers, plain),
                )
            )
    return tuple(sorted(found, key=lambda job: (bool(job.called_by), job.path, job.line)))


def _is_read(path: str) -> bool:
    """Return True unless cron passes over a file because of its name."""
    match = _FOLDER.search(path)
    return match is None or _NAME.fullmatch(match[1]) is not None


def _is_started(path: str, timers: Mapping[str, str], starts: Collection[str]) -> bool:
    match = _UNIT.search(path) if "/systemd/" in path else None
    if match is None or "/systemd/transient/" in path:
        return True
    stem = match[1]
    names = {f"{stem}.{kind}" for kind in _STARTERS} | {timers.get(f"{stem}.service", "")}
    return bool(names & set(starts))
