"""What an installation would fetch: apt's own sum, without a lock and without a trace."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from facts.base import interpret
from facts.packages.apt_download import AptDownload, download_script
from facts.value import Unknown
from tests.unit.apt_root import AptRoot, Made
from tests.unit.fact_frame import finished, read, run_as

HELLO = (
    "'http://deb.debian.org/debian/pool/main/h/hello/hello_2.10-3_amd64.deb' "
    "hello_2.10-3_amd64.deb 53080 MD5Sum:d04c2e9639dee67aa836d8232b1ca658"
)
BASH = (
    "'http://deb.debian.org/debian/pool/main/b/bash/bash_5.2.15-2%2bb13_amd64.deb' "
    "bash_5.2.15-2+b13_amd64.deb 1490652 MD5Sum:f973a067908f9c7579d30deddd8301ed"
)
#: as apt prints it for an archive that has no MD5
NO_HASH = HELLO.rpartition(" ")[0] + " "
SENT = "'file:/var/lib/b70fleet/debs/libze1_1.28.2-local1_all.deb' libze1_1.28.2_all.deb 20672 "


@pytest.mark.parametrize(
    ("lines", "count"),
    [([], 0), ([HELLO], 53_080), ([HELLO, BASH], 1_543_732), ([NO_HASH], 53_080)],
)
def test_the_sizes_of_all_lines_are_added_and_no_line_is_nothing_to_fetch(
    lines: list[str], count: int
) -> None:
    assert read(AptDownload(), "\n".join(lines)) == count


def test_a_package_that_lies_on_the_host_is_not_fetched() -> None:
    assert read(AptDownload(), f"{SENT}\n{HELLO}") == 53_080


@pytest.mark.parametrize(
    "odd",
    [
        "Reading package lists...",
        "'http://x/a.deb' a.deb many MD5Sum:1",
        "'http://x/a.deb' a.deb -1 MD5Sum:1",
        "http://x/a.deb a.deb 1 MD5Sum:1",
        "'http://x/a.deb' a.deb 1 MD5Sum:1 more",
    ],
)
def test_one_odd_line_makes_the_sum_unknown_and_is_named(odd: str) -> None:
    found = read(AptDownload(), f"{HELLO}\n{odd}\n{BASH}")
    assert isinstance(found, Unknown)
    assert repr(odd) in found.reason


def test_what_apt_refuses_is_unknown_with_its_message() -> None:
    refusal = "E: Unable to locate package nosuchpkg"
    found = interpret(AptDownload(), finished("", 100, refusal))
    assert isinstance(found, Unknown)
    assert found.reason == f"exit status 100: {refusal}"


@pytest.mark.parametrize("words", ["", "  ", "'open"])
def test_words_that_are_none_never_reach_a_shell(words: str) -> None:
    with pytest.raises(ValueError, match=r"no package name|No closing quotation"):
        AptDownload().command(words=words)


def test_no_shell_reads_the_words(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    words = shlex.join([f"$(touch {trace})", f"; touch {trace}"])
    assert isinstance(run_as(AptDownload(), AptDownload().command(words=words)), Unknown)
    assert not trace.exists()


def test_this_machine_answers_and_names_what_it_does_not_know() -> None:
    known = run_as(AptDownload(), AptDownload().command(words="--reinstall dpkg"))
    assert isinstance(known, int | Unknown)
    unknown = run_as(AptDownload(), AptDownload().command(words="no-such-package-b70"))
    assert isinstance(unknown, Unknown)
    assert "no-such-package-b70" in unknown.reason


def entries(root: AptRoot) -> set[tuple[str, int, int]]:
    return {
        (str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in root.root.rglob("*")
    }


def test_nobody_asks_without_writing_deleting_or_locking_anything(open_folder: Path) -> None:
    """apt of its own would write its cache anew and delete the archive of a wrong size."""
    root = AptRoot(open_folder)
    root.archive("a", "A", {"thing": Made("1", "dep"), "dep": Made("2")})
    root.update()
    for cache in (root.root / "var/cache/apt").glob("*.bin"):
        cache.unlink()
    (root.root / "var/cache/apt/archives/dep_2_amd64.deb").write_bytes(b"cut off")
    if os.geteuid() != 0:  # the folders of a host's apt are not an ordinary user's
        for path in (root.root, *root.root.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222)
    before = entries(root)
    # the archive lies in a folder, so the fact would count nothing: its lines are looked at
    done = root.shell(download_script("thing=1"))
    assert [line.split()[1] for line in done.stdout.splitlines()] == [
        "dep_2_amd64.deb",
        "thing_1_amd64.deb",
    ]
    assert entries(root) == before
