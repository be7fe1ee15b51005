"""A session over SSH: strict identity, no Nagle, keepalive with an answer, real close.

The only file that touches paramiko. It knows programs and bytes, nothing of facts or operations.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import termios
from array import array
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Final

import gevent
from gevent import Greenlet
from gevent.event import Event as GeventEvent
from paramiko import (
    AuthenticationException,
    BadHostKeyException,
    MissingHostKeyPolicy,
    PKey,
    SSHException,
)
from paramiko import SSHClient as ParamikoClient
from paramiko.channel import Channel
from paramiko.transport import Transport
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.sshuserclient import SSHClient
from typing_extensions import override

from fleet.base.errors import Refused, Unreachable
from fleet.host.pyinfra import new_state
from fleet.host.session import CommandTimeout, LostContact, Output, Session
from fleet.host.shell import GRACE_S, Shell

#: Seconds between keepalive requests, and seconds to wait for the answer: a frozen network is
#: noticed within their sum (the design's bound is 30 s).
KEEPALIVE_EVERY_S: Final = 10.0
KEEPALIVE_ANSWER_S: Final = 10.0
#: Looks for an answer within that time.
_LOOKS: Final = 20
#: Bytes of one read from a channel.
_CHUNK: Final = 65_536
#: Where pyinfra hands on what `fleet/run/hostdata.py` declares for the connection.
_DECLARED: Final = "_pyinfra_ssh_paramiko_connect_kwargs"


class HostKeyChanged(Refused):
    """The host showed another key than the pinned one.

    It is another machine, or it was reinstalled, or somebody stands in between. The pin is never
    replaced by itself: check on the host's console, then pin again with
    `b70 bootstrap HOST --rekey`.
    """

    id = "host-key-changed"


class HostKeyNotPinned(Refused):
    """No host key is pinned in the inventory, and this tool does not trust at first use."""

    id = "host-key-not-pinned"


def fingerprint(key: PKey) -> str:
    """Return a key's fingerprint the way ssh-keygen -l prints it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return f"{key.get_name()} SHA256:{b64encode(digest).decode().rstrip('=')}"


#: Decides about a host key at first contact: public key line, fingerprint -> accept?
AcceptKey = Callable[[str, str], bool]


class KeyNotAccepted(Refused):
    """The key shown at first contact is not the expected one, or nobody confirmed it."""

    id = "host-key-not-accepted"


class _FirstContact(SSHClient):
    """A client that knows no key and asks about the one it is shown, exactly once."""

    def __init__(self, accept: AcceptKey) -> None:
        super().__init__()
        self._accept = accept

    @override
    def set_missing_host_key_policy(
        self, policy: type[MissingHostKeyPolicy] | MissingHostKeyPolicy
    ) -> None:
        super().set_missing_host_key_policy(_Ask(self._accept))


class _Ask(MissingHostKeyPolicy):
    def __init__(self, accept: AcceptKey) -> None:
        self._accept = accept

    @override
    def missing_host_key(self, client: ParamikoClient, hostname: str, key: PKey) -> None:
        line = f"{key.get_name()} {key.get_base64()}"
        if not self._accept(line, fingerprint(key)):
            raise KeyNotAccepted(f"{hostname}: host key {fingerprint(key)} was not accepted")


class SshSession:
    """A connection over SSH.

    Args:
        name: the host's.
        data: its pyinfra data; pyinfra's connector reads ssh_config, keys and ProxyJump from it.
        shell: how programs are run there.
        accept: at first contact, decides about the host key; otherwise only pinned keys are known.
    """

    def __init__(
        self,
        name: str,
        data: Mapping[str, object],
        shell: Shell,
        accept: AcceptKey | None = None,
    ) -> None:
        _, self._host = new_state(name, data)
        self._shell = shell
        self._accept = accept
        self._client: SSHClient | None = None
        self._closing = GeventEvent()
        self._frozen = False
        self.execs = 0

    def connect(self, patience_s: float | None = None) -> None:
        """Connect with the pinned key.

        Raises:
            HostKeyChanged, HostKeyNotPinned: identity is not what the inventory says.
            Unreachable: everything else.
        """
        self._closing, self._frozen = GeventEvent(), False
        connector = self._host.connector
        if not isinstance(connector, SSHConnector):
            raise Unreachable(f"{self._host.name}: not an SSH host")
        kwargs = connector.make_paramiko_kwargs()
        hostname = kwargs.pop("hostname")
        declared = kwargs[_DECLARED] or {}  # it goes before the plain keyword
        if patience_s is not None:
            declared = {**declared, "timeout": min(patience_s, declared["timeout"])}
        kwargs[_DECLARED] = {**declared, "transport_factory": _without_nagle}
        client = _FirstContact(self._accept) if self._accept else SSHClient()
        if self._accept:
            kwargs["_pyinfra_ssh_known_hosts_file"] = os.devnull
        try:
            client.connect(hostname, **kwargs)
        except BadHostKeyException as error:
            raise HostKeyChanged(
                f"{self._host.name}: host key is {fingerprint(error.key)}, "
                f"pinned is {fingerprint(error.expected_key)}",
                "check on the console; if the change is yours: "
                f"b70 bootstrap {self._host.name} --rekey",
            ) from error
        except AuthenticationException as error:
            raise Unreachable(
                f"{self._host.name}: login refused ({error})",
                f"try: ssh -v {hostname}; the key in the inventory must be authorized there",
            ) from error
        except (SSHException, OSError, EOFError, socket.gaierror) as error:
            if "No host key for" in str(error):  # pyinfra's StrictPolicy
                raise HostKeyNotPinned(
                    f"{self._host.name}: no host key pinned for {hostname}",
                    f"b70 bootstrap {self._host.name}",
                ) from error
            reason = str(error) or type(error).__name__
            raise Unreachable(
                f"{self._host.name}: cannot connect to {hostname}: {reason}",
                f"is it on? try: ssh {hostname}",
            ) from error
        self._client = client
        gevent.spawn(self._watch, self._transport())

    def run(self, program: str, *, deadline_s: float) -> Output:
        """Run a program in a channel of its own."""
        self.execs += 1
        try:
            channel = self._transport().open_session(timeout=deadline_s)
            channel.exec_command(self._shell.command(deadline_s))
            feeder = gevent.spawn(_feed, channel, self._shell.stdin(program))
            output = _drain(channel, deadline_s + GRACE_S)
            feeder.kill()
        except (SSHException, OSError, EOFError) as error:
            raise self._lost(error) from error
        if output is None:
            channel.close()
            raise CommandTimeout(f"{self._host.name}: no answer within {deadline_s:.0f} s")
        if output.status == -1:
            raise self._lost(None)
        return output

    def close(self) -> None:
        """Close the transport itself; pyinfra only forgets it."""
        self._closing.set()
        if self._client is not None:
            self._client.close()
            self._client = None

    def _transport(self) -> Transport:
        transport = self._client.get_transport() if self._client else None
        if transport is None or not transport.is_active():
            raise self._lost(None)
        return transport

    def _lost(self, error: BaseException | None) -> LostContact:
        reason = "the network froze" if self._frozen else str(error or "the connection ended")
        return LostContact(
            f"{self._host.name}: lost contact: {reason}",
            f"when it is back: b70 plan --limit {self._host.name}",
        )

    def _watch(self, transport: Transport) -> None:
        """Ask for a sign of life; without an answer close the transport and wake the waiters."""
        while not self._closing.wait(KEEPALIVE_EVERY_S) and transport.is_active():
            if not _is_answered(asked := gevent.spawn(_ping, transport), transport):
                self._frozen = True
                asked.kill(block=False)
                _abandon(transport)
                return


def _is_answered(asked: Greenlet[[Transport], None], transport: Transport) -> bool:
    """Wait for a sign of life, without counting the time in which nobody here could have seen it.

    An answer may have come long ago while this process had no processor, decided about other hosts
    or was asleep together with its computer: such a gap counts as one look, however long it is, and
    a look counts only when everything that arrived had been read (64 hosts on two cores).
    """
    looks = 0
    while looks < _LOOKS:
        asked.join(timeout=KEEPALIVE_ANSWER_S / _LOOKS)
        if asked.ready():
            return True
        looks += not _has_unread(transport)
    return False


def _has_unread(transport: Transport) -> bool:
    """Return True if bytes of the peer wait to be read."""
    sock: object = transport.sock
    if isinstance(sock, Channel):  # ProxyJump
        return sock.recv_ready()
    if not isinstance(sock, socket.socket) or sock.fileno() < 0:
        return False
    waiting = array("i", [0])
    fcntl.ioctl(sock.fileno(), termios.FIONREAD, waiting)
    return waiting[0] > 0


def _ping(transport: Transport) -> None:
    """Send a request that every SSH server must answer, if only with a refusal."""
    transport.global_request("keepalive@openssh.com", wait=True)


def _abandon(transport: Transport) -> None:
    """End a transport whose peer is silent, without waiting for it to agree."""
    transport.active = False
    sock = transport.sock
    if isinstance(sock, socket.socket):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            # already gone: that is what is wanted
            return
    else:
        sock.close()


def _without_nagle(sock: socket.socket | Channel, **options: object) -> Transport:
    """Return a transport without Nagle's algorithm, which paramiko leaves on.

    It is set before the handshake: with it the handshake waits 45 ms for delayed acknowledgements,
    and each program another 40. Through a jump host the real socket is one transport further down;
    pyinfra made that one, so its own handshake is over by then.
    """
    wire: object = sock
    while isinstance(wire, Channel):
        wire = wire.get_transport().sock
    if isinstance(wire, socket.socket) and wire.family != socket.AF_UNIX:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Transport(sock, **options)  # type: ignore[arg-type]


def _feed(channel: Channel, data: bytes) -> None:
    """Send stdin while the output is drained, so that neither side's window can block the other."""
    try:
        channel.sendall(data)
        channel.shutdown_write()
    except (OSError, EOFError):
        # the program ended early: its exit status says why
        return


def _drain(channel: Channel, limit_s: float) -> Output | None:
    """Collect output until the program ends; None when it does not within limit_s seconds."""
    out, err = bytearray(), bytearray()

    def read_stderr() -> None:
        while chunk := channel.recv_stderr(_CHUNK):
            err.extend(chunk)

    with gevent.Timeout(limit_s, False) as timer:  # type: ignore[arg-type]
        errors = gevent.spawn(read_stderr)
        while chunk := channel.recv(_CHUNK):
            out.extend(chunk)
        errors.join()
        status = channel.recv_exit_status()
        timer.cancel()
        channel.close()
        return Output(status, bytes(out), bytes(err))
    errors.kill()
    return None


def by_ssh(name: str, data: Mapping[str, object], shell: Shell) -> Session:
    """Return an SSH session with the pinned keys only; the way of every normal run."""
    return SshSession(name, data, shell)
