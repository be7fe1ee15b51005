"""The host's users and groups, or a refusal: nothing is done to an account on UNKNOWN."""

from __future__ import annotations

from facts.reader import read
from facts.system.users import Accounts, Users
from operations.require import require


def known_accounts() -> Accounts:
    """Return users and groups of the current host.

    Raises:
        OperationError: they could not be read.
    """
    return require(read(Users), "state of users and groups")


def groups_of(accounts: Accounts, account: str) -> list[str]:
    """Return the names of the groups that a user is in, its primary group included."""
    entry = accounts.users.get(account)
    return sorted(
        name
        for name, group in accounts.groups.items()
        if account in group.members or (entry is not None and entry.gid == group.gid)
    )
