"""Which run this is: the one name on which ledger, host journal and debug log agree.

A value that is passed on; knows nothing about what the run does.
"""

from __future__ import annotations

import os
import pwd
import secrets
import socket
from collections.abc import Mapping
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
        return cls(
            f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
            f"{user_name()}@{socket.gethostname()} pid {os.getpid()}",
        )


def user_name(environ: Mapping[str, str] = os.environ) -> str:
    """Return who sits at this computer: behind sudo, else the account of the process.

    It becomes a line of a host's lock, so it is one word; a user id without an account (a
    container) is a number.
    """
    try:
        account = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        account = f"uid-{os.getuid()}"
    found = environ.get("SUDO_USER") or environ.get("USER") or account
    return found if found.isprintable() and not found.split()[1:] else account
