"""The ledger's SQLite file: append a record, read records back. Knows no run and no host result.

Every SQLite failure leaves here as `LedgerError`, because a run that cannot be journaled must stop
before its next mutation.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fleet.base.errors import FleetError
from fleet.ledger.chain import GENESIS, Record, link

#: Seconds to wait for another b70 process that is writing; a write takes milliseconds.
BUSY_S: Final = 15

#: Whether a record tells of a host that was changed; looks at the canonical text instead of parsing
#: it, since a host has thousands of audits that changed nothing.
CHANGING: Final = """kind = 'host' AND instr(body, '"changed":[]') = 0"""

_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS record (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL, kind TEXT NOT NULL, run TEXT NOT NULL, host TEXT NOT NULL,
  body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL UNIQUE);
CREATE INDEX IF NOT EXISTS record_by_run ON record (run, seq);
CREATE INDEX IF NOT EXISTS record_by_host ON record (host, kind, seq);
CREATE INDEX IF NOT EXISTS record_that_changed ON record (host, kind, seq) WHERE {CHANGING};
CREATE TRIGGER IF NOT EXISTS record_is_never_changed BEFORE UPDATE ON record
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS record_is_never_removed BEFORE DELETE ON record
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TABLE IF NOT EXISTS remembered (
  host TEXT PRIMARY KEY, spec_hash TEXT NOT NULL, keys TEXT NOT NULL);
"""

_COLUMNS: Final = "seq, at, kind, run, host, body, previous, hash"


class LedgerError(FleetError):
    """The ledger could not be written or read: disk full, no permission, damaged file.

    A run stops before its next change rather than change a host without an entry. Make room or
    repair the permission, then repeat the command. What was already changed is in the ledger
    and in the journals of the hosts. `b70 history verify` checks the file.
    """

    id = "ledger"


class Database:
    """One open ledger file."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def open(cls, path: Path) -> Database:
        """Open the file, creating it (owner-only) and its tables when it is not there.

        Raises:
            LedgerError: the file cannot be created or is no ledger.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # before SQLite opens it, so that no moment exists in which others can read it; the -wal
            # and -shm files get the mode of the main file
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            os.chmod(path, 0o600)
        except OSError as error:
            raise LedgerError(
                f"cannot open the ledger {path}: {error.strerror}",
                hint="set B70_STATE to a directory that you can write",
            ) from error
        with _failures(path, "open"):
            connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            # an entry must survive a power cut: it is written before the change that it announces
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_SCHEMA)
        return cls(connection, path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def append(self, kind: str, run: str, host: str, body: str) -> Record:
        """Add one record at the end of the chain, durably.

        Raises:
            LedgerError: it could not be written; nothing was added.
        """
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with _failures(self.path, "write"), self._transaction():
            row = self._connection.execute(
                "SELECT hash FROM record ORDER BY seq DESC LIMIT 1"
            ).fetchone()
            previous = row[0] if row else GENESIS
            digest = link(previous, at, kind, run, host, body)
            cursor = self._connection.execute(
                "INSERT INTO record (at, kind, run, host, body, previous, hash) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (at, kind, run, host, body, previous, digest),
            )
        return Record(cursor.lastrowid or 0, at, kind, run, host, body, previous, digest)

    def records(self, where: str = "1", values: Sequence[object] = ()) -> Iterator[Record]:
        """Yield records in order.

        Args:
            where: SQL condition with `?` for values; a constant of the caller, never user input.
        """
        with (
            _failures(self.path, "read"),
            closing(
                self._connection.execute(
                    f"SELECT {_COLUMNS} FROM record WHERE {where} ORDER BY seq", tuple(values)
                )
            ) as cursor,
        ):
            for row in cursor:
                yield Record(*row)

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run one read-only statement of the caller."""
        with _failures(self.path, "read"):
            return list(self._connection.execute(sql, tuple(values)))

    def last_seq(self) -> int:
        """Return the highest sequence number that was ever given out."""
        rows = self.query("SELECT seq FROM sqlite_sequence WHERE name = 'record'")
        return int(str(rows[0][0])) if rows else 0

    def remember(self, host: str, spec_hash: str, keys: str) -> None:
        """Replace a host's note; a cache, not part of the chain."""
        with _failures(self.path, "write"), self._transaction():
            self._connection.execute(
                "INSERT OR REPLACE INTO remembered (host, spec_hash, keys) VALUES (?, ?, ?)",
                (host, spec_hash, keys),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE takes the write lock before the last hash is read: two processes never fork
        # the chain
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


@contextmanager
def _failures(path: Path, doing: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise LedgerError(
            f"cannot {doing} the ledger {path}: {error}",
            hint="nothing more was changed; make room or repair the file, then repeat the command",
        ) from error
