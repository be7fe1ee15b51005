"""What a session is: the way to one host, over which whole programs are run.

Three kinds stand next door: ssh, local, replay. Whoever is given one knows no other name for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fleet.base.errors import Unreachable
from fleet.host.shell import Shell


class LostContact(Unreachable):
    """The connection ended or froze while a command was running: what it did last is unknown."""

    id = "lost-contact"


class CommandTimeout(Unreachable):
    """A command did not end within its deadline."""

    id = "command-timeout"


@dataclass(frozen=True, slots=True)
class Output:
    """What a program printed, within the caps of fleet.host.shell, and how it ended."""

    status: int
    stdout: bytes
    stderr: bytes


class Session(Protocol):
    """The way to one host."""

    @property
    def execs(self) -> int:
        """Return how many programs were run: the product's unit of speed."""

    def connect(self, patience_s: float | None = None) -> None:
        """Open the way; what was open before is forgotten.

        Args:
            patience_s: seconds for it where that is less than the host's own limit.

        Raises:
            Unreachable, Refused: there is no way, or another machine is at its end.
        """

    def run(self, program: str, *, deadline_s: float) -> Output:
        """Run a POSIX-sh program and return what it printed.

        Args:
            program: text for `sh -s`; it travels on stdin, so nothing of it shows in an argument
                list.
            deadline_s: seconds after which the host stops it (and the controller gives up a bit
                later).

        Raises:
            LostContact: the way ended or froze.
            CommandTimeout: the deadline passed.
        """

    def close(self) -> None:
        """Close the way; closing twice is no error."""


#: Makes a session to a host, not open yet: its name, its pyinfra data, its shell.
Way = Callable[[str, Mapping[str, object], Shell], Session]
