"""Why a program never began on a host: a sentence and a next step for what was said there. Pure.

The causes are rows. A text that no row knows is quoted, and the next step finds the cause. Knows
nothing of the connection over which the program was sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from fleet.base.errors import FleetError, Refused, Unreachable
from fleet.base.sudoers import sudo_line
from fleet.host.answer import NotBegun
from fleet.host.shell import Shell

#: Characters of a host's own words that are quoted.
_QUOTED: Final = 200


class SudoRefused(Refused):
    """sudo did not let the inventory's user run commands as root.

    Programs run as `sudo -n`, or with the declared `sudo_password`. sudo gets that once and nothing
    behind it, so a wrong one costs one failed attempt: three lock an account on many systems.
    """

    id = "sudo"


class LoginShell(Unreachable):
    """The login was accepted, but the account did not run the program that it was sent.

    Its password has expired, its shell is nologin, or sshd forces another command on it. Any login
    shell that passes `sh -c '...'` on will do: bash, dash, fish, tcsh, zsh and others.
    """

    id = "login-shell"


@dataclass(frozen=True, slots=True)
class Account:
    """Who logged in where, for a person.

    Args:
        host: name in the inventory.
        user: login name.
        ssh: the command by which a person takes the same way.
    """

    host: str
    user: str
    ssh: str


class Cause(NamedTuple):
    """A text that a host prints, what it means, and what to do; {user}, {ssh} and {source} vary."""

    said: str
    means: str
    remedy: str


_BY_ROOT: Final = "on the host, as root: "
#: Of a sudo that was given a password. Texts of sudo 1.8 and 1.9, sudo-rs and pam_faillock.
_PASSWORD: Final = (
    Cause(
        r"account is locked|locked due to",
        "the account {user} is locked after failed logins",
        _BY_ROOT + "faillock --user {user} --reset",
    ),
    Cause(
        r"[Ss]orry, try again|[Ii]ncorrect (password|authentication) attempt|Authentication failed"
        r"|Authentication failure|incorrect authentication",
        "the password from {source} is wrong: sudo refused it for {user}",
        "find the right one: {ssh} -t sudo -k -v; then give it as {source}",
    ),
)
#: Of every sudo. Texts of sudo 1.8 and 1.9 (plugins/sudoers/po/sudoers.pot, src/sudo.c), sudo-rs
#: (src/common/error.rs), coreutils' timeout and the shells.
_SUDO: Final = (
    Cause(
        r"must have a tty",
        "sudo wants a terminal (requiretty)",
        _BY_ROOT + sudo_line("Defaults:{user} !requiretty"),
    ),
    Cause(
        r"[Aa]ccount (or password is |has )?expired|[Pp]assword (has )?expired"
        r"|account validation failure|password is expired",
        "sudo says that the account or the password of {user} has expired",
        _BY_ROOT + "chage -l {user}; it never expires again with: "
        "chage -d $(date +%F) -M -1 -E -1 {user}",
    ),
    Cause(
        r"not in the sudoers file|not in sudoers|I'm afraid I can't do that|not allowed to (execute"
        r"|run)|may not run sudo",
        "{user} may not run commands as root by sudo",
        _BY_ROOT + sudo_line("{user} ALL=(ALL) NOPASSWD: ALL"),
    ),
    Cause(
        r"(password|terminal|authentication) is required|no tty present|no password was provided",
        "sudo asks {user} for a password",
        _BY_ROOT + sudo_line("{user} ALL=(ALL) NOPASSWD: ALL") + "   "
        "# or declare sudo_password: env:NAME",
    ),
    Cause(
        r"failed to run command|failed to execute|unable to execute",
        "sudo lets {user} run no program that starts another one (noexec)",
        _BY_ROOT + sudo_line("Defaults:{user} !noexec") + "   # and no NOEXEC: in its rule",
    ),
    Cause(
        r"sudo: (command )?not found|sudo: (Permission denied|No such file)",
        "sudo is not there",
        _BY_ROOT + "apt-get install sudo   # or declare user: root",
    ),
    Cause(
        r"setuid|effective (uid|user ID) is not 0",
        "sudo has lost its setuid bit, or lies on a file system without one (nosuid)",
        _BY_ROOT + 'ls -l "$(command -v sudo)"; chmod u+s /usr/bin/sudo',
    ),
    Cause(
        r"no new privileges",
        "what runs here may get no new rights (NoNewPrivileges)",
        "on the host: systemctl show ssh sshd -p NoNewPrivileges",
    ),
    Cause(
        r"(parse|syntax) error|no valid sudoers|sudoers is |sudoers.*(owned|writable|mode)"
        r"|invalid configuration|unable to (open|read|stat) /etc/sudoers",
        "sudo cannot use its configuration",
        _BY_ROOT + "visudo -c",
    ),
    Cause(
        r"PAM (authentication |account management )?error|PAM account",
        "the host's rules for logins (PAM) do not let {user} use sudo",
        _BY_ROOT + "journalctl -n 20 -t sudo   # which rule it was",
    ),
)
#: Of a login. Texts of OpenSSH (session.c), pam_unix, pam_nologin, nologin and git-shell.
_LOGIN: Final = (
    Cause(
        r"[Pp]assword has expired|[Pp]assword change required|required to change your password",
        "the password of {user} has expired, and its login runs nothing until it is changed",
        _BY_ROOT + "passwd {user}; or, and it never expires again: "
        "chage -d $(date +%F) -M -1 {user}",
    ),
    Cause(
        r"account has expired",
        "the account {user} has expired",
        _BY_ROOT + "chage -E -1 {user}",
    ),
    Cause(
        r"account is (currently )?not available",
        "the login shell of {user} runs nothing",
        _BY_ROOT + "usermod --shell /bin/sh {user}   # or declare another user:",
    ),
    Cause(
        r"git.shell|unrecognized command|What do you think I am",
        "the login shell of {user} is git's, which runs nothing else",
        _BY_ROOT + "usermod --shell /bin/sh {user}   # or declare another user:",
    ),
    Cause(
        r"[Ss]ystem is (booting up|going down)|pam_nologin",
        "the host is booting or going down and lets only root log in",
        "wait, then: {ssh} true",
    ),
)


def refusal(silence: NotBegun, shell: Shell, account: Account) -> FleetError:
    """Return the error for a program that never began.

    Args:
        silence: what ran in its place, and what that said.
        shell: how it should have been run.
        account: by whom.
    """
    words = {"user": account.user, "ssh": account.ssh, "source": shell.source or "the prompt"}
    if silence.shell_ran and shell.sudo:
        causes = (*_PASSWORD, *_SUDO) if silence.password_refused else _SUDO
        unknown = Cause("", "sudo refused {user}", "{ssh} sudo -n true   # says the same")
        return SudoRefused(*_told(account.host, silence, causes, unknown, words))
    if silence.shell_ran:
        unknown = Cause("", "the host could not start a program", "{ssh} 'command -v timeout sh'")
        return LoginShell(*_told(account.host, silence, (), unknown, words))
    unknown = Cause(
        "",
        "the login of {user} did not run the program that it was sent",
        "on the host: getent passwd {user} ends with the login shell; sshd -T may say forcecommand",
    )
    return LoginShell(*_told(account.host, silence, _LOGIN, unknown, words))


def _told(
    host: str,
    silence: NotBegun,
    causes: tuple[Cause, ...],
    unknown: Cause,
    words: dict[str, str],
) -> tuple[str, str]:
    """Return sentence and next step; a cause that no row knows is quoted."""
    for cause in causes:
        if re.search(cause.said, silence.said):
            return f"{host}: {cause.means.format(**words)}", cause.remedy.format(**words)
    quoted = f"{_last_line(silence.said) or 'no message'} (exit status {silence.status})"
    return f"{host}: {unknown.means.format(**words)}: {quoted}", unknown.remedy.format(**words)


def _last_line(said: str) -> str:
    """Return the last line of a host's words, without control characters."""
    lines = [line for line in said.splitlines() if line.strip()]
    last = lines[-1].strip() if lines else ""
    return "".join(letter if letter.isprintable() else "?" for letter in last)[:_QUOTED]
