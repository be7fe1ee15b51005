"""A user account. Files are never moved and never change hands: no `--move-home`, no `chown -R`."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand

from operations.accounts.accounts import primary_group, refuse_remote, the_group, the_user
from operations.files.file import directory
from operations.operation import Commands, differs, operation


@operation()
def user(account: str, home: str, shell: str) -> Commands:
    """Keep an account with this home and shell; a new one is a system account with its own group.

    The home directory itself is a resource of its own (`directory`).

    + account: name of the user
    + home: absolute path
    + shell: absolute path
    """
    found = the_user(account)
    if found is None:
        # useradd --user-group fails when somebody made the group before
        is_there = the_group(account) is not None
        own_group = ("--gid", QuoteString(account)) if is_there else ("--user-group",)
        differs(f"user {account}", f"system account, home {home}, shell {shell}", None)
        yield StringCommand(
            "useradd", "--system", *own_group, "--no-create-home", "--home-dir", QuoteString(home),
            "--shell", QuoteString(shell), "--", QuoteString(account),
        )  # fmt: skip
        return
    if (found.home, found.shell) != (home, shell):
        refuse_remote(
            "passwd",
            account,
            f"its home is {found.home} and its shell {found.shell}, declared are {home} and "
            f"{shell}; change them there, or declare base.user.home and base.user.shell so",
        )
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


@operation()
def home(account: str, path: str, mode: str = "0750") -> Commands:
    """Keep the home directory of a user, with the user's primary group.

    + account: name of the user
    + path: absolute path
    + mode: four octal digits
    """
    group = primary_group(account)
    yield from directory._inner(path=path, mode=mode, user=account, group=group)
