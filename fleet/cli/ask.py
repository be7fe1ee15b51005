"""Questions to a person: a password, a yes. Nobody there is a refusal, never a traceback.

An interrupted question leaves as KeyboardInterrupt, which ends like every Ctrl-C.
"""

from __future__ import annotations

import getpass
import sys

from fleet.base.errors import Refused
from fleet.cli.settings import current


class NobodyToAsk(Refused):
    """A question had to be answered, and nobody was there to do it.

    `--no-input` was given, or standard input ended before the answer. Nothing was changed. Run the
    command in a terminal, or give the option that makes the question needless.
    """

    id = "nobody-to-ask"


def password(what: str, command: str) -> str:
    """Return a password: typed without an echo, or the next line of a pipe.

    Args:
        what: such as `SSH password of root@192.0.2.10`.
        command: the command that asked.

    Raises:
        NobodyToAsk: there is nobody.
    """
    if current().no_input:
        raise NobodyToAsk(
            f"{what} is needed, and --no-input was given", f"in a terminal: {command}"
        )
    if sys.stdin.isatty():
        return getpass.getpass(f"{what}: ", stream=sys.stderr)
    line = sys.stdin.readline()
    if not line:
        raise NobodyToAsk(
            f"{what} is needed, and standard input has ended", f"in a terminal: {command}"
        )
    return line.rstrip("\n")


def yes(question: str, otherwise: str) -> bool:
    """Return True after `y` or `yes`; an empty answer is no.

    Args:
        otherwise: the command that needs no answer.

    Raises:
        NobodyToAsk: there is nobody.
    """
    if current().no_input:
        raise NobodyToAsk(f"{question} Nobody was asked: --no-input was given", otherwise)
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise NobodyToAsk(f"{question} Nobody answered: standard input has ended", otherwise)
    return answer.strip().lower() in ("y", "yes")
