"""The controller's memory: an append-only, hash-chained SQLite file of what every run did.

Knows the vocabulary of plans and results; knows no SSH, no terminal and no pyinfra.
"""

from __future__ import annotations

from fleet.ledger.chain import Verification
from fleet.ledger.database import LedgerError
from fleet.ledger.model import Certificate, FactChange, RunRecord, RunState, RunSummary
from fleet.ledger.store import Ledger

__all__ = [
    "Certificate",
    "FactChange",
    "Ledger",
    "LedgerError",
    "RunRecord",
    "RunState",
    "RunSummary",
    "Verification",
]
