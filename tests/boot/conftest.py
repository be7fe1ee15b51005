"""Machines that really boot for the boot tier: one per pytest worker, as User-mode Linux.

A worker's machine is installed once. A test gets it in a saved state, which costs a boot, unless
the tests before it left it good enough (`Bench`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from declaration.onhost import PRODUCTION
from fleet.base.exitcodes import ExitCode
from lab import shapes
from lab.errors import LabError
from lab.kinds import UML
from lab.lab import Lab
from lab.uml.machine import UmlMachine
from tests.boot.bootrig import BootRig, make
from tests.machines import forget, own_name
from tests.ssh.conftest import MirrorGuard, Site
from tests.ssh.controllers import only

#: Name of the saved state of each machine right after its first boot.
BOOTED = "booted"
#: The same after its first boot set.
DONE = "done"
#: What an administrator may have written for GRUB.
THEIRS = (
    "# keep this comment, and the blanks below\n"
    "GRUB_DISTRIBUTOR=`( . /etc/os-release; echo ${NAME:-Debian} ) 2>/dev/null || echo Debian`\n"
    "GRUB_TIMEOUT=4   # a while\n\n"
    'GRUB_CMDLINE_LINUX_DEFAULT="quiet  audit=0 nomodeset"   # nomodeset was for a repair\n'
    "GRUB_CMDLINE_LINUX='console=ttyS0'\n#GRUB_BADRAM=\"0x01234567\"\n"
)
#: Seconds within which a machine that is up answers its agent.
ANSWER_S = 10
#: Sizes of its extra disks; the second is the one that the signatures in tests/fixtures were
#: recorded for.
DISKS = ("1G", "320M", "1G")
#: Files by the time that they take: workers end together when the longest come first.
LONGEST_FIRST = (
    "test_boot_set",
    "test_prune",
    "test_boot_cuts",
    "test_power_cut",
    "test_set_fields",
    "test_layouts",
    "test_release",
    "test_storage",
    "test_swap",
    "test_old_way",
    "test_lab_uml",
    "test_cards",
    "test_host_settings",
    "test_lost_contact",
)

#: Files that begin with a machine after its first boot set, which takes more than a minute.
TOGETHER = frozenset({"test_boot_set", "test_prune"})


class Together(LoadFileScheduling):
    """A worker gets whole files, and those that begin with the same machine one after the other."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "after the first boot set" if Path(file).stem in TOGETHER else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is of the boot tier; the first test may build kernel and images."""
    rank = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.stem, -1))
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.boot)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(1800))


class Bench:
    """A machine, and what is known of the state that it is in.

    Going back to a saved state is a boot, so a test says what it needs and what it leaves behind:
    `reads` and `owns` go back unless the machine is still exactly as it was saved, `lent` and
    `takes` are content with what earlier borrowers left, `switches_on` always boots.

    Args:
        machine: the worker's.
    """

    def __init__(self, machine: UmlMachine) -> None:
        self.machine = machine
        self._exact: str | None = None
        self._near: str | None = None

    def reads(self, state: str) -> UmlMachine:
        """Return the machine in a state, for a test that changes nothing."""
        if self._exact != state or not self.machine.is_running():
            self.switches_on(state)
        self._exact, self._near = state, None
        return self.machine

    def owns(self, state: str) -> UmlMachine:
        """Return the machine in a state, for a test that may do anything to it."""
        machine = self.reads(state)
        self._exact = None
        return machine

    def switches_on(
        self, state: str, fit: Callable[[UmlMachine], None] = lambda _: None
    ) -> UmlMachine:
        """Return the machine after a cold start from a state, for a test that owns it.

        Args:
            state: the saved state.
            fit: gives it other hardware first.
        """
        machine = self.machine
        self._exact = self._near = None
        for number in machine.record.pulled:
            machine.plug_disk(number)
        machine.show(shapes.HEALTHY_GEN5)
        fit(machine)
        machine.restore(state)
        return machine

    def takes(self, state: str) -> UmlMachine:
        """Return the machine in a state or as borrowers left it, for a test that keeps it."""
        if state not in (self._exact, self._near) or not self._answers():
            self.switches_on(state)
        self._exact = self._near = None
        return self.machine

    @contextmanager
    def lent(self, state: str, session: pytest.Session) -> Iterator[UmlMachine]:
        """Lend the machine to a test that undoes what the next borrower would see.

        Args:
            state: the saved state that all these tests are content with.
            session: of pytest; a test that fails gives nothing back.
        """
        machine, failed = self.takes(state), session.testsfailed
        yield machine
        if session.testsfailed == failed:
            self._near = state

    def saved(self, state: str) -> None:
        """Save the machine as it is; it is in that state then."""
        self.machine.snapshot(state)
        self._exact, self._near = state, None

    def _answers(self) -> bool:
        try:
            return self.machine.is_running() and bool(self.machine.run("true", timeout_s=ANSWER_S))
        except LabError:
            return False


@pytest.fixture(scope="session")
def lab() -> Lab:
    """Return the lab of this computer, ready to start machines that boot."""
    opened = Lab.open()
    opened.prepare((UML,))
    return opened


@pytest.fixture(scope="session")
def guard(lab: Lab) -> MirrorGuard:
    return MirrorGuard(lab.settings.root / "mirror.test-lock")


@pytest.fixture(scope="session")
def bench(lab: Lab) -> Iterator[Bench]:
    """Return this worker's own machine with its first state saved; it is gone at the end."""
    name = own_name("b")
    forget(lab, name)
    found = Bench(lab.up_uml(name, disks=DISKS))
    found.machine.run("systemctl is-system-running --wait", check=False)
    found.saved(BOOTED)
    yield found
    lab.down([name])


@pytest.fixture
def vm(bench: Bench) -> UmlMachine:
    """Return this worker's machine as it was right after its first boot, to be changed."""
    return bench.owns(BOOTED)


@pytest.fixture
def borrowed(bench: Bench, request: pytest.FixtureRequest) -> Iterator[UmlMachine]:
    """Return it much like that, for a test that undoes what it did."""
    with bench.lent(BOOTED, request.session) as machine:
        yield machine


@pytest.fixture
def pristine(bench: Bench) -> UmlMachine:
    """Return the same for a test that only reads."""
    return bench.reads(BOOTED)


@pytest.fixture(scope="module")
def module_vm(bench: Bench) -> UmlMachine:
    """Return the same once for a whole file, whose tests see each other's changes."""
    return bench.owns(BOOTED)


@pytest.fixture(scope="module")
def site(
    lab: Lab, bench: Bench, guard: MirrorGuard, tmp_path_factory: pytest.TempPathFactory
) -> Site:
    """Return a fleet directory for this worker's machine."""
    folder = tmp_path_factory.mktemp("fleet")
    lab.inventory(folder, [bench.machine.name])
    return Site(folder, tmp_path_factory.mktemp("state"), guard)


@pytest.fixture(scope="session")
def done(lab: Lab, bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> BootRig:
    """Return the machine after its first boot set, brought there by the product alone."""
    rig = make(lab, bench.owns(BOOTED), tmp_path_factory.mktemp("fleet"))
    rig.vm.write("/etc/default/grub", THEIRS)
    # as if the distribution's meta package had brought it: autoremove would take it
    rig.out(f"apt-mark auto {rig.installed.package} {rig.installed.modules}")
    rig.declare(rig.boot_set())

    waiting = rig.converge()
    assert waiting.exit_code == ExitCode.PENDING, only(waiting).error
    assert f"kernel {rig.installed.release} runs, {rig.newer.release} is declared" in (
        only(waiting).error or ""
    )
    assert "--allow-reboot" in only(waiting).hint
    assert rig.out("uname -r") == rig.installed.release, "nobody allowed a reboot"
    assert "b70" not in rig.out("grub-editenv - list"), "nothing that boots was changed"
    assert not only(waiting).certificate

    finished = rig.converge(allow_reboot=True)
    assert finished.exit_code == ExitCode.CLEAN, only(finished).error
    assert only(finished).certificate
    bench.saved(DONE)
    return rig


@pytest.fixture
def new_rig(bench: Bench, done: BootRig, request: pytest.FixtureRequest) -> Iterator[BootRig]:
    """Return the same as a host that is not in production, for tests that go back to its set."""
    with bench.lent(DONE, request.session) as machine:
        done.declare(done.boot_set())
        machine.run(f"rm -f {PRODUCTION}")
        yield done
