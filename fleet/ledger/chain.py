"""The hash chain: pure functions over records, no database.

Each record's hash covers the hash before it and its own content, so that a changed, removed or
inserted record shows at the first link that no longer fits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from fleet.base.plain import Plain

#: What the first record names as the hash before it.
GENESIS: Final = "0" * 64

#: Removes secrets from a text.
Redact = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Record:
    """One link. `body` is canonical JSON."""

    seq: int
    #: ISO-8601 UTC
    at: str
    kind: str
    run: str
    host: str
    body: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk along the chain found."""

    records: int
    #: hash of the last record: note it elsewhere to prove later that nothing was cut off
    head: str
    #: sequence number of the first record that does not fit; None = the chain holds
    broken: int | None = None
    reason: str = ""


def canonical(body: Plain) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def link(previous: str, at: str, kind: str, run: str, host: str, body: str) -> str:
    """Return the hash of a record that follows `previous`."""
    content: list[Plain] = [previous, at, kind, run, host, body]
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def redacted(value: Plain, redact: Redact) -> Plain:
    """Return a copy with every text redacted before JSON escapes could hide a secret."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redacted(item, redact) for item in value]
    if isinstance(value, dict):
        return {redact(key): redacted(item, redact) for key, item in value.items()}
    return value


def verify(records: Iterable[Record], last_seq: int) -> Verification:
    """Walk the chain and name the first record that does not fit.

    Args:
        records: all records in order.
        last_seq: highest sequence number ever given out, which shows a cut-off end.
    """
    previous, count = GENESIS, 0
    for record in records:
        if record.seq != count + 1:
            return Verification(count, previous, count + 1, "the record is missing")
        if record.previous != previous:
            return Verification(count, previous, record.seq, "it does not follow the one before it")
        expected = link(
            record.previous, record.at, record.kind, record.run, record.host, record.body
        )
        if record.hash != expected:
            return Verification(count, previous, record.seq, "its content was changed")
        previous, count = record.hash, count + 1
    if count != last_seq:
        return Verification(count, previous, count + 1, "the end of the ledger was cut off")
    return Verification(count, previous)
