"""What a connection sets before its first byte."""

from __future__ import annotations

import socket

from fleet.host.connect import without_nagle


def test_nagles_algorithm_is_off_before_the_handshake() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as ours,
    ):
        transport = without_nagle(ours)
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not transport.is_active(), "no byte was sent yet"


def test_a_socket_that_knows_no_nagle_is_left_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert without_nagle(ours).sock is ours
