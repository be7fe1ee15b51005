"""A controller as a process of its own, to be interrupted, killed and cut off while it works."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from fleet.model.plan import HostResult, RunResult
from lab.host import LabHost
from tests.ssh.conftest import Site


@contextmanager
def controller(site: Site, *words: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """Start a controller with a planted layer; it is gone afterwards, whatever happens.

    Args:
        site: the fleet it works on.
        words: LAYER VERB HOST... of tests.ssh.planted.
        environ: more environment variables.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ssh.planted", str(site.folder), *words],
        env={**site.env(), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], patience_s: float) -> HostResult:
    """Wait for a controller of one host and return that host's result."""
    out, err = process.communicate(timeout=patience_s)
    assert out, err
    return only(RunResult.model_validate_json(out))


def in_the_ledger(site: Site, host: str) -> str:
    """Return the state in which the ledger holds a host last, read without the product's code."""
    (path,) = site.state.glob("*/ledger.db")
    with closing(sqlite3.connect(path)) as ledger:
        (body,) = ledger.execute(
            "SELECT body FROM record WHERE kind = 'host' AND host = ? ORDER BY seq DESC LIMIT 1",
            (host,),
        ).fetchone()
    return str(json.loads(body)["state"])


def restart_sshd(machine: LabHost) -> None:
    """Let sshd read its files anew; it listens again when this returns.

    A reload ends before that. Systemd refuses a sixth restart in ten seconds unless it forgets.
    """
    machine.run("systemctl reset-failed ssh && systemctl restart ssh")


def only(result: RunResult) -> HostResult:
    """Return the only host of a run."""
    (host,) = result.hosts
    return host


def wait_for(condition: Callable[[], bool], what: str, patience_s: float = 60) -> None:
    """Poll for something that will happen; fail when it does not."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.1)


def exists(machine: LabHost, path: str) -> bool:
    """Return whether something lies at a path of the machine, asked without SSH."""
    return machine.run(f"test -e {path}", check=False).returncode == 0


def end_leftovers(machine: LabHost) -> None:
    """End what controllers of earlier tests left running; nothing of it writes any more afterwards.

    What is begun on a host ends there, whatever becomes of its controller: a step let go at the end
    of one test may write after the next one has cleaned up.
    """
    machine.run("pkill -x timeout", check=False)
    wait_for(
        lambda: machine.run("pgrep -x timeout", check=False).returncode == 1,
        "nothing of an earlier test runs",
    )
