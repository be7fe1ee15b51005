"""An SSH server in this process, on a port of its own: what no sshd of a test machine can be made
to do cheaply, such as to hang up, to have another key, or to be a jump host.

It runs the commands that it is sent by a real shell, as the user of the tests.
"""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_PARTIALLY_SUCCESSFUL,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_FAILED_CONNECT_FAILED,
    OPEN_SUCCEEDED,
)

_CHUNK = 65_536


@dataclass
class Sshd:
    """A server and what it does.

    Args:
        keys: host keys.
        authorized: public keys that are let in.
        password: lets in, too; empty = none.
        shell: runs `shell -c COMMAND`.
        attempts: keys that it looks at before it hangs up.
        banner: what it sends before a login.
        second: another proof is asked for after a key.
        forwards: is a jump host; None = forbidden.
        sessions: opens sessions.
    """

    keys: list[paramiko.PKey]
    authorized: list[paramiko.PKey] = field(default_factory=list)
    password: str = ""
    shell: tuple[str, ...] = ("sh",)
    attempts: int = 6
    banner: str = ""
    second: bool = False
    forwards: bool = False
    sessions: bool = True
    port: int = 0
    #: logins that were tried, in order
    tried: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[Sshd]:
        """Listen on a free port of this computer."""
        transports: list[paramiko.Transport] = []
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]

            def accept() -> None:
                while True:
                    try:
                        wire, _ = listener.accept()
                    except OSError:
                        return
                    transport = paramiko.Transport(wire)
                    for key in self.keys:
                        transport.add_server_key(key)
                    transports.append(transport)
                    transport.start_server(threading.Event(), _Server(self, transport))

            threading.Thread(target=accept, daemon=True).start()
            yield self
            listener.shutdown(socket.SHUT_RDWR)
        for transport in transports:
            transport.close()


class _Server(paramiko.ServerInterface):
    def __init__(self, sshd: Sshd, transport: paramiko.Transport) -> None:
        self._sshd = sshd
        self._transport = transport
        self._targets: dict[int, tuple[str, int]] = {}
        self._seen = 0

    def get_banner(self) -> tuple[str, str]:
        return self._sshd.banner, "en-US"

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password" if self._sshd.password else "publickey"

    def check_auth_password(self, username: str, password: str) -> int:
        self._sshd.tried.append(f"{username} password")
        return AUTH_SUCCESSFUL if password == self._sshd.password != "" else AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._sshd.tried.append(f"{username} {key.get_name()}")
        self._seen += 1
        if self._seen > self._sshd.attempts:
            self._transport.close()
        if key not in self._sshd.authorized:
            return AUTH_FAILED
        return AUTH_PARTIALLY_SUCCESSFUL if self._sshd.second else AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if self._sshd.sessions else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._run, args=(channel, command.decode()), daemon=True).start()
        return True

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        given = b""
        while chunk := channel.recv(_CHUNK):
            given += chunk
        done = subprocess.run(
            [*self._sshd.shell, "-c", command], input=given, capture_output=True, check=False
        )
        channel.sendall(done.stdout)
        channel.sendall_stderr(done.stderr)
        channel.send_exit_status(done.returncode)
        channel.close()

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        if not self._sshd.forwards:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        try:
            wire = socket.create_connection(destination, timeout=10)
        except OSError:
            return OPEN_FAILED_CONNECT_FAILED
        threading.Thread(target=self._forward, args=(wire,), daemon=True).start()
        return OPEN_SUCCEEDED

    def _forward(self, wire: socket.socket) -> None:
        channel = self._transport.accept(10)
        if channel is None:
            wire.close()
            return
        for source, sink in ((wire, channel), (channel, wire)):
            threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket | paramiko.Channel, sink: socket.socket | paramiko.Channel) -> None:
    try:
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    except OSError:
        pass
    finally:
        sink.close()
        source.close()
