"""The name of a run: one per process, so that ledger, host journal and debug log agree on it.

Knows nothing about what the run does.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from functools import cache


@cache
def run_id() -> str:
    """Return this process's run id: UTC start time, then 16 random bits; sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
