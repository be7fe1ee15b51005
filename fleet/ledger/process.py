"""Is the process that began a run still there? Linux only; reads /proc."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def token(pid: int | None = None) -> str:
    """Return `host:pid:start` of a process; the start time tells a reused pid apart.

    Args:
        pid: process id, default this process. An ended process gives an empty start.
    """
    number = os.getpid() if pid is None else pid
    return f"{socket.gethostname()}:{number}:{_start(number)}"


def alive(stored: str) -> bool:
    """Return True if the process of a token still runs on this computer."""
    found = _here(stored)
    return found is not None and _start(found[0]) == found[1]


def ended(stored: str) -> bool:
    """Return True if the process of a token ran on this computer and runs no more."""
    found = _here(stored)
    return found is not None and _start(found[0]) != found[1]


def _here(stored: str) -> tuple[int, str] | None:
    """Return pid and start of a token of this computer; None for any other."""
    host, _, rest = stored.rpartition(":")[0].rpartition(":")
    start = stored.rpartition(":")[2]
    if host != socket.gethostname() or not rest.isdigit() or not start:
        return None
    return int(rest), start


def _start(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # field 22 of proc(5); the command name before it may contain spaces and parentheses
    fields = stat.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""
