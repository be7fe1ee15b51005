"""No library's text reaches a person: every exception of connecting has a sentence of ours."""

from __future__ import annotations

import errno
import inspect
import socket
from collections.abc import Iterator

import paramiko
import pytest
from gevent.socket import socket as gevent_socket
from paramiko import auth_strategy, hostkeys, pkey, proxy, ssh_exception, transport
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    BadHostKeyException,
    ChannelException,
    NoValidConnectionsError,
    PartialAuthentication,
    ProxyCommandFailure,
)
from pyinfra.api import exceptions as pyinfra_exceptions

from fleet.base.exitcodes import ExitCode
from fleet.host.failures import ROWS, Attempt, explain
from fleet.host.route import Hop

TEXT = "what a library says"
HOP = Hop(name="rig", hostname="192.0.2.10", port=2222, user="admin", declared="/k/id")
AT = Attempt("rig-a", HOP, patience_s=10, offered=["the key /k/id"])
#: Of what takes more than a text to be made, one each.
ECDSA = paramiko.ECDSAKey.generate(bits=256)
SPECIAL: dict[type[BaseException], BaseException] = {
    BadHostKeyException: BadHostKeyException(TEXT, ECDSA, ECDSA),
    BadAuthenticationType: BadAuthenticationType(TEXT, [TEXT]),
    PartialAuthentication: PartialAuthentication([TEXT]),
    ChannelException: ChannelException(1, TEXT),
    ProxyCommandFailure: ProxyCommandFailure(TEXT, TEXT),
    NoValidConnectionsError: NoValidConnectionsError(
        {("192.0.2.10", 22): ConnectionRefusedError(errno.ECONNREFUSED, TEXT)}
    ),
    UnknownKeyType: UnknownKeyType(key_type=TEXT, key_bytes=b""),
    hostkeys.InvalidHostKey: hostkeys.InvalidHostKey(TEXT, ValueError(TEXT)),
    auth_strategy.AuthFailure: auth_strategy.AuthFailure(auth_strategy.AuthResult(None)),  # type: ignore[arg-type]
}
#: Of pyinfra's exceptions those are about operations and its command line, never a connection.
PYINFRA = {pyinfra_exceptions.PyinfraError, pyinfra_exceptions.ConnectError}


def of_libraries() -> Iterator[type[BaseException]]:
    """Yield every exception class of the modules that connecting goes through."""
    for module in (ssh_exception, auth_strategy, hostkeys, pkey, proxy, transport, socket):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and not kind.__name__.startswith("_"):
                yield kind
    yield from PYINFRA


@pytest.mark.parametrize("kind", sorted(set(of_libraries()), key=str), ids=lambda k: k.__name__)
def test_every_exception_of_the_libraries_has_a_row_and_a_sentence(kind: type[Exception]) -> None:
    assert kind in ROWS, f"{kind} is new: say what it means"
    error = SPECIAL.get(kind) or kind(TEXT)
    for at in (AT, Attempt("rig-a", HOP, via=Hop("hop", "192.0.2.1", 22, "jumper"))):
        told = explain(error, at)
        assert told.exit_code is ExitCode.UNREACHABLE
        assert told.message.startswith("rig-a: ")
        assert told.hint
        assert TEXT not in told.message + told.hint


def test_a_class_that_comes_later_counts_as_its_base() -> None:
    class Newer(ssh_exception.SSHException):
        pass

    assert "does not speak SSH" in explain(Newer(TEXT), AT).message


@pytest.mark.parametrize(
    ("error", "means", "remedy"),
    [
        (socket.gaierror(socket.EAI_NONAME, TEXT), "no name server knows 192.0.2.10", "getent"),
        (socket.gaierror(socket.EAI_AGAIN, TEXT), "the name server did not answer", "getent hosts"),
        (UnicodeError("label empty or too long"), "no name server knows", "getent hosts"),
        (ConnectionRefusedError(errno.ECONNREFUSED, TEXT), "nothing listens", "ss -ltnp"),
        (TimeoutError(TEXT), "no answer from rig = 192.0.2.10 port 2222 within 10 s", "is it on?"),
        (OSError(errno.ETIMEDOUT, TEXT), "no answer from", "is it on?"),
        (OSError(errno.EHOSTUNREACH, TEXT), "does not answer on its network", "ip route get"),
        (OSError(errno.ENETUNREACH, TEXT), "no route to that network", "ip route get 192.0.2.10"),
        (
            OSError(errno.ENOBUFS, TEXT),
            "cannot connect to rig = 192.0.2.10 port 2222 (ENOBUFS)",
            "",
        ),
        (OSError(TEXT), "(no reason given)", "ip route get"),
        (ConnectionResetError(errno.ECONNRESET, TEXT), "before SSH began", "journalctl -u ssh"),
        (EOFError(), "closed the connection before SSH began", "MaxStartups"),
        (paramiko.SSHException("Error reading SSH protocol banner"), "does not speak SSH", "port"),
        (paramiko.ssh_exception.IncompatiblePeer(TEXT), "no algorithm in common", "sshd -T"),
        (AuthenticationException(TEXT), "login refused for admin", "-p 2222 -i /k/id admin@192.0"),
    ],
)
def test_what_a_network_says_becomes_its_cause_and_a_next_step(
    error: Exception, means: str, remedy: str
) -> None:
    told = explain(error, AT)
    assert means in told.message
    assert remedy in told.hint


def test_a_real_name_that_nobody_knows_and_a_real_closed_port_are_told_apart() -> None:
    with pytest.raises(socket.gaierror) as unknown:
        socket.getaddrinfo("no-such-host.invalid", 22)
    assert explain(unknown.value, AT).message.count("name server") == 1
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with gevent_socket() as wire, pytest.raises(ConnectionRefusedError) as closed:
        wire.connect(("127.0.0.1", port))
    assert "nothing listens" in explain(closed.value, AT).message
