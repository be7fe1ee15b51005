"""The host's users and groups, or a refusal: nothing is done to an account on UNKNOWN."""

from __future__ import annotations

from pyinfra.api.exceptions import OperationError

from facts.reader import read
from facts.system.users import Accounts, Users
from facts.value import Unknown


def known_accounts() -> Accounts:
    """Return users and groups of the current host.

    Raises:
        OperationError: they could not be read.
    """
    found = read(Users)
    if isinstance(found, Unknown):
        raise OperationError(f"users and groups are UNKNOWN: {found.reason}")
    return found
