"""What goes into an initial RAM disk of a boot set, and what remembers a trial."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploys.boot.paths import INITRAMFS_HOOK, TRIAL_HOOK
from deploys.boot.texts import text_of
from tests.unit.boot_facts import NEW
from tests.unit.boot_root import HOST_SHELLS, BootRoot
from tests.unit.fact_frame import SHELLS

SET = f"b70-{NEW}-0a1b2c3d4e"
OTHER = f"b70-{NEW}-ffffffffff"
FOLDER = f"lib/firmware/b70fleet/{SET}"
ASKED = {
    "B70FLEET_SET": SET,
    "B70FLEET_MODULES": "xe nvme",
    "B70FLEET_FIRMWARE": "xe/bmg_guc_70.bin xe/bmg_huc.bin xe/none.bin",
}


def host(folder: Path, shell: Sequence[str]) -> BootRoot:
    """Return a host with firmware of the distribution and of two sets."""
    root = BootRoot(folder, shell)
    root.plant("lib/firmware/xe/bmg_guc_70.bin.zst", "packed")
    root.plant("lib/firmware/xe/bmg_huc.bin", "plain")
    root.plant("lib/firmware/xe/other.bin", "not asked for")
    root.plant(f"{FOLDER}/xe/bmg_guc_70.bin", "of the set")
    root.plant(f"lib/firmware/b70fleet/{OTHER}/xe/bmg_guc_70.bin", "of another set")
    return root


#: What a set's image gets of that firmware.
FIRMWARE = [
    "/lib/firmware/xe/bmg_guc_70.bin.zst",
    "/lib/firmware/xe/bmg_huc.bin",
    f"/{FOLDER}/xe/bmg_guc_70.bin",
]


@pytest.fixture(params=HOST_SHELLS, ids=" ".join)
def tools(tmp_path: Path, request: pytest.FixtureRequest) -> BootRoot:
    """Return a host with initramfs-tools, whose functions say what they are asked for."""
    root = host(tmp_path, request.param)
    root.program("initramfs_hook.sh", INITRAMFS_HOOK)
    root.program("trial_hook.sh", TRIAL_HOOK)
    root.plant(
        "usr/share/initramfs-tools/hook-functions",
        'manual_add_modules() { echo "module $*"; }\ncopy_file() { echo "$*"; }\n',
    )
    return root


def test_the_image_of_a_set_has_driver_firmware_and_the_folder_of_its_own(
    tools: BootRoot,
) -> None:
    done = tools.call(tools.root / INITRAMFS_HOOK[1:], env=ASKED)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n")[:-1] == [
        "module xe",
        "module nvme",
        *(f"firmware {path}" for path in FIRMWARE),
    ]


def test_every_other_image_of_the_host_stays_as_it_is(tools: BootRoot) -> None:
    done = tools.call(tools.root / INITRAMFS_HOOK[1:])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_set_without_firmware_of_its_own_has_no_such_folder(tools: BootRoot) -> None:
    tools.remove(FOLDER)
    done = tools.call(tools.root / INITRAMFS_HOOK[1:], env=ASKED)
    assert done.returncode == 0
    assert "b70fleet" not in done.stdout


@pytest.mark.parametrize("path", [INITRAMFS_HOOK, TRIAL_HOOK])
def test_a_hook_says_that_it_needs_no_other(tools: BootRoot, path: str) -> None:
    done = tools.call(tools.root / path[1:], "prereqs", env=ASKED)
    assert (done.returncode, done.stdout) == (0, "\n")


DRACUT = """
inst_hook() { echo "hook $*"; }
inst_simple() { echo "$1"; }
instmods() { echo "module $* hostonly=$hostonly"; }
moddir=/here hostonly=1
"""


def dracut(root: BootRoot, call: str, **env: str) -> list[str]:
    """Call a function of the module as dracut does."""
    module = root.program("dracut_module.sh", "usr/lib/dracut/modules.d/90b70fleet/module-setup.sh")
    done = root.call("-c", f"{DRACUT}\n. {module}\n{call}", env=env)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


@pytest.fixture(params=SHELLS, ids=" ".join)
def with_dracut(tmp_path: Path, request: pytest.FixtureRequest) -> BootRoot:
    """Return a host with dracut."""
    return host(tmp_path, request.param)


def test_dracut_takes_the_module_only_where_it_is_asked_for(with_dracut: BootRoot) -> None:
    assert dracut(with_dracut, "check; echo $?") == ["255"]
    assert dracut(with_dracut, "depends; echo $?") == ["0"]


def test_an_image_of_dracut_has_the_same(with_dracut: BootRoot) -> None:
    assert dracut(with_dracut, "install", **ASKED) == [
        "hook pre-udev 05 /here/b70fleet-trial.sh",
        *FIRMWARE,
    ]
    (modules,) = dracut(with_dracut, "installkernel", **ASKED)
    # a module that is not in use yet is taken as well
    assert modules.startswith("module xe nvme hostonly=")
    assert not modules.endswith("=1")


def test_an_image_of_dracut_that_is_of_no_set_has_the_trial_hook_alone(
    with_dracut: BootRoot,
) -> None:
    assert dracut(with_dracut, "install") == ["hook pre-udev 05 /here/b70fleet-trial.sh"]
    assert dracut(with_dracut, "installkernel") == []


def boots(root: BootRoot, line: str) -> str | None:
    """Boot with a command line; return the trial that is remembered."""
    root.plant("proc/cmdline", f"{line}\n")
    text = root.moved(text_of("trial_hook.sh")).replace("/proc/", f"{root.root}/proc/")
    done = root.call("-c", text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    trial = root.root / "run/b70fleet/trial"
    return trial.read_text() if trial.exists() else None


def test_a_trial_is_remembered_for_as_long_as_the_host_runs(tools: BootRoot) -> None:
    assert boots(tools, f"root=UUID=1 ro b70fleet.set={SET} b70fleet.trial=20261130-7") == (
        "20261130-7\n"
    )


@pytest.mark.parametrize(
    "line",
    ["root=UUID=1 ro quiet", "b70fleet.trial=", "xb70fleet.trial=1", "b70fleet.trials=1", ""],
)
def test_an_ordinary_boot_is_no_trial(tools: BootRoot, line: str) -> None:
    assert boots(tools, line) is None


def test_a_word_that_a_shell_would_expand_is_taken_as_it_stands(tools: BootRoot) -> None:
    (tools.root / "boot").mkdir(exist_ok=True)
    assert boots(tools, "a=* $(touch x) b70fleet.trial=$HOME;x") == "$HOME;x\n"


def test_the_trial_word_of_the_menu_is_the_one_that_the_hook_looks_for() -> None:
    assert "b70fleet.trial=${b70fleet_trial}" in text_of("menu.sh")
    assert "b70fleet.trial=?*" in text_of("trial_hook.sh")
    assert subprocess.run(["sh", "-n"], input=text_of("trial_hook.sh"), text=True).returncode == 0
