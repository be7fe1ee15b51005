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

#: Seconds that a lock outlives the last command of its owner: the longest command plus a margin.
LEASE_S: Final = 1_200

#: Exit statuses of the texts below.
LOCKED: Final = 95
IDENTITY: Final = 96
FENCED: Final = 97
NO_STATE_DIR: Final = 98

_NOW: Final = (
    "read -r up _ </proc/uptime; now=${up%%.*}; read -r boot </proc/sys/kernel/random/boot_id"
)


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
    return f"""{_NOW}
if [ -f {LOCK} ]; then
  {{ read -r run; read -r who; read -r lboot; read -r since; }} <{LOCK}
  until=0; [ ! -f {LEASE} ] || read -r until <{LEASE}
  if [ "$lboot" = "$boot" ] && [ "$now" -lt "$until" ]; then
    printf 'held\\t%s\\t%s\\t%s\\t%s\\n' "$run" "$who" $((now-since)) $((until-now))
  fi
fi"""


def acquire(run: str, who: str) -> str:
    """Return text that takes the lock, prints `fence N`, and journals the start.

    A lock of an earlier boot or with an expired lease is taken over; its owner is fenced off by the
    token. Ends with LOCKED and the owner's line when the lock is alive, with NO_STATE_DIR when
    nothing can be written.
    """
    entry = _journal({"event": "start", "run": run, "who": who})
    # the directory is flushed behind the renames: a fence that went back would let an old owner in
    return f"""umask 022
mkdir -p {STATE} && : >>{MUTEX} || exit {NO_STATE_DIR}
exec 9>>{MUTEX}
flock -w 10 9 || exit {LOCKED}
held=$(
{peek()}
)
[ -z "$held" ] || {{ printf '%s\\n' "$held"; exit {LOCKED}; }}
{_NOW}
fence=0; [ ! -f {FENCE} ] || read -r fence <{FENCE}
fence=$((fence+1))
echo $((now+{LEASE_S})) >{LEASE} &&
printf '%s\\n' {shlex.quote(run)} {shlex.quote(who)} "$boot" "$now" >{INCOMPLETE}lock &&
echo $fence >{INCOMPLETE}fence && sync {INCOMPLETE}lock {INCOMPLETE}fence &&
mv -f {INCOMPLETE}fence {FENCE} && mv -f {INCOMPLETE}lock {LOCK} && sync {STATE} ||
exit {NO_STATE_DIR}
{entry}
echo "fence $fence\""""


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
    mark = ""
    if certificate:
        mark = (
            f"[ -e {PRODUCTION} ] || printf '%s\\n' {shlex.quote(run)} "
            f'"$(date -u +%Y-%m-%dT%H:%M:%SZ)" >{PRODUCTION}'
        )
    entry = _journal({"event": "end", "run": run, "outcome": outcome, "certificate": certificate})
    return f"""exec 9>>{MUTEX}
flock -w 10 9 || exit {LOCKED}
read -r f <{FENCE}; [ "$f" = {fence} ] || exit {FENCED}
{entry}
{mark}
rm -f {LOCK} {LEASE}"""


def unlock(run: str, reason: str, who: str) -> str:
    """Return text that removes the lock of one run, and journals who asked for it and why."""
    entry = _journal({"event": "unlock", "run": run, "who": who, "reason": reason})
    return f"""exec 9>>{MUTEX}
flock -w 10 9 || exit {LOCKED}
[ -f {LOCK} ] || {{ echo none; exit 0; }}
read -r held <{LOCK}
[ "$held" = {shlex.quote(run)} ] || {{ echo "$held"; exit {LOCKED}; }}
fence=0; read -r fence <{FENCE}
echo $((fence+1)) >{INCOMPLETE}fence && sync {INCOMPLETE}fence && mv -f {INCOMPLETE}fence {FENCE}
sync {STATE}
{entry}
rm -f {LOCK} {LEASE}
echo removed"""


def parse_owner(lines: list[str]) -> Owner | None:
    """Read the line that `peek` and `acquire` print for a live lock."""
    for line in lines:
        parts = line.split("\t")
        if parts[0] == "held" and len(parts) == 5:
            return Owner(parts[1], parts[2], int(parts[3]), int(parts[4]))
    return None


def _journal(entry: dict[str, str]) -> str:
    """Return text that appends one JSON line with the host's own time."""
    body = json.dumps(entry, sort_keys=True)[1:-1]
    return (
        f'printf \'{{"at": "%s", %s}}\\n\' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '
        f"{shlex.quote(body)} >>{JOURNAL}"
    )
