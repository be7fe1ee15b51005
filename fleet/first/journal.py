"""A bootstrap in the ledger: there before the host is spoken to, whatever ends it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from fleet.base.errors import FleetError, Interrupted
from fleet.base.run import Run
from fleet.ledger import Ledger
from fleet.model.plan import HostResult, HostState, RunResult
from fleet.run.ending import fail
from fleet.run.hosterrors import Aborted

#: What the ledger calls the run.
COMMAND = "bootstrap"


@dataclass(slots=True)
class Journal:
    """Keeps one host's record up to date."""

    ledger: Ledger
    run: Run
    result: HostResult
    again: str
    #: something may be on the host of which this process does not know
    is_open: bool = False

    @classmethod
    @contextmanager
    def of(cls, ledger: Ledger, run: Run, fleet: str, host: str, again: str) -> Iterator[Journal]:
        """Record a bootstrap from its beginning to whatever ends it.

        Args:
            again: the command that goes on where this one ended.

        Raises:
            Interrupted: in the place of KeyboardInterrupt, with what was being done.
        """
        started = time.monotonic()
        journal = cls(ledger, run, HostResult(host=host, state=HostState.NOT_STARTED), again)
        ledger.begin(run.id, COMMAND, fleet)
        journal._ended(HostState.NOT_STARTED, "nothing was changed there yet")
        try:
            yield journal
            journal._done()
        except FleetError as error:
            result = journal.result = HostResult(
                host=host, state=HostState.FAILED, changed=journal.result.changed
            )
            fail(result, error)
            if journal.is_open:
                result.state = HostState.UNCERTAIN
            raise
        except KeyboardInterrupt:
            result = journal.result
            if journal.is_open:
                journal._ended(HostState.UNCERTAIN, "interrupted while the account was made")
            else:
                journal._ended(result.state, "interrupted; nothing is half made there")
            raise Interrupted(journal.result.error, journal.result.hint) from None
        finally:
            journal.result.seconds = round(time.monotonic() - started, 3)
            ledger.host(run.id, journal.result)
            ledger.finish(
                run.id,
                RunResult(
                    run=run.id,
                    command=COMMAND,
                    fleet=fleet,
                    started=datetime.now(UTC).isoformat(timespec="seconds"),
                    seconds=journal.result.seconds,
                    hosts=[journal.result],
                ),
            )

    def uncertain(self) -> None:
        """Say that the account is being made: what is there is not known if this process dies."""
        self.is_open = True
        self._ended(HostState.UNCERTAIN, "the account was being made")

    def settled(self, names: Iterable[str]) -> None:
        """Keep what is there: nothing else was made by this bootstrap."""
        self.is_open = False
        self.result.changed = list(names)

    def _ended(self, state: HostState, why: str) -> None:
        self.result = HostResult(
            host=self.result.host,
            state=state,
            error=f"{self.result.host}: {why}",
            error_id=Aborted.id,
            hint=f"{self.again}   # finishes what was begun",
            changed=self.result.changed,
        )
        self.ledger.host(self.run.id, self.result)

    def _done(self) -> None:
        self.result = HostResult(
            host=self.result.host, state=HostState.DONE, changed=self.result.changed
        )
