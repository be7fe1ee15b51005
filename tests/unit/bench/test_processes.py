"""Specification of the bench's edges: the delay proxy, measured processes."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from bench.delayproxy import DelayProxy
from bench.machines import seconds
from bench.measure import Command, complaint, fan_out, run
from bench.peers import CHECKOUT, LOCK, versions


async def through_proxy(sent: bytes, rtt_s: float) -> bytes:
    """Send bytes through a proxy to an echo server, close our side, and return what came back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(1000):
            writer.write(chunk)
        await writer.drain()
        writer.write(b"end")
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = DelayProxy(rtt_s)
    port = await proxy.listen("127.0.0.1", server.sockets[0].getsockname()[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    writer.write_eof()
    received = await reader.read()
    writer.close()
    proxy.close()
    server.close()
    return received


@pytest.mark.parametrize("rtt_s", [0.0, 0.004])
def test_the_proxy_passes_every_byte_in_order_and_the_end_too(rtt_s: float) -> None:
    sent = b"".join(b"%07d\n" % number for number in range(20_000))
    assert asyncio.run(through_proxy(sent, rtt_s)) == sent + b"end"


def test_the_proxy_hangs_up_when_nobody_listens_behind_it() -> None:
    async def ask() -> bytes:
        nobody = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = nobody.sockets[0].getsockname()[1]
        nobody.close()
        await nobody.wait_closed()
        proxy = DelayProxy(0.0)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", await proxy.listen("127.0.0.1", port)
        )
        answer = await reader.read()
        writer.close()
        proxy.close()
        return answer

    assert asyncio.run(ask()) == b""


def python(text: str, folder: Path) -> Command:
    return Command([sys.executable, "-c", text], {"B70_BENCH_TEST": "given"}, folder)


def test_a_measured_process_tells_time_status_and_output(tmp_path: Path) -> None:
    sample = run(python("import os; print(os.environ['B70_BENCH_TEST'])", tmp_path), 60)
    assert (sample.ok, sample.printed) == (True, "given\n")
    assert 0 < sample.cpu_s < 60
    assert sample.seconds > 0


def test_a_failing_process_is_not_ok_and_says_why(tmp_path: Path) -> None:
    sample = run(python("raise SystemExit('no such host')", tmp_path), 60)
    assert (sample.ok, sample.said) == (False, "no such host")


def test_the_host_that_failed_is_named_wherever_it_stands_in_the_output() -> None:
    said = "TASK [x]\nfatal: [rig-b]: UNREACHABLE!\nPLAY RECAP\nrig-a : ok=20"
    assert complaint(said) == "fatal: [rig-b]: UNREACHABLE!"
    assert complaint("first\nlast words\n") == "first\nlast words"


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_process_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    hang = (
        "import subprocess as s; p = s.Popen(['sleep', '600']); print(p.pid, flush=True); p.wait()"
    )
    sample = run(python(hang, tmp_path), 3)
    child = int(sample.printed)
    assert not sample.ok
    until = time.monotonic() + 30
    while is_running(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_running(child)


def test_the_floor_fails_when_one_connection_fails() -> None:
    assert fan_out([["true"], ["true"]], 60).ok
    sample = fan_out([["true"], ["false"], ["false"]], 60)
    assert (sample.ok, sample.said) == (False, "2 of 3 failed")


def test_the_lock_file_names_the_compared_versions() -> None:
    found = versions(LOCK.read_text())
    assert found["ansible-core"].startswith("2.19.")
    assert found["pyinfra"].startswith("3.10.")
    assert found["mitogen"]


def test_the_peers_are_installed_apart_from_the_product() -> None:
    product = versions_in((CHECKOUT / "requirements.lock").read_text())
    assert not product & {"ansible-core", "mitogen"}


def versions_in(lock: str) -> set[str]:
    return {line.split("==")[0] for line in lock.splitlines()}


@pytest.mark.parametrize(("word", "value"), [("0m0.123456s", 0.123456), ("2m1.5s", 121.5)])
def test_the_shells_times_are_read(word: str, value: float) -> None:
    assert seconds(word) == value
