"""Which run this is: the one name on which ledger, host journal and debug log agree.

A value that is passed on; knows nothing about what the run does.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Args:
        id: UTC start time, then 16 random bits; sorts by time.
        who: who runs it, as locks and journals say it: user@controller, process id.
    """

    id: str
    who: str

    @classmethod
    def begin(cls) -> Run:
        """Return a new run of this process."""
        user = os.environ.get("SUDO_USER") or os.environ.get("USER") or str(os.getuid())
        return cls(
            f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
            f"{user}@{socket.gethostname()} pid {os.getpid()}",
        )
