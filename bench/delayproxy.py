"""Latency for everybody alike: a TCP proxy that delays both directions and the handshake.

In place of netem, which many kernels (virtual ones above all) lack; every tool passes the same
proxy, so the ratios do not depend on the kernel. Run as a process of its own:

    python -m bench.delayproxy RTT_MS HOST:PORT...

It prints the local ports as one JSON list, in order, and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Sequence
from typing import Final

#: Round trips from a client's first packet to the server's accept: the local kernel has ended the
#: handshake already, a far one would have needed this long.
_HANDSHAKE_TRIPS: Final = 1.5
#: Chunks under way per direction before the sender is made to wait.
_CHUNKS: Final = 1024
_CHUNK_BYTES: Final = 65_536


class DelayProxy:
    """Proxies for several addresses in one event loop.

    Args:
        rtt_s: added round-trip time, in seconds.
    """

    def __init__(self, rtt_s: float) -> None:
        self._rtt_s = rtt_s
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[object]] = set()

    async def listen(self, address: str, port: int) -> int:
        """Open a local port that leads to an address, and return it."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = asyncio.current_task()
            if connection is not None:
                self._connections.add(connection)
                connection.add_done_callback(self._connections.discard)
            await self._join(reader, writer, address, port)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Stop listening and end every connection."""
        for server in self._servers:
            server.close()
        for connection in self._connections:
            connection.cancel()

    async def _join(
        self, near: asyncio.StreamReader, back: asyncio.StreamWriter, address: str, port: int
    ) -> None:
        _no_delay(back)
        await asyncio.sleep(self._rtt_s * _HANDSHAKE_TRIPS)
        try:
            far, forth = await asyncio.open_connection(address, port)
        except OSError:
            back.close()
            return
        _no_delay(forth)
        delay_s = self._rtt_s / 2
        try:
            await asyncio.gather(_carry(near, forth, delay_s), _carry(far, back, delay_s))
        finally:
            forth.close()
            back.close()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float
) -> None:
    """Pass bytes on, each chunk `delay_s` after it came, in order; an end is passed on as well."""
    clock = asyncio.get_running_loop().time
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS)

    async def take() -> None:
        chunk = b"?"
        while chunk:
            try:
                chunk = await reader.read(_CHUNK_BYTES)
            except OSError:
                chunk = b""
            await under_way.put((clock() + delay_s, chunk))

    taking = asyncio.ensure_future(take())
    try:
        while True:
            due, chunk = await under_way.get()
            if (wait_s := due - clock()) > 0:
                await asyncio.sleep(wait_s)
            if not chunk:
                writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()
    except OSError:
        return  # the other side is gone: nothing more to carry
    finally:
        taking.cancel()


def _no_delay(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def _serve(rtt_s: float, addresses: Sequence[str]) -> None:
    proxy = DelayProxy(rtt_s)
    ports = []
    for text in addresses:
        address, _, port = text.rpartition(":")
        ports.append(await proxy.listen(address, int(port)))
    print(json.dumps(ports), flush=True)
    end = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _at_end, end)
    await end.wait()
    proxy.close()


def _at_end(end: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), _CHUNK_BYTES):
        end.set()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]) / 1000, sys.argv[2:]))
