"""Packages, holds, locks and the loader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from facts.base import wrap
from facts.packages.dpkg import LOCKS, LockHolder, Packages
from facts.value import Unknown
from tests.unit.fact_frame import NOBODY, fixture, lack, read, run, run_as

PARTS: dict[str, str | tuple[str, str]] = {
    "packages": fixture("packages/dpkg-query.txt"),
    "interrupted": "",
    "claims": "",
    "loader_files": "",
    "locks": "",
}


def test_every_status_of_dpkg_is_read() -> None:
    packages = read(Packages(), PARTS)
    assert packages.version("intel-opencl-icd") == "26.18.38308.1-0"
    assert packages.installed["libigc2"].status == "half-configured"
    assert packages.installed["linux-image-7.0.0-38-generic"].status == "unpacked"
    assert packages.installed["xpu-smi"].reinstall is True
    assert packages.config_files == ("linux-image-7.0.0-30-generic",)
    assert "linux-image-7.0.0-30-generic" not in packages.installed
    assert packages.holds == ("libze1",)
    assert packages.interrupted is False


def test_everything_that_is_not_completely_installed_is_named() -> None:
    assert read(Packages(), PARTS).half_configured == (
        "libigc2",
        "linux-image-7.0.0-38-generic",
        "xpu-smi",
        "man-db",
    )


def test_a_broken_package_has_no_installed_version() -> None:
    packages = read(Packages(), PARTS)
    assert packages.version("libigc2") is None
    assert packages.version("no-such-package") is None


def test_a_foreign_architecture_does_not_shadow_the_native_one() -> None:
    packages = read(Packages(), PARTS)
    assert packages.installed["libc6"].arch == "amd64"
    assert packages.installed["libc6:i386"].arch == "i386"


PROVIDING = """\
dpkg amd64 1.22 ii  dpkg-what
libaio1t64 amd64 0.3.113-6 ii  libaio1 (= 0.3.113-6)
libze-dev amd64 1.28 ii  level-zero-dev (= 1.28), level-zero-headers
other-dev all 2 iHR level-zero-dev
waiting amd64 2 iU  level-zero-headers
gone amd64 2 rc  libaio1
libaio1t64 i386 0.3.113-6 ii  libaio1 (= 0.3.113-6)
"""


def test_a_name_that_packages_provide_is_known_with_those_that_are_there() -> None:
    packages = read(Packages(), {**PARTS, "packages": PROVIDING})
    assert packages.standing_for("libaio1") == ("libaio1t64",)
    assert packages.standing_for("libaio1:amd64") == ("libaio1t64",)
    assert packages.standing_for("libaio1:i386") == ("libaio1t64:i386",)
    assert packages.standing_for("level-zero-dev") == ("libze-dev",)
    assert packages.standing_for("level-zero-headers") == ("libze-dev", "waiting")
    assert packages.standing_for("libze-dev") == ()


def test_the_architecture_of_the_machine_may_stand_behind_a_name() -> None:
    packages = read(Packages(), {**PARTS, "packages": PROVIDING})
    assert packages.found("libze-dev:amd64") == packages.found("libze-dev") == "libze-dev"
    assert packages.found("libaio1t64:i386") == "libaio1t64:i386"
    assert packages.found("libze-dev:i386") is None


def test_what_this_machines_packages_provide_is_what_dpkg_tells() -> None:
    packages = run(Packages())
    for name, package in packages.installed.items():
        command = ["dpkg-query", "-W", "-f", "${Provides}", name]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if told and package.arch == packages.native:
            assert name in packages.standing_for(told.split()[0].split(":")[0].rstrip(","))
            break


def test_a_journal_of_dpkg_means_that_it_was_interrupted() -> None:
    assert read(Packages(), {**PARTS, "interrupted": "0001\n"}).interrupted is True


def test_two_owners_of_the_loader_are_both_named() -> None:
    path = "/usr/lib/x86_64-linux-gnu/libze_loader.so.1"
    loader = read(
        Packages(),
        {
            **PARTS,
            "claims": fixture("packages/claims-two-owners.txt"),
            "loader_files": f"{path}\n{path}.28.2\n",
        },
    ).loader
    assert loader.owners == ("level-zero", "libze1")
    assert loader.claims == {path: ("level-zero", "libze1")}
    assert loader.files == (path, f"{path}.28.2")


def test_without_a_loader_nobody_owns_it() -> None:
    loader = read(Packages(), PARTS).loader
    assert (loader.owners, loader.files) == ((), ())


def test_lock_holders_carry_pid_and_command() -> None:
    text = "/var/lib/dpkg/lock-frontend 812 /usr/bin/python3 /usr/bin/unattended-upgrade \n"
    assert read(Packages(), {**PARTS, "locks": text}).locks == (
        LockHolder(
            "/var/lib/dpkg/lock-frontend", 812, "/usr/bin/python3 /usr/bin/unattended-upgrade"
        ),
    )


def test_an_ordinary_user_cannot_tell_who_holds_the_locks() -> None:
    assert read(Packages(), {**PARTS, "locks": lack("!", "needs root")}).locks == Unknown(
        "needs root"
    )
    assert os.geteuid() != 0 or run(Packages(), uid=NOBODY).locks == Unknown("needs root")


def test_one_strange_line_spoils_the_fact_instead_of_hiding_a_package() -> None:
    assert isinstance(read(Packages(), {**PARTS, "packages": "dpkg amd64 1 ii \nwhat?\n"}), Unknown)


def test_a_strange_row_is_named_with_its_number_and_made_printable() -> None:
    found = read(Packages(), {**PARTS, "packages": "dpkg amd64 1 ii \nwh\udce9t\x1b?\n"})
    assert "line 2 of `dpkg-query -W`" in found.reason
    assert found.reason.isprintable()


def test_the_command_of_a_lock_holder_may_have_bytes_of_any_code() -> None:
    text = "/var/lib/dpkg/lock 812 dpkg -i /root/M\udcfcller.deb \n"
    packages = read(Packages(), {**PARTS, "locks": text, "claims": "\udce9\n"})
    assert packages.locks == (
        LockHolder("/var/lib/dpkg/lock", 812, "dpkg -i /root/M\\xfcller.deb"),
    )


def test_an_odd_lock_holder_makes_only_the_holders_unknown() -> None:
    packages = read(Packages(), {**PARTS, "locks": "/var/lib/dpkg/lock what\n"})
    assert packages.version("intel-opencl-icd") == "26.18.38308.1-0"
    assert isinstance(packages.locks, Unknown)


def test_a_list_without_dpkg_is_no_list() -> None:
    assert isinstance(read(Packages(), {**PARTS, "packages": ""}), Unknown)


def test_this_machine_has_dpkg_installed_in_the_version_that_dpkg_tells() -> None:
    told = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "dpkg"], capture_output=True, text=True, check=True
    ).stdout
    assert run(Packages()).version("dpkg") == told


HOLD = """
import fcntl, sys
handle = open(sys.argv[1], "w")
fcntl.lockf(handle, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_process_that_holds_a_lock_is_found_without_fuser(tmp_path: Path) -> None:
    lock = tmp_path / "lock-frontend"
    script = Packages().script().replace(LOCKS[0], str(lock))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        packages = run_as(Packages(), wrap(script, 10))
    finally:
        holder.communicate("")
    if os.geteuid() == 0:
        assert [(found.lock, found.pid) for found in packages.locks] == [(str(lock), holder.pid)]
        assert "fcntl.lockf" in packages.locks[0].command
    else:
        assert isinstance(packages.locks, Unknown)
