"""The account that later runs log in as: what makes it, and what takes back what was made.

Pure text. The same commands take back what was made and are shown to a person where that fails.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from facts.shelltext import shell_text, shell_variables

#: The sudoers drop-in; sudo ignores names with a dot, so there is none.
SUDOERS: Final = "/etc/sudoers.d/b70fleet"
#: What is written before visudo looked at it: the dot in it keeps sudo away.
_NEW_SUDOERS: Final = "/etc/sudoers.d/.b70fleet.sudoers"
_SCRIPT: Final = shell_text(__file__)
#: Tries a second apart: systemd keeps a user's own manager for 10 s after the last logout, and
#: userdel refuses a user who has a process.
_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class KeysFile:
    """Where sshd looks for the account's keys.

    Args:
        path: absolute.
        in_home: it belongs to the account, not to root.
    """

    path: str
    in_home: bool


@dataclass(frozen=True, slots=True)
class Made:
    """One thing that a bootstrap put on a host.

    Args:
        what: account | folder | file | key | sudoers.
        where: the path, or the account.
    """

    what: str
    where: str

    @property
    def name(self) -> str:
        """Return it as plans and the ledger name resources."""
        return f"{_NAMES[self.what]}[{self.where}]"


_NAMES: Final = {
    "account": "Account",
    "folder": "Directory",
    "file": "File",
    "key": "AuthorizedKey",
    "sudoers": "Sudoers",
}


def make(account: str, public_key: str, keys: KeysFile) -> str:
    """Return the text that makes the account with one authorized key and passwordless sudo.

    Idempotent; adds what is missing and touches nothing else. The sudoers drop-in is in place only
    after visudo accepted it; root gets the key alone.
    """
    return (
        shell_variables(
            account=account,
            key=public_key.strip(),
            keys_file=keys.path,
            in_home="yes" if keys.in_home else "no",
            rule=f"{account} ALL=(ALL:ALL) NOPASSWD: ALL" if account != "root" else "",
            sudoers=SUDOERS,
            new_sudoers=_NEW_SUDOERS,
        )
        + _SCRIPT
    )


def made(stdout: str) -> tuple[Made, ...]:
    """Return what the text above said that it made, in order."""
    fields = (line.split("\t") for line in stdout.splitlines())
    return tuple(
        Made(words[1], words[2])
        for words in fields
        if len(words) == 3 and words[0] == "made" and words[1] in _NAMES
    )


def undo(found: Iterable[Made], public_key: str) -> list[str]:
    """Return the commands that take it back, for root on the host, the last thing first.

    An account that was made goes with its home; one that was there before stays.
    """
    listed = list(found)
    home_goes = any(item.what == "account" for item in listed)
    commands = []
    for item in reversed(listed):
        path = shlex.quote(item.where)
        if item.what == "account":
            commands.append(f"userdel --remove {path}")
        elif item.what == "sudoers":
            commands.append(f"rm -f {path}")
        elif home_goes and item.where.endswith(("/.ssh", "/.ssh/authorized_keys")):
            continue  # it goes with the home
        elif item.what == "folder":
            # what was announced was not made where its program failed
            commands.append(f"[ ! -d {path} ] || rmdir {path}")
        elif item.what == "file":
            commands.append(f"rm -f {path}")
        elif Made("file", item.where) not in listed:
            commands.append(_without(path, shlex.quote(public_key.strip())))
    return commands


def _without(path: str, line: str) -> str:
    """Return the command that takes one line out of a file, or leaves the file as it is.

    The keys of others are in it: it is replaced whole, with its owner and mode, only after all that
    stays was written (grep ends with 1 where nothing stays).
    """
    new = f"{path}.b70fleet"
    return (
        f"cp -p {path} {new} && {{ grep -vxF -e {line} {path} >{new} || [ $? -eq 1 ]; }} && "
        f"mv -f {new} {path} || {{ rm -f {new}; false; }}"
    )


def take_back(found: Iterable[Made], public_key: str) -> str:
    """Return one text that runs these commands and ends with 1 if one of them failed."""
    lines = ["PATH=$PATH:/usr/sbin:/sbin", "umask 077", "failed=0"]
    for command in undo(found, public_key):
        if not command.startswith("userdel "):
            lines.append(f"{{ {command}; }} || failed=1")
            continue
        user = command.rpartition(" ")[2]
        lines += [
            f"loginctl terminate-user {user} >/dev/null 2>&1",
            f"tries=0; until ! getent passwd {user} >/dev/null || {command} 2>/dev/null ||",
            f'  [ "$tries" -ge {_TRIES} ]; do tries=$((tries+1)); sleep 1; done',
            f"if getent passwd {user} >/dev/null; then {command}; failed=1; fi",
        ]
    return "\n".join([*lines, 'exit "$failed"'])
