"""A file that another program parses whole is shown to it first; what it refuses is never there."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

from facts.system.files import FileState
from facts.value import ABSENT
from operations.files.file import file
from operations.files.file_check import check_of
from operations.files.filewrite import FileWrite
from tests.unit.pyinfra_harness import stub_host

SOURCE = "Types: deb\nURIs: https://apt.example.net/x\nSuites: {}\nComponents: main\n"
PIN = "Package: jq\nPin: {}\nPin-Priority: {}\n"
SERVICE = "[Unit]\nDescription=x\n[Service]\nType=oneshot\nExecStart={}\n"


def ask(path: str, content: str, folder: Path, programs: Path | None = None) -> str:
    """Write a file the way a host does, with the check of another path; return what refused it."""
    place = folder / Path(path).name
    place.write_text("old")
    check = check_of(path)
    assert check
    user = {"user": str(os.geteuid()), "group": str(os.getegid())}
    item = FileWrite(str(place), content.encode(), mode="0644", **user, validate=check)
    env = dict(os.environ) | ({"PATH": f"{programs}:{os.environ['PATH']}"} if programs else {})
    done = subprocess.run(
        ["sh", "-c", item.get_raw_value()],
        input=base64.b64encode(item.content),
        capture_output=True,
        check=False,
        env=env,
        timeout=60,
    )
    assert os.listdir(folder) == [place.name]
    assert place.read_text() == (content if done.returncode == 0 else "old")
    assert done.returncode in (0, 74)
    return done.stderr.decode()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/etc/apt/sources.list.d/x.sources", SOURCE.format("noble noble-updates")),
        ("/etc/apt/sources.list.d/x.list", "deb https://apt.example.net/x ./\n"),
        ("/etc/apt/preferences.d/x", PIN.format("release o=x", 990)),
        ("/etc/apt/apt.conf.d/x", 'APT::Never "true";\n'),
        ("/etc/systemd/system/x.service", SERVICE.format("/bin/true")),
        ("/etc/systemd/system/b70-.service.d/x.conf", "[Service]\nLimitNOFILE=1024\n"),
        ("/etc/needrestart/conf.d/x.conf", "$nrconf{restart} = 'l';\n"),
    ],
)
def test_what_its_program_can_read_comes_into_its_place(
    tmp_path: Path, path: str, content: str
) -> None:
    assert ask(path, content, tmp_path) == ""


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("/etc/apt/sources.list.d/x.sources", SOURCE.format("./"), "absolute Suite Component"),
        ("/etc/apt/sources.list.d/x.list", "deb https://apt.example.net/x\n", "Malformed"),
        ("/etc/apt/sources.list", "deb [arch=amd64 https://x/ a b\n", "Malformed"),
        ("/etc/apt/preferences.d/x", PIN.format("release o=x", "high"), "No priority"),
        ("/etc/apt/preferences.d/x", PIN.format("orign x", 990), "Did not understand pin type"),
        ("/etc/apt/preferences", "nonsense\n", "Unable to parse package file"),
        ("/etc/apt/apt.conf.d/x", 'APT::Never { "true"\n', "Syntax error"),
        ("/etc/systemd/system/x.service", SERVICE.format("true\nLimitCORE=big"), "LimitCORE|big"),
        ("/etc/systemd/system/x.service", SERVICE.format("/no/such/program"), "/no/such/program"),
        ("/etc/systemd/system/b70-.service.d/x.conf", "[Service]\nLimitNOFILE=x\n", "resource"),
        ("/etc/needrestart/conf.d/x.conf", "$nrconf{restart = 'l';\n", "syntax error"),
    ],
)
def test_what_its_program_refuses_is_not_written_and_the_programs_own_line_is_shown(
    tmp_path: Path, path: str, content: str, said: str
) -> None:
    told = ask(path, content, tmp_path)
    assert f"{Path(path).name} refused by its check: " in told
    assert any(part in told for part in said.split("|"))


@pytest.mark.parametrize(
    ("path", "program"),
    [
        ("/etc/sudoers.d/x", "visudo"),
        ("/etc/sudoers", "visudo"),
        ("/etc/ssh/sshd_config.d/x.conf", "sshd"),
        ("/etc/nftables.conf", "nft"),
        ("/etc/chrony/sources.d/x.sources", "chronyd"),
        ("/etc/udev/rules.d/x.rules", "udevadm"),
    ],
)
def test_a_program_that_is_installed_is_asked_about_the_candidate(
    tmp_path: Path, path: str, program: str
) -> None:
    programs, folder = tmp_path / "bin", tmp_path / "etc"
    programs.mkdir()
    folder.mkdir()
    stub = programs / program
    # the last word is the file; udevadm is asked first whether it can verify at all
    stub.write_text(
        '#!/bin/sh\nfor f; do :; done; [ "$f" = --help ] && exit 0\n'
        'grep -n bad "$f" >&2 && exit 1; exit 0\n'
    )
    stub.chmod(0o755)
    assert ask(path, "good\n", folder, programs) == ""
    assert "1:bad line" in ask(path, "bad line\n", folder, programs)


def test_a_program_that_is_not_installed_is_not_asked(tmp_path: Path) -> None:
    assert check_of("/etc/nftables.conf").endswith('needs nft\nnft -c -f "$B70_FILE"\n')
    done = subprocess.run(
        ["sh", "-c", check_of("/etc/nftables.conf").replace("nft", "b70-no-such-program")],
        env={"PATH": os.environ["PATH"], "B70_FILE": "/dev/null"},
        check=False,
    )
    assert done.returncode == 0


def test_each_write_of_such_a_file_carries_its_check_whoever_declares_it() -> None:
    checks = {}
    with stub_host({FileState: ABSENT}):
        for path in ("/etc/apt/sources.list.d/somebody.sources", "/etc/motd"):
            (item,) = file._inner(path=path, content="x")
            checks[path] = item.arguments[-1]
    assert list(checks.values()) == [check_of("/etc/apt/sources.list.d/somebody.sources"), ""]


def test_a_check_that_is_given_comes_before_that_of_the_path() -> None:
    with stub_host({FileState: ABSENT}):
        (item,) = file._inner(path="/etc/nftables.conf", content="x", validate="true")
    assert item.arguments[-1] == "true"
