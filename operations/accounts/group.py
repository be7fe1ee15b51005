"""Groups and who is in them. Existing groups keep their numbers; nobody is ever taken out."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand

from operations.accounts.accounts import (
    groups_of,
    known_accounts,
    refuse_remote,
    the_group,
    the_user,
)
from operations.operation import Commands, differs, operation


@operation()
def group(group_name: str) -> Commands:
    """Keep a group; a new one gets a system number.

    + group_name: name of the group
    """
    found = the_group(group_name)
    if found is not None:
        host.noop(f"is there (gid {found.gid})")
        return
    differs(f"group {group_name}", "system group", None)
    yield StringCommand("groupadd", "--system", "--", QuoteString(group_name))


@operation()
def group_member(account: str, group_name: str) -> Commands:
    """Keep a user in a group; its other groups stay.

    The membership takes effect in new sessions and with the next start of a unit, not before.

    + account: name of the user
    + group_name: name of the group
    """
    entry, found = the_user(account), the_group(group_name)
    if entry is not None and found is not None:
        if account in found.members:
            host.noop(f"{account} is a member")
            return
        if entry.gid == found.gid:
            host.noop(f"it is the primary group of {account}")
            return
    if found is not None:
        refuse_remote("group", group_name, f"make {account} a member of it there")
    seen = groups_of(known_accounts(), account)
    differs(f"groups of {account}", ", ".join(sorted({*seen, group_name})), ", ".join(seen) or None)
    yield StringCommand(
        "usermod", "--append", "--groups", QuoteString(group_name), "--", QuoteString(account)
    )
