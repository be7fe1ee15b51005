"""What an operation has to know before it may act: nothing is done on UNKNOWN."""

from __future__ import annotations

from typing import TypeVar

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from facts.system.files import FileState, Stat
from facts.value import Absent, Unknown

T = TypeVar("T")


def require(reading: T | Unknown, what: str) -> T:
    """Return a reading that is not UNKNOWN.

    Args:
        reading: what a fact said.
        what: its subject as a sentence begins: `which packages are installed`, `state of /etc/x`.

    Raises:
        OperationError: the reading is UNKNOWN.
    """
    if isinstance(reading, Unknown):
        raise OperationError(f"{what} is UNKNOWN: {reading.reason}")
    return reading


def path_state(path: str) -> Stat | None:
    """Return what lies at a path of the current host, None when nothing does.

    Raises:
        OperationError: it could not be read.
    """
    found: Stat | Absent | Unknown = host.get_fact(FileState, path=path)
    state = require(found, f"state of {path}")
    return state if isinstance(state, Stat) else None
