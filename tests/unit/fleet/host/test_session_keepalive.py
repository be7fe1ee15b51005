"""When a host counts as silent: time in which nobody here looked does not."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import gevent
import pytest
from paramiko.channel import Channel
from paramiko.transport import Transport

from fleet.host import ssh


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Transport, socket.socket]]:
    """Return a transport that nobody reads from, and the socket of its peer."""
    monkeypatch.setattr(ssh, "KEEPALIVE_ANSWER_S", 0.2)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Transport(ours), theirs


def slow_answer(transport: Transport) -> None:
    gevent.sleep(1)


def test_a_host_whose_bytes_lie_unread_is_not_silent(
    wire: tuple[Transport, socket.socket],
) -> None:
    transport, peer = wire
    peer.send(b"the answer, somewhere in here")
    assert ssh._is_answered(gevent.spawn(slow_answer, transport), transport)


def test_the_same_holds_behind_a_jump_host(wire: tuple[Transport, socket.socket]) -> None:
    through = Channel(1)
    transport = Transport(through)
    assert not ssh._is_answered(gevent.spawn(slow_answer, transport), transport)
    through.in_buffer.feed(b"the answer, somewhere in here")
    assert ssh._is_answered(gevent.spawn(slow_answer, transport), transport)


def test_a_host_that_sends_nothing_is_silent(wire: tuple[Transport, socket.socket]) -> None:
    transport, _ = wire
    assert not ssh._is_answered(gevent.spawn(slow_answer, transport), transport)
