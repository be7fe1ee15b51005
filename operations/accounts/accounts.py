"""The host's users and groups, or a refusal: nothing is done to an account on UNKNOWN.

Who is not listed is asked for by name: the accounts of a directory are there without being listed.
"""

from __future__ import annotations

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from facts.reader import read
from facts.system.users import Accounts, Database, Group, Named, NamedAccount, User, Users
from facts.value import Absent, Unknown
from operations.require import require


def known_accounts() -> Accounts:
    """Return users and groups of the current host, as far as they are listed.

    Raises:
        OperationError: they could not be read.
    """
    return require(read(Users), "state of users and groups")


def the_user(name: str) -> User | None:
    """Return a user of the current host, None when there is none.

    Raises:
        OperationError: it could not be read.
    """
    found = require(known_accounts().user(name), f"user {name}")
    if isinstance(found, User):
        return found
    named = by_name("passwd", name)
    return named.entry if named is not None and isinstance(named.entry, User) else None


def the_group(name: str) -> Group | None:
    """Return a group of the current host, None when there is none.

    Raises:
        OperationError: it could not be read.
    """
    found = require(known_accounts().group(name), f"group {name}")
    if isinstance(found, Group):
        return found
    named = by_name("group", name)
    return named.entry if named is not None and isinstance(named.entry, Group) else None


def by_name(database: Database, name: str) -> Named | None:
    """Return what the name service has under a name, None when it has nothing.

    Raises:
        OperationError: it did not answer.
    """
    reading: Named | Absent | Unknown = host.get_fact(NamedAccount, database=database, wanted=name)
    found = require(reading, f"{name} in the name service ({database})")
    return found if isinstance(found, Named) else None


def refuse_remote(database: Database, name: str, change: str) -> None:
    """Refuse a change of what is not kept on the host.

    Args:
        database: passwd or group.
        name: of the user or group.
        change: what would have to be changed, and what could be declared instead.

    Raises:
        OperationError: it comes from a directory.
    """
    named = by_name(database, name)
    if named is not None and not named.is_local:
        raise OperationError(
            f"{name} is not in /etc/{database}, it comes from the host's name service (LDAP or "
            f"alike), where this product changes nothing: {change}"
        )


def groups_of(accounts: Accounts, account: str) -> list[str]:
    """Return the names of the groups that a user is in, its primary group included."""
    entry = accounts.users.get(account)
    return sorted(
        name
        for name, group in accounts.groups.items()
        if account in group.members or (entry is not None and entry.gid == group.gid)
    )


def primary_group(account: str) -> str:
    """Return the name of a user's primary group: its own group, for a new account.

    Raises:
        OperationError: users and groups are UNKNOWN, or the group has no name.
    """
    entry = the_user(account)
    if entry is None:
        return account
    for name, found in known_accounts().groups.items():
        if found.gid == entry.gid:
            return name
    named = by_name("group", str(entry.gid))
    if named is None:
        raise OperationError(f"user {account} has primary group {entry.gid}, which has no name")
    return named.entry.name
