"""Past boots from the journal: their time, kernel and command line, and what is not known."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from facts.boot.boots import MOST, BootLog, Boots, PastBoot
from facts.value import Unknown
from tests.unit.fact_frame import SHELLS, as_root, execute, frame, lack, read, relocated

ONE, TWO = "1" * 32, "2" * 32
LINES = f"""\
boot {TWO}
at 1795942800.250000
Linux version 7.0.0-38-generic (buildd@lcy02) (gcc 13.3.0) #38-Ubuntu SMP
Command line: BOOT_IMAGE=/boot/b70fleet/b70-x/vmlinuz root=UUID=6f0b ro b70fleet.set=b70-x
Kernel command line: BOOT_IMAGE=/boot/b70fleet/b70-x/vmlinuz root=UUID=6f0b ro b70fleet.set=b70-x
boot {ONE}
at 1795856400.000000
Linux version 6.12.95+deb13-amd64 (debian-kernel@lists.debian.org)
Kernel command line: root=/dev/ubda ro
"""
#: `journalctl --list-boots` of systemd 252, with its dash, and of 257 with its heading
LISTS = {
    "252": f" -1 {ONE} Sat 2026-11-28 09:00:00 UTC\u2014Sat 2026-11-28 10:00:00 UTC\n"
    f"  0 {TWO} Sun 2026-11-29 09:00:00 UTC\u2014Sun 2026-11-29 10:00:00 UTC\n",
    "257": "IDX BOOT ID                          FIRST ENTRY                 LAST ENTRY\n"
    f" -1 {ONE} Sat 2026-11-28 09:00:00 UTC Sat 2026-11-28 10:00:00 UTC\n"
    f"  0 {TWO} Sun 2026-11-29 09:00:00 UTC Sun 2026-11-29 10:00:00 UTC\n",
}
JOURNALCTL = """#!/bin/sh
case "$*" in
  *--list-boots*) cat "$HOME/list" ;;
  *-b*1111*) cat "$HOME/one" ;;
  *) cat "$HOME/two" ;;
esac
"""


def parsed(lines: str, kept: Any = "/var/log/journal\n") -> BootLog:
    found: BootLog = read(Boots(), frame({"kept": kept, "boots": lines}))
    return found


def test_a_boot_has_its_time_its_kernel_and_its_command_line() -> None:
    newest, oldest = parsed(LINES).boots
    assert newest == PastBoot(
        TWO,
        1795942800.25,
        "7.0.0-38-generic",
        (
            "BOOT_IMAGE=/boot/b70fleet/b70-x/vmlinuz",
            "root=UUID=6f0b",
            "ro",
            "b70fleet.set=b70-x",
        ),
    )
    assert (oldest.release, oldest.tokens) == (
        "6.12.95+deb13-amd64",
        ("root=/dev/ubda", "ro"),
    )


def test_a_boot_whose_beginning_was_lost_is_of_an_unknown_set() -> None:
    (boot,) = parsed(f"boot {ONE}\nat 1795856400.000000\n").boots
    assert isinstance(boot.tokens, Unknown)
    assert isinstance(boot.release, Unknown)


def test_a_command_line_that_the_log_cuts_is_unknown() -> None:
    line = "Command line: " + "x" * 980
    (boot,) = parsed(f"boot {ONE}\nat 1.0\n{line}\n").boots
    assert isinstance(boot.tokens, Unknown)
    assert "cuts" in boot.tokens.reason


def test_a_journal_in_memory_is_told_from_one_on_disk() -> None:
    assert parsed(LINES).kept
    assert not parsed(LINES, kept=lack("-")).kept


def test_boots_that_were_not_looked_at_are_told() -> None:
    assert parsed(LINES).whole
    assert not parsed(f"{LINES}more\n").whole


def test_without_root_nothing_is_known() -> None:
    found = read(Boots(), frame({"kept": lack("-"), "boots": lack("!", "needs root")}))
    assert isinstance(found, Unknown)
    assert "needs root" in found.reason


def journal(folder: Path, listed: str) -> dict[str, str]:
    """Put a journalctl into the path that knows two boots."""
    tools = folder / "tools"
    tools.mkdir()
    (tools / "journalctl").write_text(JOURNALCTL)
    (tools / "journalctl").chmod(0o755)
    (folder / "list").write_text(listed)
    log = "{at}.000001 rig kernel: Linux version {release} (x)\n{at}.000001 rig kernel: {line}\n"
    line = "Command line: root=UUID=6f0b b70fleet.set=b70-x"
    new = log.format(at=1795942800, release="7.0.0-38-generic", line=line)
    (folder / "two").write_text(new + "1795942801.0 rig kernel: noise\n" * 500)
    (folder / "one").write_text("1795856400.5 rig kernel: pci 0000:00:01.0: enabled\n" * 500)
    return {"HOME": str(folder), "PATH": f"{tools}:{os.environ['PATH']}"}


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("version", LISTS)
def test_the_script_reads_the_lists_of_both_versions_of_systemd(
    tmp_path: Path, shell: list[str], version: str
) -> None:
    env = journal(tmp_path, LISTS[version])
    script = as_root(relocated(Boots().command(), tmp_path, "/etc", "/var"), tmp_path)
    done = execute(script, shell=shell, env=env)
    found = Boots().process(done.stdout.split("\n"))
    assert isinstance(found, BootLog), found
    newest, oldest = found.boots
    assert (newest.boot_id, newest.began_s, newest.release) == (
        TWO,
        1795942800.000001,
        "7.0.0-38-generic",
    )
    assert newest.tokens == ("root=UUID=6f0b", "b70fleet.set=b70-x")
    assert (oldest.boot_id, oldest.began_s) == (ONE, 1795856400.5)
    assert isinstance(oldest.tokens, Unknown)
    assert (found.kept, found.whole) == (False, True)


def test_the_script_looks_at_a_bounded_number_of_boots(tmp_path: Path) -> None:
    listed = "".join(f" {-n} {n:032x} Sat Sat\n" for n in range(MOST + 5, 0, -1))
    env = journal(tmp_path, listed)
    found = Boots().process(
        execute(as_root(Boots().command(), tmp_path), env=env).stdout.split("\n")
    )
    assert isinstance(found, BootLog)
    assert len(found.boots) == MOST
    assert found.boots[0].boot_id == f"{1:032x}"
    assert not found.whole
