"""The shell text that guards a host: identity, lock with owner and fencing token, journal.

Pure text. All clocks are the host's own (seconds since its boot, bound to its boot_id), so skew
between machines decides nothing. Nothing here deletes a lock that is alive.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Final

from declaration.onhost import FENCE, INCOMPLETE, JOURNAL, LEASE, LOCK, MUTEX, PRODUCTION, STATE
from facts.shelltext import shell_text, shell_variables

#: Seconds that a lock outlives the last command of its owner: the longest command plus a margin.
LEASE_S: Final = 1_200

#: Exit statuses of the texts below.
LOCKED: Final = 95
IDENTITY: Final = 96
FENCED: Final = 97
NO_STATE_DIR: Final = 98

#: The shell functions; the exit statuses and the paths are set in front of them.
_TEXT: Final = shell_variables(
    state_folder=STATE,
    lock_file=LOCK,
    new_lock_file=f"{INCOMPLETE}lock",
    lease_file=LEASE,
    lease_s=LEASE_S,
    fence_file=FENCE,
    new_fence_file=f"{INCOMPLETE}fence",
    mutex_file=MUTEX,
    journal_file=JOURNAL,
    production_file=PRODUCTION,
    locked=LOCKED,
    fenced=FENCED,
    no_state_dir=NO_STATE_DIR,
) + shell_text(__file__)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock, as the host tells it."""

    run: str
    who: str
    age_s: int
    left_s: int


def identify(machine_id: str) -> str:
    """Return text that ends with IDENTITY unless the machine is the pinned one."""
    if not machine_id:
        return ":"
    return (
        "read -r id </etc/machine-id || id=unreadable\n"
        f'[ "$id" = {shlex.quote(machine_id)} ] || {{ echo "$id"; exit {IDENTITY}; }}'
    )


def peek() -> str:
    """Return text that prints the lock's owner when a live lock exists; writes nothing."""
    return _call("peek")


def acquire(run: str, who: str) -> str:
    """Return text that takes the lock, prints `fence N`, and journals the start.

    A lock of an earlier boot or with an expired lease is taken over; its owner is fenced off by the
    token. Ends with LOCKED and the owner's line when the lock is alive, with NO_STATE_DIR when
    nothing can be written.
    """
    entry = _entry({"event": "start", "run": run, "who": who})
    return _call("acquire", run, who, entry)


def guard(fence: int, command_s: float = 0) -> str:
    """Return the line before every mutation.

    A fenced-off controller does nothing; a live one renews its lease for the command.
    """
    lease = max(LEASE_S, int(command_s) + 60)
    return (
        f'read -r b70_f <{FENCE}; [ "$b70_f" = {fence} ] || exit {FENCED}; '
        "read -r b70_u _ </proc/uptime; "
        f"echo $((${{b70_u%%.*}}+{lease})) >{LEASE}; "
    )


def release(run: str, fence: int, outcome: str, certificate: str) -> str:
    """Return text that journals the end and gives the lock back, if it is still ours.

    The first certificate puts the host in production.
    """
    entry = _entry({"event": "end", "run": run, "outcome": outcome, "certificate": certificate})
    return _call("release", str(fence), entry, run if certificate else "")


def unlock(run: str, reason: str, who: str) -> str:
    """Return text that removes the lock of one run, and journals who asked for it and why."""
    entry = _entry({"event": "unlock", "run": run, "who": who, "reason": reason})
    return _call("unlock", run, entry)


def parse_owner(lines: list[str]) -> Owner | None:
    """Read the line that `peek` and `acquire` print for a live lock."""
    for line in lines:
        parts = line.split("\t")
        if parts[0] == "held" and len(parts) == 5:
            return Owner(parts[1], parts[2], int(parts[3]), int(parts[4]))
    return None


def _call(*words: str) -> str:
    """Return the text that calls one of the shell functions."""
    return _TEXT + shlex.join(words)


def _entry(entry: dict[str, str]) -> str:
    """Return the members of a JSON object; the host adds its own time."""
    return json.dumps(entry, sort_keys=True)[1:-1]
