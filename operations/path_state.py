"""What lies at a path of the current host; nothing is done on UNKNOWN."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from facts.system.files import FileState, Stat
from facts.value import Absent, Unknown


def path_state(path: str) -> Stat | None:
    """Return what lies at a path, None when nothing does.

    Raises:
        OperationError: it could not be read.
    """
    found: Stat | Absent | Unknown = host.get_fact(FileState, path=path)
    if isinstance(found, Unknown):
        raise OperationError(f"state of {path} is UNKNOWN: {found.reason}")
    return found if isinstance(found, Stat) else None
