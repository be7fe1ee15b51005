"""The power goes at ten points of a converge (the kernel dies at once); the next run goes on.

Nine cuts are spread over a plan of files, lists, a package, a disk and swap, each in the run that
follows the cut before it; the tenth comes while dpkg is at work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from pyinfra.api import deploy

from declaration.host import HostSpec
from deploys.apt import apt
from deploys.layer import Layer
from deploys.storage import storage
from deploys.swap import swap
from fleet.base.exitcodes import ExitCode
from fleet.config import load
from fleet.model.events import Event, ResourceDone, ResourceStarted
from fleet.model.plan import HostResult, HostState, ResourceStatus
from fleet.run import order
from fleet.run.engine import Engine
from lab.lab import Lab
from lab.uml.machine import UmlMachine
from operations.apt.packages import packages
from tests.boot.conftest import BOOTED, Bench
from tests.ssh.controllers import exists, only, wait_for

POINT = "/mnt/fast-ai"


@deploy("tools")
def tools() -> None:
    """Declare one package with its libraries."""
    packages(names=["curl"], name="Packages[tools]")


LAYERS = (
    Layer("apt", apt),
    Layer("tools", tools),
    Layer("storage", storage),
    Layer("swap", swap),
)
CUTS = 9
#: Everything of ours that a converge of this fleet leaves, with content; not what tells of runs.
FILES = (
    f"find /etc /usr/lib/b70fleet /var/lib/b70fleet {POINT} -xdev -type f "
    "\\( -name '*b70fleet*' -o -path '*/b70fleet/*' -o -path /etc/fstab \\) "
    "! -name journal.jsonl ! -name production ! -name lock ! -name lease ! -name fence "
    "! -name mutex -exec sha256sum {} + | sort -k 2 | sed 's/UUID=[^ ]*//'"
)
LDCONFIG = "/usr/sbin/ldconfig"
#: In its place a program that never comes back: the script that calls it keeps dpkg in the middle.
ENDLESS = "#!/bin/sh\n: >/run/in-dpkg\nexec sleep 600\n"


@dataclass
class Rig:
    """The machine with a declaration of files, a package, a disk and swap."""

    bench: Bench
    folder: Path

    @property
    def vm(self) -> UmlMachine:
        return self.bench.machine

    def converge(self, watch: Callable[[Event], None] = lambda event: None) -> HostResult:
        engine, spec = self._engine()
        return only(engine.run([spec], order.converge(), watch).result)

    def plan(self) -> HostResult:
        engine, spec = self._engine()
        return only(engine.run([spec], order.plan()).result)

    def power_cut(self) -> None:
        """Cut the power; it comes back at once."""
        self.vm.kill9()
        self.vm.start()

    def out(self, command: str) -> str:
        return self.vm.run(command, timeout_s=280).stdout.strip()

    def _engine(self) -> tuple[Engine, HostSpec]:
        fleet = load(self.folder, {})
        return Engine(fleet, layers=LAYERS), fleet.hosts[self.vm.name]


@pytest.fixture(scope="module")
def rig(lab: Lab, bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    folder, name = tmp_path_factory.mktemp("fleet"), bench.machine.name
    lab.inventory(folder, [name])
    path = folder / "hosts.yaml"
    hosts = yaml.safe_load(path.read_text())
    hosts["hosts"][name] |= {
        "apt": {"sources": dict.fromkeys(("intel-graphics", "oneapi", "kernels-uml"))},
        "storage": {
            "filesystems": {POINT: {"serial": "extra1", "format": "if_blank"}},
            "directories": {f"{POINT}/llm-models": {"use": "models", "mode": "0750"}},
            "min_free_gib": 0.1,
        },
        "swap": {"permanent": {"path": f"{POINT}/swap", "size_gib": 0.125}},
    }
    path.write_text(yaml.safe_dump(hosts, sort_keys=False))
    return Rig(bench, folder)


@dataclass(frozen=True)
class Whole:
    """What an undisturbed converge did and left.

    Args:
        started: its resources, in order.
        files: what FILES says at the end.
        versions: every line that FILES ever said: each file as it was before, between and after.
    """

    started: list[str]
    files: str
    versions: frozenset[str]


@pytest.fixture(scope="module")
def whole(rig: Rig) -> Whole:
    rig.bench.owns(BOOTED)
    started: list[str] = []
    versions: set[str] = set()

    def watch(event: Event) -> None:
        if isinstance(event, ResourceStarted):
            started.append(event.name)
            versions.update(rig.out(FILES).splitlines())

    host = rig.converge(watch)
    assert host.state is HostState.CONVERGED, host.error
    files = rig.out(FILES)
    return Whole(started, files, frozenset(versions | set(files.splitlines())))


def cut_was_told(host: HostResult) -> None:
    """The controller cannot know how far the host came, and says so."""
    assert host.state.exit_code is ExitCode.UNREACHABLE, host.error
    assert not host.certificate


def finished(rig: Rig, whole: Whole) -> HostResult:
    """Converge after the cut; everything must be as if there had been none."""
    host = rig.converge()
    assert host.state in (HostState.CONVERGED, HostState.IN_SYNC), host.error
    assert host.certificate
    assert rig.out(FILES) == whole.files
    assert rig.out("dpkg --audit") == ""
    assert rig.out(f"findmnt -n -o FSTYPE {POINT}") == "ext4"
    assert f"{POINT}/swap" in rig.out("cat /proc/swaps")
    return host


def cut_at(rig: Rig, kind: type[ResourceStarted | ResourceDone], wanted: str) -> HostResult:
    """Converge and cut the power when a resource is begun, or done."""
    cuts: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, kind) and event.name == wanted and not cuts:
            cuts.append(wanted)
            rig.power_cut()

    host = rig.converge(watch)
    assert cuts, f"the run never came to {wanted}"
    rig.vm.wait_ready()
    return host


def nothing_is_torn(rig: Rig, whole: Whole) -> None:
    """Every file is as some moment of an undisturbed run knows it; temporary ones are nobody's."""
    found = {line for line in rig.out(FILES).splitlines() if "/.b70fleet." not in line}
    assert found <= whole.versions


@pytest.mark.timeout(2400)
def test_after_power_cuts_all_over_a_converge_the_next_run_finishes_and_no_file_is_torn(
    rig: Rig, whole: Whole
) -> None:
    rig.bench.owns(BOOTED)
    last = len(whole.started) - 1
    for cut in range(1, CUTS + 1):
        # odd cuts come before a command is sent, even ones after it answered
        kind = ResourceStarted if cut % 2 else ResourceDone
        cut_was_told(cut_at(rig, kind, whole.started[round(last * (cut - 1) / (CUTS - 1))]))
        nothing_is_torn(rig, whole)
    finished(rig, whole)


def test_a_power_cut_in_the_middle_of_dpkg_is_repaired_as_a_step_that_is_shown(
    rig: Rig, whole: Whole
) -> None:
    rig.bench.owns(BOOTED)
    # apt gives dpkg a PATH of its own: the program itself must be another
    rig.out(f"mv {LDCONFIG} {LDCONFIG}.real")
    rig.vm.write(LDCONFIG, ENDLESS, "0755")
    rig.out("sync")
    cutter = cut_when_there(rig, "/run/in-dpkg")
    cut_was_told(rig.converge())
    cutter.join()
    rig.vm.wait_ready()
    rig.out(f"mv {LDCONFIG}.real {LDCONFIG}")
    assert rig.out("dpkg --audit"), "dpkg was cut off"
    shown = {each.name: each.status for each in rig.plan().resources}
    assert shown["Dpkg[configured]"] is ResourceStatus.CHANGE
    assert "Dpkg[configured]" in finished(rig, whole).changed


def cut_when_there(rig: Rig, path: str) -> threading.Thread:
    """Cut the power in the background as soon as a file is there."""

    def wait() -> None:
        wait_for(lambda: exists(rig.vm, path), path, 600)
        rig.power_cut()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread
