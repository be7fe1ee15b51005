"""Real machines for the ssh tier: one nspawn machine per test file, the real `b70`, testinfra as
observer.

Several pytest workers share one lab. Each file has machines of its own; only the apt mirror is
common, so a test that breaks it holds a lock while it does.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host as TestHost

from fleet.model.plan import RunResult
from lab import shapes
from lab.lab import Lab
from lab.machines import Machine
from lab.mirror import Mirror
from lab.rigshape import RigShape
from tests import warm
from tests.ssh.damage import PROOFS, make_whole

#: Longest name of a test file in the name of a machine, in characters (see `rigs`).
NAME_LIMIT = 24
#: Seconds that one `b70` call may take before the test fails.
PATIENCE_S = 280


@dataclass(frozen=True)
class Done:
    """A finished `b70` call."""

    status: int
    out: str
    err: str

    @property
    def result(self) -> RunResult:
        """Return the JSON it printed; the exit code in it is the process's own."""
        data = json.loads(self.out)
        assert data.pop("exit_code") == self.status, self.err
        return RunResult.model_validate(data)


@dataclass
class Site:
    """A fleet directory with its machines, and the command line on it."""

    folder: Path
    state: Path
    guard: MirrorGuard
    environ: dict[str, str] = field(default_factory=dict)

    def b70(self, *words: str, timeout_s: float = PATIENCE_S, stdin: str = "") -> Done:
        """Run the real command in a process of its own."""
        with self.guard.using():
            done = warm.b70(
                ["-i", str(self.folder), *words], env=self.env(), input=stdin, timeout_s=timeout_s
            )
        return Done(done.returncode, done.stdout, done.stderr)

    def command(self, *words: str) -> list[str]:
        """Return the argument list of a call."""
        return [sys.executable, "-m", "fleet.main", "-i", str(self.folder), *words]

    def env(self) -> dict[str, str]:
        """Return the environment of a call: a ledger of its own, no colours."""
        return {**os.environ, "B70_STATE": str(self.state), "NO_COLOR": "1", **self.environ}

    def plan(self, *hosts: str) -> RunResult:
        """Plan and check that the exit code is what the result says."""
        return self._json("plan", hosts)

    def converge(self, *hosts: str) -> RunResult:
        """Converge and check that the exit code is what the result says."""
        return self._json("converge", hosts, "--yes")

    def _json(self, verb: str, hosts: Sequence[str], *more: str) -> RunResult:
        done = self.b70(verb, "--limit", ",".join(hosts), "--json", *more)
        assert done.out, done.err
        assert done.status == done.result.exit_code, done.err
        return done.result


class MirrorGuard:
    """Many may use the common mirror, one may break it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._breaking = False

    @contextmanager
    def using(self) -> Iterator[None]:
        """Hold off whoever wants to break the mirror (unless that is us)."""
        if self._breaking:
            yield
            return
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def breaking(self) -> Iterator[None]:
        """Have the mirror alone."""
        with self._locked(fcntl.LOCK_EX):
            self._breaking = True
            try:
                yield
            finally:
                self._breaking = False

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        with self._path.open("a") as stream:
            fcntl.flock(stream, how)
            yield


@pytest.fixture(scope="session")
def lab() -> Lab:
    """Return the lab of this computer, ready to start machines."""
    opened = Lab.open()
    opened.prepare()
    return opened


@pytest.fixture(scope="session")
def guard(lab: Lab) -> MirrorGuard:
    return MirrorGuard(lab.settings.root / "mirror.test-lock")


@pytest.fixture(scope="module")
def rigs(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Callable[..., list[Machine]]]:
    """Start machines of this file; names get the file's prefix; they are removed at its end."""
    prefix = re.sub(r"[^a-z0-9]+", "-", request.module.__name__.rpartition(".test_")[2])
    assert len(prefix) <= NAME_LIMIT, "cut short it might be the name of another file"
    started: list[str] = []

    def start(
        wanted: dict[str, RigShape], release: str | None = None, dressed_as: str = ""
    ) -> list[Machine]:
        named = {f"t-{prefix}-{name}": shape for name, shape in wanted.items()}
        # a run that was killed leaves its machines, with whatever it did to them
        lab.down([machine.name for machine in lab.machines() if machine.name in named])
        started.extend(named)
        return lab.up_many(named, release, dressed_as)

    yield start
    # what a test removed itself is gone already
    lab.down([machine.name for machine in lab.machines() if machine.name in started])


@pytest.fixture(scope="module")
def machine(rigs: Callable[..., list[Machine]]) -> Machine:
    """Return this file's own healthy rig."""
    return rigs({"rig": shapes.HEALTHY_GEN5})[0]


@pytest.fixture(scope="module")
def site(
    lab: Lab, machine: Machine, guard: MirrorGuard, tmp_path_factory: pytest.TempPathFactory
) -> Site:
    """Return a fleet directory for this file's machine."""
    folder = tmp_path_factory.mktemp("fleet")
    lab.inventory(folder, [machine.name])
    return Site(folder, tmp_path_factory.mktemp("state"), guard)


@pytest.fixture(scope="module")
def fleet_dir(site: Site) -> Path:
    return site.folder


@pytest.fixture(scope="module")
def plan(site: Site) -> Callable[[str], RunResult]:
    return site.plan


@pytest.fixture(scope="module")
def converge(site: Site) -> Callable[[str], RunResult]:
    return site.converge


@pytest.fixture(autouse=True)
def _one_test() -> None:
    """Let no test build on more than the test before it has proved."""
    PROOFS.next_test()


@pytest.fixture
def whole(machine: Machine, site: Site) -> Machine:
    """Return this file's machine, in sync."""
    make_whole(machine, site.converge)
    return machine


@pytest.fixture
def mirror(lab: Lab, guard: MirrorGuard) -> Iterator[Mirror]:
    """Return the mirror, to be broken; it is whole again afterwards."""
    with guard.breaking():
        yield lab.mirror
        lab.mirror.restore()


@pytest.fixture(scope="module")
def testhost(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> TestHost:
    """Return testinfra's view of the machine over OpenSSH, as root: not our own eyes."""
    folder = tmp_path_factory.mktemp("observer")
    known = folder / "known_hosts"
    known.write_text(f"{machine.address} {machine.host_key}\n")
    config = folder / "ssh_config"
    config.write_text(
        f"Host observed\n  HostName {machine.address}\n  Port {machine.port}\n"
        f"  User {machine.user}\n  IdentityFile {machine.key}\n"
        f"  UserKnownHostsFile {known}\n  StrictHostKeyChecking yes\n"
    )
    return testinfra.get_host(f"ssh://observed?ssh_config={config}&sudo=true&controlpersist=60")
