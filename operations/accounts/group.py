"""Groups and who is in them. Existing groups keep their numbers; nobody is ever taken out."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand

from operations.accounts.accounts import known_accounts
from operations.operation import operation


@operation()
def group(group_name: str) -> Generator[StringCommand, None, None]:
    """Keep a group; a new one gets a system number.

    + group_name: name of the group
    """
    found = known_accounts().groups.get(group_name)
    if found is not None:
        host.noop(f"is there (gid {found.gid})")
        return
    yield StringCommand("groupadd", "--system", "--", QuoteString(group_name))


@operation()
def group_member(account: str, group_name: str) -> Generator[StringCommand, None, None]:
    """Keep a user in a group; its other groups stay.

    The membership takes effect in new sessions and with the next start of a unit, not before.

    + account: name of the user
    + group_name: name of the group
    """
    accounts = known_accounts()
    entry, found = accounts.users.get(account), accounts.groups.get(group_name)
    if entry is not None and found is not None:
        if account in found.members:
            host.noop(f"{account} is a member")
            return
        if entry.gid == found.gid:
            host.noop(f"it is the primary group of {account}")
            return
    yield StringCommand(
        "usermod", "--append", "--groups", QuoteString(group_name), "--", QuoteString(account)
    )
