"""How apt-get, dpkg and apt-mark are called: no question, no restart, no broken lock.

Pure builders of command lines; knows nothing of hosts or declarations. `-f install` is not in here
on purpose: it "repairs" by removing, and has removed GPU runtimes (docs/evidence.md#apt-f-install).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pyinfra.api import QuoteString, StringCommand

from facts.shelltext import shell_text, shell_variables
from operations.script import Script

#: No debconf question, no changelog pager, needrestart only lists; messages in English.
ENVIRONMENT: Final = (
    "env",
    "LC_ALL=C",
    "DEBIAN_FRONTEND=noninteractive",
    "APT_LISTCHANGES_FRONTEND=none",
    "NEEDRESTART_MODE=l",
)
#: A configuration file stays as the administrator left it; one that nobody touched is updated.
CONFFILES: Final = ("--force-confdef", "--force-confold")
#: Only what was declared and what that depends on.
NO_RECOMMENDS: Final = "--no-install-recommends"
#: Attempts per index or package file before apt gives up on a mirror.
_RETRIES: Final = "3"
#: Seconds between two looks at a held lock.
_POLL_S: Final = 2

_WAIT: Final = shell_variables(poll_s=_POLL_S) + shell_text(__file__, "_wait")


def apt_get(verb: str, *arguments: str, lock_timeout_s: int) -> tuple[str, ...]:
    """Return a non-interactive apt-get command line.

    Args:
        verb: `install` or `update`.
        arguments: further options and packages.
        lock_timeout_s: seconds to wait for another dpkg or apt to finish.
    """
    options = (
        f"DPkg::Lock::Timeout={lock_timeout_s}",
        f"Acquire::Retries={_RETRIES}",
        "Dpkg::Use-Pty=0",
        *(f"Dpkg::Options::={policy}" for policy in CONFFILES),
    )
    flags = [part for option in options for part in ("-o", option)]
    return (
        *ENVIRONMENT,
        "apt-get",
        "-q",
        "-y",
        *flags,
        NO_RECOMMENDS,
        verb,
        *arguments,
    )


def command(words: Sequence[str]) -> StringCommand:
    """Return a command with every word quoted."""
    return StringCommand(*map(QuoteString, words))


def waiting(words: Sequence[str], lock_timeout_s: int) -> StringCommand:
    """Return a command that is tried again while another process holds a package lock.

    When the time is over it fails and names that process and its command; the lock stays as it is.

    Args:
        words: command line.
        lock_timeout_s: seconds.
    """
    return Script(_WAIT, "b70-wait", str(lock_timeout_s), *words, shown=words)
