"""Golden commands of the package operations, and what they refuse to do on UNKNOWN."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.onhost import APT_LISTS
from facts.packages.apt_download import AptDownload
from facts.packages.apt_sources import AptSources
from facts.packages.dpkg import Packages
from facts.system.files import FileState
from facts.value import ABSENT, Unknown
from operations.apt.apt_command import apt_get, waiting
from operations.apt.dpkg import dpkg_configured
from operations.apt.hold import hold
from operations.apt.package_file import package_file
from operations.apt.packages import packages
from tests.places import ROOT
from tests.unit.apt_facts import apt_facts, package_facts
from tests.unit.apt_root import AptRoot, Made
from tests.unit.base_facts import stat
from tests.unit.pyinfra_harness import Told, reasons, run_operation, stub_host

ENV = "env LC_ALL=C DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_MODE=l"
APT = (
    f"{ENV} apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "
    "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --no-install-recommends"
)
READ = apt_facts(lists=["x_dists_y_InRelease"])
UNKNOWN = Unknown("dpkg is broken")
#: how a half-installed package is described
BROKEN = "1.6 half-installed"


def wanted(state: Any, lists: Any = READ, **arguments: Any) -> tuple[list[str], list[str]]:
    facts = {Packages: state, AptSources: lists, AptDownload: 4096}
    return run_operation(packages, facts, **arguments)


def test_missing_packages_are_installed_without_a_question() -> None:
    commands, _ = wanted(package_facts({"curl": "8"}), names=["jq", "curl", "acl"])
    assert commands == [f"{APT} install acl jq"]


def test_installed_packages_in_any_version_want_nothing() -> None:
    facts = {Packages: package_facts({"curl": "8"}), AptSources: READ}
    assert run_operation(packages, facts, names=["curl"]) == ([], ["installed: curl"])


def test_a_package_is_there_under_each_name_that_apt_accepts_for_it() -> None:
    state = package_facts(
        {"libaio1t64": "0.3", "libze-dev": "1.28", "libc6": "2.41", "libc6:i386": "2.41"},
        provides={"libaio1": ("libaio1t64",), "level-zero-dev": ("libze-dev",)},
    )
    names = ["libaio1", "level-zero-dev", "libc6:amd64", "libc6:i386"]
    commands, noops = wanted(state, names=names)
    assert commands == []
    assert noops == [
        "installed: libc6:amd64, libc6:i386, level-zero-dev (provided by libze-dev), "
        "libaio1 (provided by libaio1t64)"
    ]


def test_another_architecture_is_another_package() -> None:
    commands, _ = wanted(package_facts({"libc6": "2.41"}), names=["libc6:i386"])
    assert commands == [f"{APT} install libc6:i386"]


def test_a_declared_version_is_that_of_the_package_itself() -> None:
    state = package_facts({"libze-dev": "1.28"}, provides={"level-zero-dev": ("libze-dev",)})
    commands, _ = wanted(state, names=["level-zero-dev"], versions={"level-zero-dev": "1.28"})
    assert commands == [f"{APT} install --allow-downgrades level-zero-dev=1.28"]


def test_a_declared_version_is_reached_downwards_as_well() -> None:
    commands, _ = wanted(package_facts({"jq": "2"}), names=["jq"], versions={"jq": "1.6-2.1"})
    assert commands == [f"{APT} install --allow-downgrades jq=1.6-2.1"]


def test_a_machine_that_never_asked_its_mirror_asks_first() -> None:
    commands, _ = wanted(package_facts({}), apt_facts(), names=["jq"])
    assert len(commands) == 2
    assert commands[0].endswith(f"b70-wait 300 {APT} update")
    assert commands[1] == f"{APT} install jq"


def test_a_package_that_only_waits_to_be_configured_is_not_installed_again() -> None:
    state = package_facts({"jq": "1.6"}, statuses={"jq": "half-configured"})
    assert wanted(state, names=["jq"])[0] == []


def test_a_half_installed_package_is_installed_again() -> None:
    state = package_facts({"jq": "1.6"}, statuses={"jq": "half-installed"})
    assert wanted(state, names=["jq"])[0] == [f"{APT} install jq"]


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [(packages, {"names": ["jq"]}), (hold, {"packages": ["jq"]}), (dpkg_configured, {})],
)
def test_nothing_is_installed_held_or_configured_on_unknown(operation: Any, arguments: Any) -> None:
    facts = {Packages: UNKNOWN, AptSources: READ}
    with pytest.raises(OperationError, match="dpkg is broken"):
        run_operation(operation, facts, **arguments)


@pytest.mark.parametrize("status", ["unpacked", "half-configured", "triggers-pending"])
def test_interrupted_work_of_dpkg_is_finished_as_a_visible_step(status: str) -> None:
    state = package_facts({"jq": "1.6"}, statuses={"jq": status})
    commands, _ = run_operation(dpkg_configured, {Packages: state})
    assert len(commands) == 1
    assert commands[0].endswith(
        f"b70-wait 300 {ENV} dpkg --force-confdef --force-confold --configure -a"
    )


def test_a_journal_that_dpkg_left_is_finished_too() -> None:
    assert run_operation(dpkg_configured, {Packages: package_facts({}, interrupted=True)})[0]


@pytest.mark.parametrize("status", ["installed", "half-installed"])
def test_dpkg_is_left_alone_when_nothing_waits_to_be_configured(status: str) -> None:
    state = package_facts({"jq": "1.6"}, statuses={"jq": status})
    commands, noops = run_operation(dpkg_configured, {Packages: state})
    assert commands == []
    assert noops == ["no package waits to be configured"]


def test_no_command_ever_repairs_by_removing_or_deletes_a_lock() -> None:
    room = ROOT / "operations"
    sources = sorted([*room.rglob("*.py"), *room.rglob("*.sh")])
    assert len(sources) > 65
    text = "\n".join(path.read_text() for path in sources)
    code = "\n".join(line for line in text.splitlines() if not line.startswith("Pure builders"))
    assert '"-f", "install"' not in code
    assert "--fix-broken" not in code
    assert "lock-frontend" not in code
    assert "autoremove" not in code


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Let another process hold an fcntl lock on a file; yield its pid."""
    script = (
        "import fcntl,sys\nf=open(sys.argv[1],'w')\nfcntl.lockf(f,fcntl.LOCK_EX)\n"
        "print('held',flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process.pid
        finally:
            process.communicate()


def test_a_lock_that_stays_held_is_reported_with_pid_and_command(tmp_path: Path) -> None:
    root = AptRoot(tmp_path)
    lock = root.root / "var/lib/apt/lists/lock"
    with locked(lock) as pid:
        done = root.run(waiting(apt_get("update", lock_timeout_s=0), 0), check=False)
    assert done.returncode == 100
    assert f"still held by process {pid} ({sys.executable} -c" in done.stderr
    assert lock.exists()


@pytest.mark.parametrize(
    "complaint",
    [
        "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1 (init)",
        "dpkg: error: dpkg frontend lock was locked by another process with pid 1",
        "dpkg: error: dpkg database lock is locked by another process",
    ],
)
def test_a_lock_that_is_given_back_in_time_is_waited_for(tmp_path: Path, complaint: str) -> None:
    busy_once = tmp_path / "tool"
    busy_once.write_text(
        f'#!/bin/sh\n[ -e "$1" ] && exit 0\n: >"$1"; echo "{complaint}" >&2; exit 100\n'
    )
    pause = tmp_path / "sleep"
    pause.write_text(f'#!/bin/sh\necho "$1" >>{tmp_path}/pauses\n')
    for tool in (busy_once, pause):
        tool.chmod(0o755)
    command = waiting((str(busy_once), str(tmp_path / "tried")), 60)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", command.get_raw_value()], check=True, timeout=60, env=env)
    assert (tmp_path / "pauses").read_text() == "2\n"


def test_a_failure_that_is_no_lock_is_not_tried_again(tmp_path: Path) -> None:
    root = AptRoot(tmp_path)
    root.archive("a", "A", {"thing": Made("1")})
    packages_file = root.archives / "a/dists/x/main/binary-amd64/Packages"
    packages_file.write_bytes(packages_file.read_bytes().replace(b"made for", b"evil for"))
    done = root.run(
        waiting(apt_get("update", "--error-on=any", lock_timeout_s=60), 60), check=False
    )
    assert done.returncode == 100
    assert "Hash Sum mismatch" in done.stderr
    assert str(root.archives / "a") in done.stderr


def test_a_file_of_a_package_that_is_there_wants_nothing() -> None:
    facts = {FileState: stat(), Packages: package_facts({"icpx": "1"})}
    commands, noops = run_operation(
        package_file, facts, path="/opt/x/vars.sh", package="icpx", version="1"
    )
    assert (commands, noops) == ([], ["is there"])


def test_a_file_whose_package_is_still_to_come_is_that_packages_business() -> None:
    facts = {FileState: ABSENT, Packages: package_facts({})}
    commands, noops = run_operation(
        package_file, facts, path="/opt/x/vars.sh", package="icpx", version="1"
    )
    assert (commands, noops) == ([], ["comes with icpx=1"])


def test_a_deleted_file_comes_back_with_its_package_which_stays_held(tmp_path: Path) -> None:
    root = AptRoot(tmp_path)
    root.archive(
        "a",
        "A",
        {
            "icpx": Made("1", "icpx-files"),
            "icpx-files": Made("7", files={"/opt/x/vars.sh": b"hello"}),
        },
    )
    root.update()
    root.shell("apt-get -q -y install icpx && apt-mark hold icpx-files")
    path = root.root / "opt/x/vars.sh"
    path.unlink()
    with stub_host({FileState: ABSENT, Packages: root.state()}):
        (command,) = package_file._inner(path="/opt/x/vars.sh", package="icpx", version="1")
    # the private root is no chroot: the script looks for the file below "/"
    done = root.run(command, check=False)
    assert path.read_text() == "hello"
    assert "does not bring /opt/x/vars.sh back" in done.stderr
    assert root.held() == ["icpx-files"]


def told(operation: Any, facts: dict[Any, Any], **arguments: Any) -> list[Any]:
    found = reasons(operation, facts, **arguments).differences
    return [(item.what, item.expected, item.seen) for item in found]


@pytest.mark.parametrize(
    ("state", "expected", "seen"),
    [
        (package_facts({}), "installed", None),
        (package_facts({"jq": "1.6"}, statuses={"jq": "half-installed"}), "installed", BROKEN),
        (package_facts({}), "1.7", None),
        (package_facts({"jq": "1.6"}), "1.7", "1.6"),
        (package_facts({"jq": "1.6"}, statuses={"jq": "half-installed"}), "1.7", BROKEN),
    ],
)
def test_a_package_says_which_version_is_there_and_which_was_declared(
    state: Any, expected: str, seen: str | None
) -> None:
    facts = {Packages: state, AptSources: READ, AptDownload: 0}
    versions = {} if expected == "installed" else {"jq": expected}
    assert told(packages, facts, names=["jq"], versions=versions) == [
        ("package jq", expected, seen)
    ]


def test_a_package_that_is_as_declared_is_no_reason_beside_one_that_is_not() -> None:
    facts = {Packages: package_facts({"curl": "8"}), AptSources: READ, AptDownload: 0}
    assert told(packages, facts, names=["jq", "curl", "acl"]) == [
        ("package acl", "installed", None),
        ("package jq", "installed", None),
    ]


def fetching(lists: Any, download: Any, **more: Any) -> Told:
    facts = {Packages: package_facts({"jq": "2"}), AptSources: lists, AptDownload: download}
    return reasons(packages, facts, names=["jq"], versions={"jq": "1.6-2.1"}, **more)


def test_apt_is_asked_for_the_size_of_exactly_what_will_be_installed() -> None:
    asked = []

    def answer(words: str) -> int:
        asked.append(words)
        return 53_080

    assert fetching(READ, answer).bytes == 53_080
    assert asked == ["--no-install-recommends --allow-downgrades jq=1.6-2.1"]


def test_a_size_that_apt_cannot_tell_stays_unknown_and_stops_nothing() -> None:
    unknown = Unknown("exit status 100: E: Unable to locate package jq")
    assert fetching(READ, unknown).bytes == unknown


def test_apt_is_not_asked_for_a_size_before_its_lists_were_read() -> None:
    def never(words: str) -> int:
        raise AssertionError(f"asked for {words}")

    unread = Unknown("the package lists were not read yet")
    new = fetching(apt_facts(), never)
    assert new.bytes == unread
    assert [item.what for item in new.differences] == ["package lists", "package jq"]
    assert fetching(READ, never, written=[APT_LISTS]).bytes == unread


def test_each_missing_hold_is_a_reason_of_its_own() -> None:
    facts = {Packages: package_facts({"a": "1", "b": "1", "c": "1"}, holds=["b"])}
    assert told(hold, facts, packages=["a", "b", "c", "not-there"]) == [
        ("hold a", "on hold", "not on hold"),
        ("hold c", "on hold", "not on hold"),
    ]


KERNELS = ("^linux-image-", "^linux-generic")
HWE = package_facts({"linux-generic-hwe-24.04": "1", "linux-image-generic-hwe-24.04": "1"})


def holding(*names: str, installs: tuple[str, ...] = ()) -> list[str]:
    arguments = {"packages": names, "kernels": KERNELS, "installs": installs}
    return run_operation(hold, {Packages: HWE}, **arguments)[0]


def test_a_hold_that_protects_nothing_is_refused_with_what_was_meant() -> None:
    with pytest.raises(OperationError) as error:
        holding("linux-generic")
    assert "linux-generic is not installed: a hold on it would protect nothing" in str(error.value)
    assert "installed is linux-generic-hwe-24.04" in str(error.value)
    with pytest.raises(OperationError, match="protect nothing"):
        holding("linux-generic-lts*")


def test_a_glob_holds_every_installed_name_that_it_matches() -> None:
    (command,) = holding("linux-generic*", "linux-image-*")
    assert command.endswith("apt-mark hold linux-generic-hwe-24.04 linux-image-generic-hwe-24.04")


def test_a_package_that_the_site_installs_or_a_dependency_brings_may_be_missing_still() -> None:
    assert holding("linux-image-7.0.0-38-generic", installs=("linux-image-7.0.0-38-generic",)) == []
    assert holding("libigc1") == []


def test_interrupted_work_of_dpkg_is_named_by_package() -> None:
    state = package_facts({"jq": "1", "acl": "1"}, statuses={"jq": "unpacked"}, interrupted=True)
    assert told(dpkg_configured, {Packages: state}) == [
        ("package jq", "installed", "unpacked"),
        ("dpkg's last run", "finished", "interrupted"),
    ]


def test_a_lost_file_names_the_package_that_brings_it_and_fetches_nobody_knows_what() -> None:
    facts = {FileState: ABSENT, Packages: package_facts({"icpx": "1"})}
    wanted = {"path": "/opt/x/vars.sh", "package": "icpx", "version": "1"}
    assert told(package_file, facts, **wanted) == [("file", "from icpx 1", None)]
    assert isinstance(reasons(package_file, facts, **wanted).bytes, Unknown)
