"""The way to a host that is not pinned yet: its key is shown, judged once, and nothing trusted.

Opens sessions; knows neither accounts nor the hosts file.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from declaration.host import Connection, HostSpec
from declaration.secret import Secret
from fleet.base.errors import Refused, Unreachable
from fleet.config import Fleet
from fleet.first import keyline
from fleet.first.choices import Choices
from fleet.host.hostkeys import AcceptKey, KeyNotAccepted
from fleet.host.session import Session
from fleet.host.shell import Shell
from fleet.run.hostdata import host_data


class FingerprintMismatch(Refused):
    """The host showed another key than the one given with --host-key. Nothing was sent to it."""

    id = "host-key-mismatch"


class FirstWay(Protocol):
    """Makes a session to a host, not open yet; `SshSession` is one."""

    def __call__(
        self,
        name: str,
        data: Mapping[str, object],
        shell: Shell,
        accept: AcceptKey | None = None,
    ) -> Session:
        """Return the session; without `accept` only pinned keys are known."""


@dataclass(frozen=True, slots=True)
class Passwords:
    """What a person typed, or the inventory refers to.

    Args:
        login: of the account that exists there already; None = its key.
        sudo: of the same; None = sudo does not ask.
    """

    login: Secret | None = None
    sudo: Secret | None = None


@contextmanager
def first_session(
    way: FirstWay,
    fleet: Fleet,
    choices: Choices,
    login: str,
    passwords: Passwords,
    accept: AcceptKey,
) -> Iterator[Session]:
    """Open the first session to a host; it is closed whatever happens.

    Args:
        fleet: a fleet that has the host, pinned or not.
        accept: decides about the host key.

    Raises:
        Unreachable: with the command to try by hand, and this one with another login.
    """
    spec = fleet.hosts[choices.host]
    data: dict[str, object] = {**host_data(spec, fleet), "ssh_user": login}
    if passwords.login is not None:
        data.pop("ssh_key", None)
        data["ssh_password"] = passwords.login.reveal()
    password = passwords.sudo.reveal() if passwords.sudo else ""
    shell = Shell(login != "root", password, "--ask-sudo-pass" if password else "")
    session = way(spec.name, data, shell, accept)
    try:
        try:
            session.connect()
        except Unreachable as error:
            other = choices.again(login="USER")
            raise Unreachable(
                f"{error.message}; tried as {login}",
                f"{by_hand(spec, login, str(data.get('ssh_key', '')))}\n"
                f"{other}   # an account that may log in there",
            ) from error
        yield session
    finally:
        session.close()


@contextmanager
def later_session(way: FirstWay, fleet: Fleet, host: str) -> Iterator[Session]:
    """Open a session in the way of every later run: pinned key, declared user; closed at the end.

    Raises:
        Unreachable, Refused: that does not work.
    """
    spec = fleet.hosts[host]
    reference = spec.connection.sudo_password
    password = fleet.resolve(reference).reveal() if reference else ""
    shell = Shell(spec.connection.user != "root", password, str(reference) if reference else "")
    session = way(host, host_data(spec, fleet), shell)
    try:
        session.connect()
        yield session
    finally:
        session.close()


def by_hand(spec: HostSpec, login: str, key: str) -> str:
    """Return the ssh command that shows why a login does not work."""
    words = ["ssh", "-v"]
    if spec.connection.ssh_config:
        words += ["-F", spec.connection.ssh_config]
    if spec.connection.port != 22:
        words += ["-p", str(spec.connection.port)]
    if key:
        words += ["-i", key]
    return shlex.join([*words, f"{login}@{spec.connection.address}", "true"])


def copy_key(link: Connection, again: str) -> str:
    """Return the command that authorizes the key of a login which is there already.

    Args:
        again: the command to repeat afterwards.
    """
    words = ["ssh-copy-id", "-p", str(link.port)]
    if link.key:
        words += ["-i", str(Path(link.key).expanduser())]
    return f"{shlex.join([*words, f'{link.user}@{link.address}'])} && {again}"


def accept_key(
    choices: Choices,
    confirm: Callable[[str], bool],
    seen: Callable[[str], None],
) -> AcceptKey:
    """Return what decides about the key of a first session.

    Args:
        confirm: is shown the fingerprint, says whether to go on; not asked where one was given.
        seen: is told the key line first; raises where the fleet cannot have it.
    """

    def accept(line: str, fingerprint: str) -> bool:
        seen(line)
        if choices.host_key is None:
            if confirm(fingerprint):
                return True
            raise KeyNotAccepted(
                f"{choices.host}: host key {fingerprint} was not accepted; nothing was sent",
                choices.again(host_key="SHA256:…") + "   # the fingerprint on its console",
            )
        if keyline.digest_of(choices.host_key) == fingerprint.partition("SHA256:")[2]:
            return True
        kind = keyline.kind(line).removeprefix("ssh-").split("-")[0]
        raise FingerprintMismatch(
            f"{choices.host}: host key is {fingerprint}, expected {choices.host_key}",
            f"on the host's console: ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub",
        )

    return accept
