"""A user account. Files are never moved and never change hands: no `--move-home`, no `chown -R`."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand

from operations.accounts.accounts import known_accounts
from operations.operation import Commands, differs, operation


@operation()
def user(account: str, home: str, shell: str) -> Commands:
    """Keep an account with this home and shell; a new one is a system account with its own group.

    The home directory itself is a resource of its own (`directory`).

    + account: name of the user
    + home: absolute path
    + shell: absolute path
    """
    accounts = known_accounts()
    found = accounts.users.get(account)
    if found is None:
        # useradd --user-group fails when somebody made the group before
        own_group = (
            ("--gid", QuoteString(account)) if account in accounts.groups else ("--user-group",)
        )
        differs(f"user {account}", f"system account, home {home}, shell {shell}", None)
        yield StringCommand(
            "useradd", "--system", *own_group, "--no-create-home", "--home-dir", QuoteString(home),
            "--shell", QuoteString(shell), "--", QuoteString(account),
        )  # fmt: skip
        return
    changes: list[str | QuoteString] = []
    if found.home != home:
        differs("home", home, found.home)
        changes += ["--home", QuoteString(home)]
    if found.shell != shell:
        differs("shell", shell, found.shell)
        changes += ["--shell", QuoteString(shell)]
    if changes:
        yield StringCommand("usermod", *changes, "--", QuoteString(account))
        return
    host.noop(f"is there (uid {found.uid}), home {home} and shell {shell} are as declared")
