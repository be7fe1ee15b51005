"""Runs `b70` in processes of their own that have already imported it.

A start of Python with all of `b70` is most of a second of CPU, and the tests make hundreds. One
process per pytest worker imports everything and then forks for each call: own arguments,
environment, folder, standard streams and exit status, as if it had been started anew. That a cold
start does the same is in tests/unit/test_warm.py.

Run as a program (`python -m tests.warm`) it is that process; its socket is standard input.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, NoReturn

from gevent import monkey

#: Modules that a call may need; what a verb imports late is here too.
_ALL: Final = ("fleet", "deploys", "facts", "operations", "gates", "declaration")
_CHUNK: Final = 1 << 20
#: Seconds until everything is imported, on a busy machine; it is no part of any call's time.
_IMPORTED_WITHIN_S: Final = 120


def b70(
    words: Sequence[str],
    *,
    env: Mapping[str, str],
    input: str = "",
    timeout_s: float,
) -> subprocess.CompletedProcess[str]:
    """Run `b70` with these words.

    Args:
        words: what stands behind `b70`.
        env: its whole environment.
        input: what it reads.
        timeout_s: seconds until it must have ended.

    Raises:
        subprocess.TimeoutExpired: it did not; it is killed.
    """
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        socket.socket(socket.AF_UNIX) as line,
    ):
        given.write(input.encode())
        given.seek(0)
        line.connect(_server())
        line.settimeout(_IMPORTED_WITHIN_S)
        asked = json.dumps({"words": list(words), "env": dict(env), "cwd": os.getcwd()}).encode()
        socket.send_fds(line, [b"x"], [stream.fileno() for stream in (given, out, err)])
        line.sendall(asked)
        line.shutdown(socket.SHUT_WR)
        told = line.makefile("r")
        pid = int(told.readline())
        line.settimeout(timeout_s)
        try:
            status = int(told.readline())
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(["b70", *words], timeout_s) from None
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
    return subprocess.CompletedProcess(["b70", *words], status, *texts)


@cache
def _server() -> str:
    """Start this worker's process and return where it listens; it ends with the worker."""
    address = f"\0b70-warm-{os.getpid()}"  # a name, not a file
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen(64)
        command = [sys.executable, "-m", "tests.warm", str(os.getpid())]
        subprocess.Popen(
            command, stdin=server.fileno(), stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[1]
        )
    return address


def _serve(parent: int) -> NoReturn:
    """Fork for every call until the worker is gone."""
    monkey.patch_all()
    import fleet.main

    for name in _ALL:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if module.name.rpartition(".")[2] != "__main__":
                importlib.import_module(module.name)
    gc.freeze()  # else the first collection of a call copies all of it
    # greenlets belong to the calls: this process waits and forks as if there were none
    plain: Any = monkey.get_original("socket", "socket")
    fork: Any = monkey.get_original("os", "fork")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = plain(fileno=0)
    server.settimeout(1)
    while os.getppid() == parent:
        try:
            line, _ = server.accept()
        except TimeoutError:
            continue
        if fork():
            line.close()
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        line.setblocking(True)
        _answer(line, fork, fleet.main)
    sys.exit()


def _answer(line: socket.socket, fork: Callable[[], int], entry: Any) -> NoReturn:
    """Fork the call itself, tell its number, wait for it and tell its status."""
    _, streams, _, _ = socket.recv_fds(line, 1, 3)
    asked = b"".join(iter(lambda: line.recv(_CHUNK), b""))
    pid = fork()
    if not pid:
        line.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        _call(json.loads(asked), entry)
    line.sendall(f"{pid}\n".encode())
    waitpid: Any = monkey.get_original("os", "waitpid")
    _, status = waitpid(pid, 0)
    line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _call(asked: dict[str, Any], entry: Any) -> NoReturn:
    """Be a process in which `python -m fleet.main` has come as far as its last line."""
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.argv = [entry.__file__, *asked["words"]]
    sys.modules["__main__"] = entry
    from fleet.cli.app import app

    status = 0
    try:
        app()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError):
            stream.flush()
    # to take down what was imported for everybody would cost as much as to import it
    os._exit(status)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
