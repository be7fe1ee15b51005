"""Opens a route: one SSH connection inside the other, each with a pinned key and one login.

The only file beside fleet.host.ssh that speaks SSH. It knows nothing of programs.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from paramiko import PKey, ProxyCommand, SSHException
from paramiko.channel import Channel
from paramiko.ssh_exception import PartialAuthentication
from paramiko.transport import Transport
from typing_extensions import override

from fleet.host import hostkeys
from fleet.host.failures import Attempt, explain
from fleet.host.hostkeys import AcceptKey
from fleet.host.logins import login_of
from fleet.host.route import Hop, Route, host_and_port

#: Bytes of a server's own words that are quoted.
_BANNER: Final = 200
#: Seconds until the connection attempt of a hop ends, where the inventory declares nothing.
_PATIENCE_S: Final = 10.0

_log = logging.getLogger("b70")

_Wire = socket.socket | Channel | ProxyCommand


class _Proxy(ProxyCommand):
    """A ProxyCommand that may have ended by itself when it is closed, which paramiko trips over."""

    @override
    def close(self) -> None:
        if self.process.poll() is None:
            super().close()


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a route is opened.

    Args:
        host: name in the inventory, for messages.
        pinned: the host's own keys, public key lines.
        pins: known_hosts file of the whole fleet and its jump hosts; empty = none.
        password: typed by a person, for the host itself; empty = keys.
        patience_s: seconds until an attempt to connect to one hop ends.
        accept: at first contact, decides about the host's own key.
    """

    host: str
    pinned: Sequence[str] = ()
    pins: str = ""
    password: str = field(default="", repr=False)
    patience_s: float = _PATIENCE_S
    accept: AcceptKey | None = None


def terms_of(host: str, data: Mapping[str, object], accept: AcceptKey | None) -> Terms:
    """Return the terms that a host's pyinfra data (fleet/run/hostdata.py) declares."""
    options, pinned = data.get("ssh_paramiko_connect_kwargs"), data.get("host_keys")
    patience = options.get("timeout") if isinstance(options, Mapping) else None
    return Terms(
        host=host,
        pinned=tuple(map(str, pinned)) if isinstance(pinned, list | tuple) else (),
        pins=str(data.get("ssh_known_hosts_file") or ""),
        password=str(data.get("ssh_password") or ""),
        patience_s=float(patience or _PATIENCE_S),
        accept=accept,
    )


class Connection:
    """An open route; closing it closes the jump hosts' connections, too."""

    def __init__(self, transports: Sequence[Transport]) -> None:
        self._transports = transports

    @property
    def transport(self) -> Transport:
        """Return the connection to the host itself."""
        return self._transports[-1]

    def close(self) -> None:
        """Close all of it, the host's own first."""
        for transport in reversed(self._transports):
            transport.close()


def open_route(route: Route, terms: Terms) -> Connection:
    """Connect to each hop through the one before it.

    Raises:
        Refused: a key is not the pinned one, or nothing can be offered.
        Unreachable: everything else.
    """
    transports: list[Transport] = []
    via: Hop | None = None
    try:
        for hop in (*route.jumps, route.target):
            last = hop is route.target
            transports.append(_hop(hop, via, transports[-1] if transports else None, terms, last))
            via = hop
    except BaseException:
        Connection(transports).close()
        raise
    return Connection(transports)


def _hop(
    hop: Hop, via: Hop | None, before: Transport | None, terms: Terms, last: bool
) -> Transport:
    """Connect to one hop, check its key, log in."""
    at = Attempt(terms.host, hop, via, terms.patience_s)
    pinned, check = _pins(hop, terms) if last else _jump_pins(hop, terms)
    login = login_of(terms.host, hop, terms.password if last else "")
    with closing(login), ExitStack() as undo:
        with _explained(at):
            transport = without_nagle(_wire(hop, before, terms.patience_s))
        undo.callback(transport.close)
        with _explained(at, transport):
            hostkeys.prefer(transport, pinned)
            shown = _shown(transport, terms.patience_s)
        check(shown)
        with _explained(replace(at, offered=login.offered, left_out=login.left_out), transport):
            login.authenticate(transport)
            if not transport.is_authenticated():
                raise PartialAuthentication([])
        undo.pop_all()
    return transport


def _shown(transport: Transport, patience_s: float) -> PKey:
    """Return the host key that a server proves to have.

    Raises:
        TimeoutError: it did not in time, of which paramiko says nothing.
    """
    transport.start_client(timeout=patience_s)
    try:
        return transport.get_remote_server_key()
    except SSHException:
        raise TimeoutError from None


@contextmanager
def _explained(at: Attempt, transport: Transport | None = None) -> Iterator[None]:
    """Turn what a library raises into a sentence; its own text goes to the debug log."""
    try:
        yield
    except Exception as error:
        _log.info("%s: connecting to %s: %r", at.host, at.hop.address, error)
        raise explain(error, _with_words(at, transport) if transport else at) from error


def _wire(hop: Hop, before: Transport | None, patience_s: float) -> _Wire:
    """Return what the SSH of a hop is spoken over."""
    if before is not None:
        end = time.monotonic() + patience_s
        channel = before.open_channel(
            "direct-tcpip", (hop.hostname, hop.port), ("127.0.0.1", 0), timeout=patience_s
        )
        channel.settimeout(max(0.1, end - time.monotonic()))
        return channel
    if hop.proxy_command:
        # without a terminal of its own, so that a nested ssh cannot ask anybody
        return _Proxy(f"setsid {hop.proxy_command}")
    return socket.create_connection((hop.hostname, hop.port), timeout=patience_s)


def without_nagle(wire: _Wire) -> Transport:
    """Return a transport without Nagle's algorithm, which paramiko leaves on.

    It is set before the handshake: with it the handshake waits 45 ms for delayed acknowledgements,
    and each program another 40.
    """
    if isinstance(wire, socket.socket) and wire.family != socket.AF_UNIX:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Transport(wire)


_Check = Callable[[PKey], None]


def _pins(hop: Hop, terms: Terms) -> tuple[Sequence[PKey], _Check]:
    pinned = hostkeys.keys_of(terms.pinned)
    return pinned, lambda shown: hostkeys.check_target(terms.host, hop, shown, pinned, terms.accept)


def _jump_pins(hop: Hop, terms: Terms) -> tuple[Sequence[PKey], _Check]:
    """Return a jump host's keys: the inventory's, else those that a person's ssh knows."""
    source = ""
    names = dict.fromkeys((*hop.known_as, host_and_port(hop.name, 22)))
    pinned = hostkeys.known_in((terms.pins,) if terms.pins else (), tuple(names))
    if not pinned:
        for file in hop.known_hosts:
            if pinned := hostkeys.known_in((file,), hop.known_as):
                source = file
                break
    return pinned, lambda shown: hostkeys.check_jump(terms.host, hop, shown, pinned, source)


def _with_words(at: Attempt, transport: Transport) -> Attempt:
    """Add what the server said while it refused us."""
    banner = transport.get_banner() or b""
    lines = [line.strip() for line in banner.decode("utf-8", "replace").splitlines()]
    said = next((line for line in reversed(lines) if line), "")
    shown = "".join(letter for letter in said if letter.isprintable())[:_BANNER]
    return replace(at, banner=shown, hung_up=not transport.is_active())
