"""Talks JSON lines with QEMU: its monitor (QMP), and the guest agent (the way in that is not SSH).

One client at a time holds a socket, so a lock file beside it keeps others out meanwhile.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab.errors import LabError
from lab.vm.qemu import AGENT, QMP

#: Seconds until QEMU or the agent must have answered; a snapshot of a busy guest takes a few.
_ANSWER_WITHIN_S: Final = 120.0
#: Resets the agent's parser and marks the answer that belongs to this client (QEMU's qga protocol).
_DELIMITER: Final = b"\xff"
#: Seconds between two tries to get through.
_STEP_S: Final = 0.02


class Closed(LabError):
    """The other side is gone: QEMU ended, or was reset."""


class NotRunning(LabError):
    """Nobody takes the call: QEMU is off, or has not come as far as that yet."""


@dataclass
class Wire:
    """An open connection."""

    connection: socket.socket
    deadline: float
    rest: bytes = b""

    def send(self, message: dict[str, Any], mark: bytes = b"") -> None:
        """Send one message.

        Args:
            message: what to send.
            mark: bytes to send before it.

        Raises:
            Closed: the other side is gone.
        """
        with _closed_if_gone():
            self.connection.sendall(mark + json.dumps(message).encode() + b"\n")

    def line(self) -> bytes:
        """Return the next line.

        Raises:
            Closed: the other side is gone.
            LabError: it did not come in time.
        """
        while b"\n" not in self.rest:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise LabError("QEMU or its guest did not answer in time")
            self.connection.settimeout(left)
            try:
                with _closed_if_gone():
                    chunk = self.connection.recv(1 << 20)
            except TimeoutError:
                continue
            if not chunk:
                raise Closed("QEMU closed the connection")
            self.rest += chunk
        line, self.rest = self.rest.split(b"\n", 1)
        return line

    def call(self, name: str, arguments: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Execute a command and return what it returns; events are passed over.

        Raises:
            LabError: it was refused.
        """
        self.send({"execute": name, **({"arguments": arguments} if arguments else {})})
        while True:
            answer = json.loads(self.line())
            if "error" in answer:
                raise LabError(f"{name}: {answer['error'].get('desc', answer['error'])}")
            if "return" in answer:
                return answer["return"]


def monitor(folder: Path, name: str, arguments: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
    """Execute one QMP command of the machine in `folder`."""
    with _open(folder, QMP, _ANSWER_WITHIN_S) as wire:
        wire.line()  # the greeting
        wire.call("qmp_capabilities")
        return wire.call(name, arguments)


def wait_started(folder: Path, timeout_s: float) -> None:
    """Wait until the monitor of a QEMU that was just started answers.

    A socket is there a moment before it takes calls, so its file alone says nothing.

    Args:
        folder: the machine's.
        timeout_s: seconds until it must have answered.

    Raises:
        NotRunning: nobody took the call in that time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            monitor(folder, "query-status")
            return
        except NotRunning:
            if time.monotonic() > deadline:
                raise
        time.sleep(_STEP_S)


def human(folder: Path, line: str) -> str:
    """Execute one line of QEMU's human monitor and return what it printed."""
    said: str = monitor(folder, "human-monitor-command", {"command-line": line})
    return said.strip()


@contextmanager
def agent(folder: Path, timeout_s: float) -> Iterator[Wire]:
    """Open the guest agent of the machine in `folder`.

    Args:
        folder: the machine's.
        timeout_s: seconds for everything that is done on it.

    Raises:
        LabError: nobody answers.
    """
    with _open(folder, AGENT, timeout_s) as wire:
        token = secrets.randbelow(1 << 31)
        wire.send({"execute": "guest-sync-delimited", "arguments": {"id": token}}, _DELIMITER)
        while True:  # answers to whoever went away before come first
            line = wire.line().rpartition(_DELIMITER)[2]
            if line and _id(line) == token:
                break
        yield wire


@contextmanager
def _closed_if_gone() -> Iterator[None]:
    """Raise `Closed` for a reset and a broken pipe too: QEMU ends with calls unread."""
    try:
        yield
    except ConnectionError as error:
        raise Closed("QEMU closed the connection") from error


def _id(line: bytes) -> object:
    try:
        return json.loads(line).get("return")
    except (ValueError, AttributeError):
        return None


@contextmanager
def _open(folder: Path, name: str, timeout_s: float) -> Iterator[Wire]:
    deadline = time.monotonic() + timeout_s
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    lock = os.open(folder / f"{name}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LabError(f"{folder.name}: somebody else holds {name}") from None
                time.sleep(_STEP_S)
        with _connected(folder, f"/proc/self/fd/{place}/{name}", deadline) as connection:
            yield Wire(connection, deadline)
    finally:
        os.close(lock)
        os.close(place)


def _connected(folder: Path, address: str, deadline: float) -> socket.socket:
    """Connect; QEMU takes the next client a moment after the last one left."""
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            if not isinstance(error, BlockingIOError) or time.monotonic() > deadline:
                hint = f"b70 lab up --vm {folder.name}"
                raise NotRunning(f"{folder.name} does not run", hint) from error
        time.sleep(_STEP_S)
