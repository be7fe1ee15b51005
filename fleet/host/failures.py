"""Why a connection could not be made: a sentence and a next step for every exception. Pure.

A row per class of exception. A library's own text is written for programmers, differs between
versions and names no next step: it goes to the debug log, never to a person.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import paramiko
from paramiko import ssh_exception
from paramiko.auth_strategy import AuthFailure
from paramiko.hostkeys import InvalidHostKey
from paramiko.packet import NeedRekeyException
from paramiko.pkey import UnknownKeyType
from pyinfra.api import exceptions as pyinfra

from fleet.base.errors import Unreachable
from fleet.host.route import Hop


class LoginRefused(Unreachable):
    """The SSH server did not let the account in with what was offered.

    The message says which account, where and with what. A server counts each key as an attempt and
    hangs up after a few (MaxAuthTries): declare the one `key:` of a host where an agent holds many.
    """

    id = "login-refused"


class JumpHostRefused(Unreachable):
    """The jump host let us in and did not pass the connection on to the next host."""

    id = "jump-host"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried when it failed.

    Args:
        host: name in the inventory.
        hop: the SSH server that was being connected to.
        via: the jump host before it; None = none.
        patience_s: seconds that were waited for an answer.
        offered: keys or password, for a person.
        left_out: key files that could not be offered, and why.
        banner: the server's own words, if it sent some.
        hung_up: the server closed the connection.
    """

    host: str
    hop: Hop
    via: Hop | None = None
    patience_s: float = 0
    offered: Sequence[str] = ()
    left_out: Sequence[str] = ()
    banner: str = ""
    hung_up: bool = False

    @property
    def where(self) -> str:
        """Return which server, for a person."""
        through = f" through {self.via.name}" if self.via else ""
        role = "" if self.hop.name == self.hop.hostname else f"{self.hop.name} = "
        return f"{role}{self.hop.hostname} port {self.hop.port}{through}"


Told = Callable[[BaseException, Attempt], Unreachable]


def _no_answer(_: BaseException, at: Attempt) -> Unreachable:
    return Unreachable(
        f"{at.host}: no answer from {at.where} within {at.patience_s:.0f} s",
        f"is it on? ping -c 3 {at.hop.hostname}; a firewall that drops port {at.hop.port} looks "
        "the same",
    )


def _nobody_listens(_: BaseException, at: Attempt) -> Unreachable:
    return Unreachable(
        f"{at.host}: nothing listens at {at.where}",
        f"is {at.hop.port} the port of its sshd? on its console: ss -ltnp; then port: in the "
        "inventory, or systemctl start ssh there",
    )


def _unknown_name(error: BaseException, at: Attempt) -> Unreachable:
    name = at.hop.hostname
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        said = f"the name server did not answer for {name}"
    else:
        said = f"no name server knows {name}"
    return Unreachable(
        f"{at.host}: {said}",
        f"getent hosts {name}; then correct address: (or HostName in ssh_config)",
    )


#: What an error of the network means (errno(3)); without a row its name is given.
_NETWORK: Final = {
    errno.EHOSTUNREACH: "there is no way to {where}: the host does not answer on its network",
    errno.ENETUNREACH: "there is no way to {where}: this computer has no route to that network",
    errno.EHOSTDOWN: "there is no way to {where}: the host does not answer on its network",
    errno.ENETDOWN: "there is no way to {where}: this computer's network is down",
    errno.EADDRNOTAVAIL: "this computer has no address from which {where} can be reached",
    errno.EACCES: "this computer's firewall forbids to connect to {where}",
    errno.EPERM: "this computer's firewall forbids to connect to {where}",
    errno.EMFILE: "this computer has no file descriptor left for {where}; ulimit -n is too low",
    errno.EBADF: "the connection to {where} was closed here while it was being made",
}


def _network(error: BaseException, at: Attempt) -> Unreachable:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ETIMEDOUT:
        return _no_answer(error, at)
    if number in (errno.ECONNRESET, errno.EPIPE):
        return _hung_up(error, at)
    name = errno.errorcode.get(number or 0, "no reason given")
    known = _NETWORK.get(number or 0, f"cannot connect to {{where}} ({name})")
    return Unreachable(
        f"{at.host}: {known.format(where=at.where)}", f"ip route get {at.hop.hostname}"
    )


def _unreachable(error: BaseException, at: Attempt) -> Unreachable:
    """Several addresses were tried: the first reason stands for all."""
    reasons = getattr(error, "errors", {})
    first = next(iter(reasons.values()), OSError())
    return explain(first, at)


def _hung_up(_: BaseException, at: Attempt) -> Unreachable:
    return Unreachable(
        f"{at.host}: {at.where} closed the connection before SSH began",
        f"{at.hop.ssh} -v true; on its console: journalctl -u ssh -u sshd -n 20 (MaxStartups, "
        "fail2ban, another service on that port)",
    )


def _no_ssh(_: BaseException, at: Attempt) -> Unreachable:
    return Unreachable(
        f"{at.host}: what answers at {at.where} does not speak SSH as it should",
        f"{at.hop.ssh} -v true; is {at.hop.port} the port of its sshd?",
    )


def _incompatible(_: BaseException, at: Attempt) -> Unreachable:
    return Unreachable(
        f"{at.host}: {at.where} and this tool have no algorithm in common",
        "on its console: sshd -T | grep -iE '^(kexalgorithms|ciphers|macs|hostkeyalgorithms)'; "
        "curve25519-sha256, aes256-ctr, hmac-sha2-256 and ssh-ed25519 will do",
    )


def _login(error: BaseException, at: Attempt) -> Unreachable:
    who = f"{at.hop.user} at {at.where}"
    said = f"; it says: {at.banner}" if at.banner else ""
    left_out = f" ({'; '.join(at.left_out)})" if at.left_out else ""
    other = f"another account: user: in the inventory, b70 bootstrap {at.host} --login USER"
    if not at.offered:
        add = f"ssh-add {at.left_out[0].split()[0]}" if at.left_out else "ssh-add"
        return LoginRefused(
            f"{at.host}: there is no key to offer for {who}{left_out}",
            f"{add}; or declare key: FILE",
        )
    offered = _shown(at.offered)
    if at.hung_up and len(at.offered) > 1:
        return LoginRefused(
            f"{at.host}: {who} hung up before all keys were offered: {offered}{said}",
            "declare the one key: FILE of this host (a server takes 6 attempts, MaxAuthTries)",
        )
    if isinstance(error, ssh_exception.PartialAuthentication):
        return LoginRefused(
            f"{at.host}: {who} took {offered} and asks for a second proof, which is not supported",
            "on its console: sshd -T | grep -i authenticationmethods; publickey alone will do",
        )
    return LoginRefused(
        f"{at.host}: login refused for {who}, with {offered}{left_out}{said}",
        f"{at.hop.ssh} -v true; the key's public half must be in authorized_keys there; {other}",
    )


def _key(_: BaseException, at: Attempt) -> Unreachable:
    return Unreachable(
        f"{at.host}: the key that {at.where} shows is of a kind that is not supported",
        f"ssh-keyscan -p {at.hop.port} {at.hop.hostname}; ssh-ed25519 will do",
    )


def _no_forwarding(error: BaseException, at: Attempt) -> Unreachable:
    if at.via is None:  # a channel of the host itself
        return Unreachable(
            f"{at.host}: {at.where} opens no session",
            "on its console: sshd -T | grep -i maxsessions; 1 will do",
        )
    code = error.code if isinstance(error, ssh_exception.ChannelException) else 0
    there = f"{at.hop.hostname} port {at.hop.port}"
    if code == paramiko.common.OPEN_FAILED_CONNECT_FAILED:
        return JumpHostRefused(
            f"{at.host}: the jump host {at.via.name} cannot reach {there}",
            f"is it on? {at.via.ssh} ping -c 3 {at.hop.hostname}",
        )
    return JumpHostRefused(
        f"{at.host}: the jump host {at.via.name} does not pass connections on to {there}",
        f"on the console of {at.via.name}: sshd -T | grep -iE 'allowtcpforwarding|permitopen'",
    )


def _proxy_command(_: BaseException, at: Attempt) -> Unreachable:
    return Unreachable(
        f"{at.host}: the ProxyCommand of ssh_config leads to no SSH: {at.hop.proxy_command}",
        f"{at.hop.ssh} -v true   # what that command says",
    )


def _config(_: BaseException, at: Attempt) -> Unreachable:
    return Unreachable(
        f"{at.host}: ssh_config cannot be used for {at.hop.name}", f"ssh -G {at.hop.name}"
    )


def _bug(error: BaseException, at: Attempt) -> Unreachable:
    return Unreachable(
        f"{at.host}: cannot connect to {at.where} ({type(error).__name__})",
        f"{at.hop.ssh} -v true; the debug log of this run says more",
    )


#: Class of an exception -> what it means. A class without a row counts as its base. All that can
#: come out of the libraries' connecting has a row of its own, and a test compares with theirs.
ROWS: Final[dict[type[BaseException], Told]] = {
    socket.gaierror: _unknown_name,
    socket.herror: _unknown_name,
    TimeoutError: _no_answer,
    ConnectionRefusedError: _nobody_listens,
    ConnectionError: _hung_up,
    EOFError: _hung_up,
    OSError: _network,
    UnicodeError: _unknown_name,  # a name with an empty or too long part
    ssh_exception.SSHException: _no_ssh,
    ssh_exception.MessageOrderError: _no_ssh,
    ssh_exception.IncompatiblePeer: _incompatible,
    ssh_exception.NoValidConnectionsError: _unreachable,
    ssh_exception.BadHostKeyException: _key,
    InvalidHostKey: _key,
    UnknownKeyType: _key,
    ssh_exception.AuthenticationException: _login,
    ssh_exception.PasswordRequiredException: _login,
    ssh_exception.BadAuthenticationType: _login,
    ssh_exception.PartialAuthentication: _login,
    ssh_exception.UnableToAuthenticate: _login,
    AuthFailure: _login,
    ssh_exception.ChannelException: _no_forwarding,
    ssh_exception.ProxyCommandFailure: _proxy_command,
    ssh_exception.CouldNotCanonicalize: _config,
    ssh_exception.ConfigParseError: _config,
    NeedRekeyException: _no_ssh,
    pyinfra.PyinfraError: _bug,
    pyinfra.ConnectError: _bug,
    Exception: _bug,
}


def explain(error: BaseException, at: Attempt) -> Unreachable:
    """Return why a connection could not be made.

    Args:
        error: what came out of a library.
        at: what was being tried.
    """
    told = next(ROWS[kind] for kind in type(error).__mro__ if kind in ROWS)
    if at.hop.proxy_command and told in (_hung_up, _no_ssh, _network, _no_answer):
        told = _proxy_command
    return told(error, at)


def _shown(offered: Sequence[str], most: int = 3) -> str:
    more = len(offered) - most
    return ", ".join(offered[:most]) + (f" and {more} more" if more > 0 else "")
