"""A session over SSH: programs over one connection, keepalive with an answer, real close.

It knows programs and bytes, nothing of facts or operations. fleet.host.connect connects.
"""

from __future__ import annotations

import fcntl
import socket
import termios
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import gevent
from gevent import Greenlet
from gevent.event import Event as GeventEvent
from paramiko import ChannelException, SSHException
from paramiko.channel import Channel
from paramiko.transport import Transport

from fleet.host.answer import NotBegun, unframed
from fleet.host.connect import Connection, open_route, terms_of
from fleet.host.failures import Attempt, explain
from fleet.host.hostkeys import AcceptKey
from fleet.host.refusal import Account, refusal
from fleet.host.route import Route, route_of
from fleet.host.session import CommandTimeout, LostContact, Output, Session
from fleet.host.shell import GRACE_S, STDOUT_BYTES, Shell, cut_note

#: Seconds between keepalive requests, and seconds to wait for the answer: a frozen network is
#: noticed within their sum (the design's bound is 30 s).
KEEPALIVE_EVERY_S: Final = 10.0
KEEPALIVE_ANSWER_S: Final = 10.0
#: Looks for an answer within that time.
_LOOKS: Final = 20
#: Bytes of one read from a channel.
_CHUNK: Final = 65_536
#: Most bytes of each stream that are kept. The host cuts first (fleet.host.shell); this holds for
#: what a login shell prints before that, and for a host that does not do as it is told.
KEPT_BYTES: Final = STDOUT_BYTES + (1 << 20)


class SshSession:
    """A connection over SSH.

    Args:
        name: the host's.
        data: its pyinfra data (fleet/run/hostdata.py): the way there and its pinned keys.
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
        self._name = name
        self._data = data
        self._shell = shell
        self._accept = accept
        self._route: Route | None = None
        self._connection: Connection | None = None
        self._closing = GeventEvent()
        self._frozen = False
        self.execs = 0

    def connect(self, patience_s: float | None = None) -> None:
        """Connect with the pinned keys.

        Raises:
            HostKeyChanged, HostKeyNotPinned, KeyUnusable and others: nothing was sent to the host.
            Unreachable: everything else.
        """
        self._closing, self._frozen = GeventEvent(), False
        terms = terms_of(self._name, self._data, self._accept)
        if patience_s is not None:
            terms = replace(terms, patience_s=min(patience_s, terms.patience_s))
        self._route = route_of(self._data)
        self._connection = open_route(self._route, terms)
        gevent.spawn(self._watch, self._transport())

    def run(self, program: str, *, deadline_s: float) -> Output:
        """Run a program in a channel of its own."""
        self.execs += 1
        transport = self._transport()
        try:
            channel = transport.open_session(timeout=deadline_s)
        except ChannelException as error:
            raise explain(error, self._attempt()) from error
        except (SSHException, OSError, EOFError) as error:
            raise self._lost() from error
        try:
            channel.exec_command(self._shell.command(deadline_s))
            feeder = gevent.spawn(_feed, channel, self._shell.stdin(program))
            output = _drain(channel, deadline_s + GRACE_S)
            feeder.kill()
        except (SSHException, OSError, EOFError) as error:
            raise self._lost() from error
        if output is None:
            channel.close()
            raise CommandTimeout(f"{self._name}: no answer within {deadline_s:.0f} s")
        if output.status == -1:
            raise self._lost()
        answer = unframed(output)
        if isinstance(answer, NotBegun):
            raise refusal(answer, self._shell, self._account())
        return answer

    def close(self) -> None:
        """Close the transport itself, and those of the jump hosts."""
        self._closing.set()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _transport(self) -> Transport:
        transport = self._connection.transport if self._connection else None
        if transport is None or not transport.is_active():
            raise self._lost()
        return transport

    def _attempt(self) -> Attempt:
        return Attempt(self._name, (self._route or route_of(self._data)).target)

    def _account(self) -> Account:
        hop = self._attempt().hop
        return Account(self._name, hop.user, hop.ssh)

    def _lost(self) -> LostContact:
        reason = "the network froze" if self._frozen else "the connection ended"
        return LostContact(
            f"{self._name}: lost contact: {reason}",
            f"when it is back: b70 plan --limit {self._name}",
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
    try:
        fcntl.ioctl(sock.fileno(), termios.FIONREAD, waiting)
    except OSError:  # closed in this very moment
        return False
    return waiting[0] > 0


def _ping(transport: Transport) -> None:
    """Send a request that every SSH server must answer, if only with a refusal."""
    try:
        transport.global_request("keepalive@openssh.com", wait=True)
    except (SSHException, OSError, EOFError):
        # the connection is gone: whoever waits for a program there learns it by itself
        return


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


def _feed(channel: Channel, data: bytes) -> None:
    """Send stdin while the output is drained, so that neither side's window can block the other."""
    try:
        channel.sendall(data)
        channel.shutdown_write()
    except (SSHException, OSError, EOFError):
        # the program ended early: its exit status says why
        return


@dataclass(slots=True)
class _Kept:
    """The first bytes of a stream; the rest is read and dropped, and counted."""

    data: bytearray = field(default_factory=bytearray)
    dropped: int = 0

    def add(self, chunk: bytes) -> None:
        room = KEPT_BYTES - len(self.data)
        self.data += chunk[:room]
        self.dropped += max(0, len(chunk) - room)

    def whole(self) -> bytes:
        """Return what was kept, and how much was not."""
        return bytes(self.data) + (cut_note(self.dropped) if self.dropped else b"")


def _drain(channel: Channel, limit_s: float) -> Output | None:
    """Collect output until the program ends; None when it does not within limit_s seconds."""
    out, err = _Kept(), _Kept()

    def read_stderr() -> None:
        while chunk := channel.recv_stderr(_CHUNK):
            err.add(chunk)

    with gevent.Timeout(limit_s, False) as timer:  # type: ignore[arg-type]
        errors = gevent.spawn(read_stderr)
        while chunk := channel.recv(_CHUNK):
            out.add(chunk)
        errors.join()
        status = channel.recv_exit_status()
        timer.cancel()
        channel.close()
        return Output(status, out.whole(), err.whole())
    errors.kill()
    return None


def by_ssh(name: str, data: Mapping[str, object], shell: Shell) -> Session:
    """Return an SSH session with the pinned keys only; the way of every normal run."""
    return SshSession(name, data, shell)
