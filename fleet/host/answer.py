"""Takes what came back from a host apart: a program's own output, and what stood around it. Pure.

A login shell may greet whoever logs in, sudo may lecture, and either may never start the program.
What they print is no part of an answer. Knows the marks of fleet.host.shell, and no connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fleet.host.session import Output
from fleet.host.shell import BEGAN, ENDED, PASSWORD_REFUSED, SHELL_RAN

_END: Final = re.compile(re.escape(ENDED).replace("%s", r"(\d+)").encode() + rb"\n")


@dataclass(frozen=True, slots=True)
class NotBegun:
    """A program that was sent and never began.

    Args:
        status: exit status of what ran in its place.
        said: what that printed, without the greetings of a login shell that did its part.
        shell_ran: the login shell did its part: what follows was sudo's or the host's fault.
        password_refused: sudo was given a password and did not run the program.
    """

    status: int
    said: str
    shell_ran: bool
    password_refused: bool = False


def unframed(raw: Output) -> Output | NotBegun:
    """Return a program's own output and status, or how it came that it never began."""
    status, stderr = raw.status, raw.stderr
    for end in _END.finditer(raw.stderr):
        status, stderr = int(end[1]), raw.stderr[: end.start()]
    began = f"{BEGAN}\n".encode()
    _, on_stdout, own_stdout = raw.stdout.partition(began)
    _, on_stderr, own_stderr = stderr.partition(began)
    if on_stdout or on_stderr:
        return Output(status, own_stdout, own_stderr)
    _, shell_ran, since = stderr.partition(f"{SHELL_RAN}\n".encode())
    before, password_refused, _ = since.partition(f"{PASSWORD_REFUSED}\n".encode())
    said = before if shell_ran else stderr + raw.stdout
    return NotBegun(
        status,
        said.decode("utf-8", "replace").strip(),
        bool(shell_ran),
        bool(password_refused),
    )
