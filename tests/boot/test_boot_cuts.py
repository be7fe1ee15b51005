"""The power goes before every step that makes a boot set, or the choice of one, last.

Each `sync` of stage, arming and commit is such a step: the first time that one is called the power
is cut in its place, so what it would have flushed may be lost. The next converge goes on. After
each cut the host must have booted the old system or the new set, whole.
"""

from __future__ import annotations

import threading

import pytest

from fleet.base.exitcodes import ExitCode
from fleet.host import ssh
from fleet.model.plan import HostState
from lab.errors import LabError
from lab.lab import Lab
from tests.boot.bootrig import BootRig, make
from tests.boot.conftest import BOOTED, Bench
from tests.ssh.controllers import exists, only, wait_for

COMMIT = "/usr/lib/b70fleet/boot-commit"
#: In place of `sync`, for boot sets and what chooses one: the first call of each kind never comes
#: back. Files of programs and settings are written as all files are (test_power_cut.py).
SYNC = r"""#!/bin/sh
step=$(printf '%s\n' "$*" | sed 's/\.b70fleet\.[A-Za-z0-9]*/.b70fleet.N/g')
case $step in
  */boot/*|*/b70fleet/b70-*) ;;
  *) exec /usr/bin/sync "$@" ;;
esac
if grep -qxF -e "$step" /root/cuts; then exec /usr/bin/sync "$@"; fi
printf '%s\n' "$step" >>/root/cuts
/usr/bin/sync /root/cuts
: >/run/cut
exec sleep 900
"""
#: More than there are; a host that never gets done must not be cut for ever.
MOST = 60


@pytest.fixture
def rig(lab: Lab, bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> BootRig:
    rig = make(lab, bench.owns(BOOTED), tmp_path_factory.mktemp("fleet"))
    rig.without_other_layers()
    rig.declare(rig.boot_set())
    rig.vm.write("/usr/local/bin/sync", SYNC, "0755")
    rig.out(": >/root/cuts; /usr/bin/sync")
    return rig


def cutter(rig: BootRig, done: threading.Event) -> threading.Thread:
    """Cut the power as soon as a step stands still; ends without a cut when `done` is set."""

    def stands_still() -> bool:
        try:
            return done.is_set() or exists(rig.vm, "/run/cut")
        except LabError:  # it reboots
            return False

    def wait() -> None:
        wait_for(stands_still, "a cut", 600)
        if not done.is_set():
            rig.vm.kill9()
            rig.vm.start()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def boots_the_old_or_the_new_whole(rig: BootRig) -> None:
    """Read back what booted, without the code under test."""
    words = rig.vm.read("/proc/cmdline").split()
    names = [word.partition("=")[2] for word in words if word.startswith("b70fleet.set=")]
    assert names in ([], [rig.found_id], [rig.set_id])
    release = rig.newer.release if names == [rig.set_id] else rig.installed.release
    assert rig.out("uname -r") == release
    complete = rig.out("for f in /boot/b70fleet/*/manifest; do dirname $f; done").split()
    for folder in (each for each in complete if "*" not in each):
        rig.out(
            f"cd {folder} && while read -r key name hash _; do [ $key != file ] || "
            'echo "$hash  $name"; done <manifest | sha256sum -c --quiet'
        )


@pytest.mark.timeout(2400)
def test_a_power_cut_at_every_step_of_stage_and_commit_leaves_the_old_or_the_new_set(
    rig: BootRig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # the controller hears of a cut when the host that is back refuses its next keepalive
    monkeypatch.setattr(ssh, "KEEPALIVE_EVERY_S", 2.0)
    cuts = 0
    while True:
        done = threading.Event()
        thread = cutter(rig, done)
        result = rig.converge(allow_reboot=True)
        done.set()
        thread.join()
        rig.vm.wait_ready()
        if only(result).state in (HostState.CONVERGED, HostState.IN_SYNC):
            break
        cuts += 1
        assert cuts < MOST, only(result).error
        boots_the_old_or_the_new_whole(rig)
    steps = rig.vm.read("/root/cuts").splitlines()
    with capsys.disabled():
        print(f"\n{cuts} of {len(steps)} cuts survived")
    assert cuts == len(steps)
    assert result.exit_code == ExitCode.CLEAN
    assert {f"/boot/b70fleet/{rig.set_id}/.manifest", "/boot/b70fleet/.roles"} <= set(steps)
    assert f"b70fleet.set={rig.set_id}" in rig.vm.read("/proc/cmdline").split()
    rig.out(f"{COMMIT} check {rig.set_id} && {COMMIT} check {rig.found_id}")
