"""`b70 unlock HOST`: remove the lock of a run that is dead."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from fleet.base.errors import ConfigError
from fleet.cli import context
from fleet.cli.options import Host
from fleet.cli.settings import current

EXAMPLES: Final = (
    (
        'b70 unlock rig-a --lock 20250131T081500Z-1f2e --reason "laptop died"',
        "the id stands in the refusal",
    ),
)

Lock = Annotated[
    str, typer.Option("--lock", metavar="ID", help="Id of the lock, as the refusal showed it.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded.")]


def unlock(host: Host, lock: Lock, reason: Reason) -> None:
    """Remove the lock that a dead run left on a host.

    The id must be that of the lock which is there, so that somebody else's lock is never removed by
    mistake. Who removed it and why goes into the ledger and the host's journal. A run that is still
    alive is fenced off: it stops before its next change.
    """
    from fleet.run import order

    if not reason.strip():
        raise ConfigError("--reason is empty: say why the lock is removed")
    fleet = context.load_fleet()
    spec = fleet.host(host)
    ledger = context.open_ledger(fleet)
    ledger.note("unlock", current().run.id, host, {"lock": lock, "reason": reason})
    wanted = order.unlock(lock, reason)
    (visit,) = context.make_engine(fleet).run([spec], wanted).visits
    if visit.error is not None:
        raise visit.error
    sys.stdout.write(f"{host}: {visit.said}\n")
