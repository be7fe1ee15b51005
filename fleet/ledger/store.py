"""The ledger of runs: what was begun, what happened on each host, how it ended.

Speaks of runs and hosts; the chain and the file are next door. Every text passes the redactor.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from fleet.base.plain import Plain, plain
from fleet.base.run import user_name
from fleet.ledger import process
from fleet.ledger.chain import Redact, Verification, canonical, redacted, verify
from fleet.ledger.database import CHANGING, Database
from fleet.ledger.model import Certificate, FactChange, NoteRecord, RunRecord, RunSummary
from fleet.ledger.steps import Step, as_object, summary
from fleet.model.plan import HostResult, RunResult

#: How many past runs of a host are worth an estimate of durations.
DURATIONS: Final = 20


class Ledger:
    """Append-only, hash-chained record of everything this fleet's controller did.

    Each writing method is durable when it returns and raises LedgerError when the entry could not
    be written, so calling it before a change is what makes the change safe to make.
    """

    def __init__(self, database: Database, redact: Redact) -> None:
        self._database = database
        self._redact = redact

    @classmethod
    def open(cls, path: Path, redact: Redact = str) -> Ledger:
        """Open or create the ledger file, owner-only.

        Args:
            path: see `fleet.base.statedir.ledger_path`.
            redact: masks secrets; applied to every text that is written.

        Raises:
            LedgerError: the file cannot be created or is no ledger.
        """
        return cls(Database.open(path), redact)

    @property
    def path(self) -> Path:
        """Return the ledger's file."""
        return self._database.path

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def begin(self, run: str, command: str, fleet: str) -> None:
        """Announce a run before it does anything."""
        self._append(
            "begin",
            run,
            "",
            {
                "command": command,
                "fleet": fleet,
                "user": user_name(),
                "process": process.token(),
            },
        )

    def note(self, kind: str, run: str, host: str, body: Mapping[str, Plain]) -> None:
        """Record a step that has no method of its own, such as an intent or a removed lock."""
        self._append(kind, run, host, dict(body))

    def host(self, run: str, result: HostResult) -> None:
        """Record how a host came out; the last such record of a run counts."""
        self._append("host", run, result.host, plain(result))

    def facts(self, run: str, host: str, values: Mapping[str, object]) -> list[str]:
        """Record the facts that differ from this host's last reading; return their domains.

        Args:
            values: domain -> typed reading.
        """
        now = {domain: redacted(plain(value), self._redact) for domain, value in values.items()}
        hashes = {domain: _sha256(value) for domain, value in now.items()}
        before = self._last_hashes(host)
        changed = sorted(
            domain for domain, digest in hashes.items() if before.get(domain) != digest
        )
        if changed:
            self._append(
                "facts",
                run,
                host,
                {
                    "hashes": {**before, **hashes},
                    "changed": {domain: now[domain] for domain in changed},
                },
            )
        return changed

    def finish(self, run: str, result: RunResult) -> None:
        """Record the end of a run."""
        self._append(
            "finish",
            run,
            "",
            {
                "seconds": result.seconds,
                "exit_code": int(result.exit_code),
                "hosts": {host.host: host.state.value for host in result.hosts},
            },
        )

    def runs(self, host: str = "") -> list[RunSummary]:
        """Return all runs, newest first; only those that touched `host` when it is given."""
        by_run: dict[str, list[Step]] = {}
        for run, step in self._steps("1"):
            by_run.setdefault(run, []).append(step)
        found = [summary(run, steps) for run, steps in by_run.items()]
        return [run for run in reversed(found) if not host or host in run.hosts]

    def show(self, run: str) -> RunRecord | None:
        """Return everything about one run; `run` may be an unambiguous beginning of its id."""
        like_it = list(self._steps("substr(run, 1, ?) = ?", (len(run), run)))
        names = {name for name, _ in like_it}
        if not run or len(names) != 1:
            return None
        name = names.pop()
        hosts = self._database.records("run = ? AND kind = 'host'", (name,))
        last = {record.host: record.body for record in hosts}
        return RunRecord(
            summary(name, [step for _, step in like_it]),
            tuple(HostResult.model_validate_json(body) for body in last.values()),
        )

    def is_gone(self, run: str) -> bool:
        """Return True if a run of this ledger was begun on this computer and its process ended.

        False is no proof of life: another ledger or another computer may have begun it.
        """
        rows = self._database.query(
            "SELECT json_extract(body, '$.process') FROM record "
            "WHERE run = ? AND kind = 'begin' ORDER BY seq DESC LIMIT 1",
            (run,),
        )
        return bool(rows) and process.ended(str(rows[0][0]))

    def notes(self, kind: str, host: str = "") -> list[NoteRecord]:
        """Return what `note` recorded under a kind, oldest first."""
        records = self._database.records("kind = ? AND (host = ? OR ? = '')", (kind, host, host))
        return [
            NoteRecord(record.run, record.host, record.at, as_object(json.loads(record.body)))
            for record in records
        ]

    def last_certificate(self, host: str) -> Certificate | None:
        """Return the newest idempotence certificate of a host."""
        rows = self._database.query(
            "SELECT run, at, json_extract(body, '$.certificate') FROM record "
            "WHERE host = ? AND kind = 'host' AND json_extract(body, '$.certificate') <> '' "
            "ORDER BY seq DESC LIMIT 1",
            (host,),
        )
        if not rows:
            return None
        run, at, digest = map(str, rows[0])
        return Certificate(host, run, at, digest)

    def durations(self, host: str, resource: str) -> list[float]:
        """Return how many seconds a resource took on a host, newest first."""
        return self._durations(host).get(resource, [])

    def typical_durations(self, host: str) -> dict[str, float]:
        """Return the median seconds of every resource that a host ever applied, for estimates."""
        return {name: median(seconds) for name, seconds in self._durations(host).items()}

    def expectations(self, host: str, resource: str, what: str) -> tuple[str, ...]:
        """Return every value that runs gave a property of a resource of a host, oldest first."""
        rows = self._database.query(
            "SELECT json_extract(found.value, '$.expected') "
            f"FROM record, json_each(record.body, '$.resources') AS item, "
            "json_each(item.value, '$.differences') AS found "
            f"WHERE host = ? AND {CHANGING} AND json_extract(item.value, '$.name') = ? "
            "AND json_extract(item.value, '$.outcome') = 'done' "
            "AND json_extract(found.value, '$.what') = ? "
            "AND json_extract(found.value, '$.expected') IS NOT NULL ORDER BY seq",
            (host, resource, what),
        )
        return tuple(dict.fromkeys(str(row[0]) for row in rows))

    def facts_history(self, host: str, domain: str = "") -> list[FactChange]:
        """Return the recorded changes of a host's facts, oldest first."""
        found: list[FactChange] = []
        for record in self._database.records("kind = 'facts' AND host = ?", (host,)):
            body = as_object(json.loads(record.body))
            hashes = as_object(body["hashes"])
            for name, value in as_object(body["changed"]).items():
                if not domain or name == domain:
                    found.append(FactChange(record.run, record.at, name, str(hashes[name]), value))
        return found

    def remember(self, host: str, spec_hash: str, keys: Sequence[Plain]) -> None:
        """Keep which facts a declaration asked for, so that the next batch can foresee them."""
        self._database.remember(host, spec_hash, canonical(list(keys)))

    def recall(self, host: str, spec_hash: str) -> list[Plain] | None:
        """Return what was remembered for this very declaration, or None."""
        rows = self._database.query(
            "SELECT keys FROM remembered WHERE host = ? AND spec_hash = ?", (host, spec_hash)
        )
        keys: list[Plain] | None = json.loads(str(rows[0][0])) if rows else None
        return keys

    def verify(self) -> Verification:
        """Walk the whole chain and name the first broken record."""
        return verify(self._database.records(), self._database.last_seq())

    def _durations(self, host: str) -> dict[str, list[float]]:
        rows = self._database.query(
            "SELECT json_extract(item.value, '$.name'), json_extract(item.value, '$.seconds') "
            f"FROM (SELECT seq, body FROM record WHERE host = ? AND {CHANGING} "
            "ORDER BY seq DESC LIMIT ?) AS run, "
            "json_each(run.body, '$.resources') AS item "
            "WHERE json_extract(item.value, '$.outcome') = 'done' "
            "AND json_extract(item.value, '$.seconds') IS NOT NULL ORDER BY run.seq DESC",
            (host, DURATIONS),
        )
        found: dict[str, list[float]] = {}
        for name, seconds in rows:
            found.setdefault(str(name), []).append(float(str(seconds)))
        return found

    def _steps(self, where: str, values: Sequence[object] = ()) -> Iterator[tuple[str, Step]]:
        """Yield the records that tell how runs stand, host bodies cut down to what that needs."""
        rows = self._database.query(
            "SELECT run, kind, at, host, CASE kind WHEN 'host' THEN json_object("
            "'state', json_extract(body, '$.state'), "
            "'changed', json_array_length(body, '$.changed')) ELSE body END "
            f"FROM record WHERE kind IN ('begin', 'host', 'finish') AND {where} ORDER BY seq",
            values,
        )
        for run, kind, at, host, body in rows:
            yield str(run), Step(str(kind), str(at), str(host), as_object(json.loads(str(body))))

    def _append(self, kind: str, run: str, host: str, body: Plain) -> None:
        self._database.append(kind, run, host, canonical(redacted(body, self._redact)))

    def _last_hashes(self, host: str) -> dict[str, Plain]:
        rows = self._database.query(
            "SELECT body FROM record WHERE kind = 'facts' AND host = ? ORDER BY seq DESC LIMIT 1",
            (host,),
        )
        return as_object(as_object(json.loads(str(rows[0][0])))["hashes"]) if rows else {}


def _sha256(value: Plain) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
