"""Boot sets of a machine that really boots: one that nothing needs goes, and nothing else does."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest

from fleet.base.exitcodes import ExitCode
from tests import warm
from tests.boot.bootrig import BootRig
from tests.boot.conftest import DONE, Bench

#: A set that was the default once: its kernel is the one of the image, its package is on hold.
STALE = "b70-stale-0a1b2c3d4e"
FOLDER = f"/boot/b70fleet/{STALE}"
BLOBS = f"/lib/firmware/b70fleet/{STALE}"
#: A package that is in every image and that no other set needs.
PACKAGE = "hostname"
#: Makes that set of the one that keeps the system of the image.
MAKE = f"""
cp -a /boot/b70fleet/FOUND {FOLDER} &&
sed -i 's/^id .*/id {STALE}/' {FOLDER}/manifest &&
dpkg-query -W -f 'package ${{Package}} ${{Version}}\\n' {PACKAGE} >>{FOLDER}/manifest &&
mkdir -p {BLOBS}/xe && echo blob >{BLOBS}/xe/guc.bin &&
apt-mark hold {PACKAGE} && apt-mark manual {PACKAGE} && update-grub
"""
#: Every file in /boot and of our state, with the time of its last change.
FILES = "find /boot /var/lib/b70fleet -type f -printf '%p %T@\\n' | sort"


@pytest.fixture(scope="module")
def rig(bench: Bench, done: BootRig) -> BootRig:
    """Return the machine on its boot set, with a stale one beside it."""
    bench.owns(DONE)
    done.declare(done.boot_set())
    done.out(MAKE.replace("FOUND", done.found_id))
    return done


def b70(rig: BootRig, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own."""
    verb, *rest = words
    state = str(rig.folder / "state")
    return warm.b70(
        ["-i", str(rig.folder), "boot", verb, rig.vm.name, *rest],
        env={**os.environ, "B70_STATE": state, "NO_COLOR": "1", "COLUMNS": "120"},
        timeout_s=300,
    )


def held(rig: BootRig) -> set[str]:
    return set(rig.out("apt-mark showhold").split())


def journaled(rig: BootRig) -> int:
    return int(rig.out('grep -c \'"event": "end"\' /var/lib/b70fleet/journal.jsonl'))


def logged_boots(rig: BootRig, name: str) -> int:
    word = f"Kernel command line: .*b70fleet.set={name}( |$)"
    return int(rig.out(f"journalctl _TRANSPORT=kernel -o cat | grep -cE '{word}'"))


def entries(rig: BootRig) -> list[str]:
    menu = rig.vm.read("/boot/grub/grub.cfg")
    return re.findall(r"^menuentry .*'(b70-[^']*)' \{", menu, re.MULTILINE)


def test_the_list_has_every_set_with_its_roles_and_the_boot_that_the_journal_knows(
    rig: BootRig,
) -> None:
    done = b70(rig, "list", "--json")
    assert done.returncode == ExitCode.CLEAN, done.stderr
    body = json.loads(done.stdout)
    rows = {row["name"]: row for row in body["sets"]}
    assert {name: row["roles"] for name, row in rows.items()} == {
        rig.set_id: ["default", "running"],
        rig.found_id: ["fallback"],
        STALE: [],
    }
    assert {row["state"] for row in rows.values()} == {"complete"}
    assert rows[rig.set_id]["boots"] == logged_boots(rig, rig.set_id) > 0
    assert (body["declared"], body["elsewhere"]) == (rig.set_id, [])


@pytest.mark.parametrize("which", ["set_id", "found_id"])
def test_the_default_and_the_fallback_are_refused(rig: BootRig, which: str) -> None:
    name = getattr(rig, which)
    done = b70(rig, "prune", name, "-y")
    assert done.returncode == ExitCode.REFUSED
    assert f"{name} stays: " in done.stderr
    assert name in entries(rig)


def test_a_set_that_is_armed_is_refused(rig: BootRig) -> None:
    rig.out(f"/usr/lib/b70fleet/boot-commit arm {STALE}")
    done = b70(rig, "prune", STALE, "-y")
    rig.out("/usr/lib/b70fleet/boot-commit disarm")
    assert done.returncode == ExitCode.REFUSED
    assert "it is armed for the next boot" in done.stderr


def test_a_dry_run_shows_what_would_be_done_and_writes_nothing(rig: BootRig) -> None:
    before = rig.out(FILES)
    done = b70(rig, "prune", "--dry-run")
    assert done.returncode == ExitCode.PENDING, done.stderr
    assert f"no longer on hold: {PACKAGE}" in done.stdout
    assert f"apt-get purge {PACKAGE}" in done.stdout
    assert rig.out(FILES) == before


def test_a_prune_removes_the_stale_set_alone_and_a_second_one_has_nothing_to_do(
    rig: BootRig,
) -> None:
    holds, environment, runs = held(rig), rig.environment(), journaled(rig)
    done = b70(rig, "prune", "-y")
    assert done.returncode == ExitCode.CLEAN, done.stdout + done.stderr
    assert entries(rig) == sorted([rig.found_id, rig.set_id])
    assert rig.out(f"ls -d {FOLDER} {BLOBS} 2>/dev/null || true") == ""
    assert held(rig) == holds - {PACKAGE}
    assert rig.out(f"apt-mark showauto {PACKAGE}") == PACKAGE
    assert rig.environment() == environment
    assert journaled(rig) == runs + 1
    again = b70(rig, "prune", "-y")
    assert again.returncode == ExitCode.CLEAN, again.stderr
    assert "nothing to remove" in again.stdout
    assert rig.plan().changed == []
