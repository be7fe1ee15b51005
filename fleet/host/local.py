"""A session to the machine that this process runs on: no SSH, the same shell, deadline and caps."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping

from fleet.host.answer import NotBegun, unframed
from fleet.host.refusal import Account, refusal
from fleet.host.session import CommandTimeout, Output, Session
from fleet.host.shell import GRACE_S, Shell


class LocalSession:
    """The way to this very machine.

    Args:
        name: the host's, for messages.
        shell: how programs are run here.
    """

    def __init__(self, name: str, shell: Shell) -> None:
        self._name = name
        self._shell = shell
        self.execs = 0

    def connect(self, patience_s: float | None = None) -> None:
        """Do nothing: this machine is here."""

    def run(self, program: str, *, deadline_s: float) -> Output:
        """Run a program with the environment of a login, not with this process's own."""
        self.execs += 1
        try:
            done = subprocess.run(
                ["sh", "-c", self._shell.command(deadline_s)],
                input=self._shell.stdin(program),
                capture_output=True,
                env=_login(),
                timeout=deadline_s + GRACE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CommandTimeout(f"{self._name}: no answer within {deadline_s:.0f} s") from error
        answer = unframed(Output(done.returncode, done.stdout, done.stderr))
        if isinstance(answer, NotBegun):
            user = pwd.getpwuid(os.getuid()).pw_name
            raise refusal(answer, self._shell, Account(self._name, user, "on this computer:"))
        return answer

    def close(self) -> None:
        """Do nothing: nothing stays open between two programs."""


def locally(name: str, data: Mapping[str, object], shell: Shell) -> Session:
    """Return a session to this machine, whatever address a host is declared with."""
    return LocalSession(name, shell)


def _login() -> dict[str, str]:
    """Return what sshd would give a program: nothing of this process gets in the way of a fact."""
    user = pwd.getpwuid(os.getuid())
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "SHELL": user.pw_shell,
    }
