"""Layers with planted faults, and a controller process that runs them and can be interrupted.

`python -m tests.ssh.planted FLEET LAYER VERB HOST...` prints the RunResult as JSON. When it was
asked to stop it says so on stderr. With KILL_AFTER set it dies of SIGKILL right after that
resource, when the host has done it and nothing else has begun.
"""

from __future__ import annotations

from gevent import monkey

from fleet.run import order

if __name__ == "__main__":  # before anything else is imported, as the console entry does
    monkey.patch_all()

import os
import signal
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import gevent
from pyinfra import host
from pyinfra.api import QuoteString, StringCommand, deploy, operation

from deploys.layer import Layer
from facts.base import HostFact, wrap
from fleet.base.statedir import ledger_path
from fleet.config import load
from fleet.host.pool import Stopper
from fleet.ledger import Ledger
from fleet.model.events import Emit, Event, ResourceDone
from fleet.run.engine import Engine
from operations.files.file import directory, file

FOLDER = "/srv/planted"
#: One file system of 1 MiB, for a disk that fills up.
SMALL = "/srv/small"
#: A file that takes a while to travel, and its size in bytes.
HEAVY = "/srv/heavy"
HEAVY_SIZE = 24_000_000
#: One line per executed step.
STEPS = "/srv/steps"
#: Environment variable: name of the resource after which the controller is killed.
KILL_AFTER = "B70_TEST_KILL_AFTER"


class Sick(HostFact[str]):
    """A fact that does what its argument says."""

    timeout_s = 2

    def command(self, how: str, probe_root: str = "") -> str:  # type: ignore[override]
        return wrap(how, self.timeout_s)

    def parse(self, text: str) -> str:
        return text


@operation()
def shell(command: str, unless: str) -> Generator[StringCommand, None, None]:
    """Run a command unless a path exists."""
    if host.get_fact(Sick, how=f"test -e {unless} && echo yes || echo no") == "yes":
        host.noop(f"{unless} exists")
        return
    yield StringCommand(command)


@operation()
def restless() -> Generator[StringCommand, None, None]:
    """Want the same thing every time."""
    yield StringCommand("true")


@operation()
def buggy() -> Generator[StringCommand, None, None]:
    """Raise on one host only."""
    if host.name.endswith("bad"):
        raise RuntimeError("a bug in an operation")
    yield from ()


@operation()
def shows(how: str) -> Generator[StringCommand, None, None]:
    """Tell what a fact said."""
    host.noop(f"said {host.get_fact(Sick, how=how)!s}")
    yield from ()


def _files(count: int, size: int = 0) -> Callable[[], None]:
    def layer() -> None:
        directory(name=f"Directory[{FOLDER}]", path=FOLDER)
        for number in range(count):
            path = f"{FOLDER}/{number:02d}"
            file(name=f"File[{path}]", path=path, content=f"{number}\n" + "x" * size)

    return layer


def _restless() -> None:
    _files(2)()
    restless(name="Restless[x]")


def _buggy() -> None:
    file(name="File[/srv/before]", path="/srv/before", content="before\n")
    buggy(name="Buggy[x]")


def _sick() -> None:
    for name, how in (
        ("hanging", "sleep 60"),
        ("not-utf8", r"printf 'a\377b'"),
        ("failing", "echo because >&2; exit 7"),
        ("well", "echo fine"),
    ):
        shows(name=f"Shows[{name}]", how=how)


def _full() -> None:
    file(name=f"File[{SMALL}/big]", path=f"{SMALL}/big", content="y" * 4_000_000)


def _slow() -> None:
    """A first step, one that takes until the network is back, and one behind it."""
    shell(name="Step[one]", command="touch /srv/one", unless="/srv/one")
    shell(
        name="Step[slow]",
        command="touch /srv/started; while [ ! -e /srv/go ]; do sleep 0.1; done; touch /srv/slow",
        unless="/srv/slow",
    )
    shell(name="Step[three]", command="touch /srv/three", unless="/srv/three")


def _heavy() -> None:
    file(name=f"File[{HEAVY}]", path=HEAVY, content="z" * HEAVY_SIZE)


def _counted() -> None:
    """Three steps that write down every time they are executed."""
    for step in ("one", "two", "three"):
        shell(
            name=f"Step[{step}]",
            command=f"echo {step} >>{STEPS}; touch /srv/{step}",
            unless=f"/srv/{step}",
        )


def _quoting() -> None:
    name = f"{FOLDER}/it's; touch pwned #"
    directory(name=f"Directory[{FOLDER}]", path=FOLDER)
    file(name=f"File[{name}]", path=name, content="x\n")
    shell(
        name="Step[quoted]",
        command=StringCommand("touch", QuoteString(f"{FOLDER}/$(touch pwned)")).get_raw_value(),
        unless=f"{FOLDER}/never",
    )


LAYERS: dict[str, Callable[[], None]] = {
    "files": _files(50),
    "few": _files(3),
    "restless": _restless,
    "buggy": _buggy,
    "sick": _sick,
    "full": _full,
    "slow": _slow,
    "heavy": _heavy,
    "counted": _counted,
    "quoting": _quoting,
}


def planted(name: str) -> Layer:
    """Return a layer by name."""
    return Layer(name, deploy(name)(LAYERS[name]))


def _kill_after(name: str) -> Emit:
    """Return a listener that lets this process die of SIGKILL once a resource is done."""

    def listen(event: Event) -> None:
        if name and isinstance(event, ResourceDone) and event.name == name:
            os.kill(os.getpid(), signal.SIGKILL)

    return listen


def _announce(stopper: Stopper) -> None:
    """Say on stderr when a stop was asked for."""
    while not stopper.is_set():
        gevent.sleep(0.05)
    print("stopping", file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    """Run one verb over hosts with one planted layer; the exit code is the product's."""
    folder, layer, verb, *names = words
    fleet = load(Path(folder), {})
    engine = Engine(fleet, Ledger.open(ledger_path(fleet.name)), layers=[planted(layer)])
    gevent.spawn(_announce, engine._stopper)
    hosts = [fleet.hosts[name] for name in names]
    emit = _kill_after(os.environ.get(KILL_AFTER, ""))
    wanted = order.converge() if verb == "converge" else order.plan()
    result = engine.run(hosts, wanted, emit).result
    print(result.model_dump_json(), flush=True)
    return int(result.exit_code)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
