"""From the records of a run to one line about it; looks whether its process lives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleet.base.exitcodes import ExitCode
from fleet.base.plain import Plain
from fleet.ledger import process
from fleet.ledger.database import LedgerError
from fleet.ledger.model import RunState, RunSummary


@dataclass(frozen=True, slots=True)
class Step:
    """A record as far as a summary needs it."""

    kind: str
    at: str
    host: str
    body: dict[str, Plain]


def summary(run: str, steps: Iterable[Step]) -> RunSummary:
    """Return how a run stands. A second `begin` is the converge that followed its own plan."""
    command, fleet, started, token = "?", "", "", ""
    hosts: dict[str, str] = {}
    changed: dict[str, int] = {}
    end: dict[str, Plain] | None = None
    for step in steps:
        started = started or step.at
        if step.kind == "begin":
            command, fleet = str(step.body["command"]), str(step.body["fleet"])
            token, end = str(step.body["process"]), None
        elif step.kind == "host":
            hosts[step.host] = str(step.body["state"])
            changed[step.host] = int(str(step.body["changed"]))
        else:
            end = step.body
    return RunSummary(
        run=run,
        command=command,
        fleet=fleet,
        started=started,
        state=_state(end is not None, token),
        hosts=hosts,
        changed=sum(changed.values()),
        seconds=float(str(end["seconds"])) if end else None,
        exit_code=ExitCode(int(str(end["exit_code"]))) if end else None,
    )


def as_object(value: Plain) -> dict[str, Plain]:
    """Return a record's body as the object that it is.

    Raises:
        LedgerError: somebody changed the file.
    """
    if not isinstance(value, dict):
        raise LedgerError("a ledger record is damaged", hint="b70 history verify")
    return value


def _state(finished: bool, token: str) -> RunState:
    if finished:
        return RunState.FINISHED
    return RunState.RUNNING if process.alive(token) else RunState.INTERRUPTED
