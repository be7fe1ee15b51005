"""Crash capture: read from a tree, through the real script."""

from __future__ import annotations

import subprocess
from pathlib import Path

from facts.system.crash_capture import Capture, CrashCapture
from facts.value import ABSENT, Unknown


def probe(root: Path) -> Capture:
    """Run the fact on a tree."""
    fact = CrashCapture()
    command = fact.command(probe_root=str(root))
    done = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True)
    value = fact.process(done.stdout.split("\n"))
    assert not isinstance(value, Unknown), value
    return value


def write(path: Path, text: str) -> None:
    """Write a file with its directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_an_empty_tree_captures_nothing_and_says_absent(tmp_path: Path) -> None:
    found = probe(tmp_path)
    assert (found.kdump, found.pstore, found.netconsole) == (ABSENT, ABSENT, ())


def test_each_means_of_capture_is_seen(tmp_path: Path) -> None:
    write(tmp_path / "sys/kernel/kexec_crash_loaded", "1\n")
    write(tmp_path / "sys/module/pstore/parameters/backend", "efi_pstore\n")
    write(tmp_path / "sys/kernel/config/netconsole/lab/enabled", "1\n")
    write(tmp_path / "sys/kernel/config/netconsole/off/enabled", "0\n")
    found = probe(tmp_path)
    assert (found.kdump, found.pstore, found.netconsole) == (True, "efi_pstore", ("lab",))


def test_pstore_without_a_backend_is_no_capture(tmp_path: Path) -> None:
    write(tmp_path / "sys/kernel/kexec_crash_loaded", "0\n")
    write(tmp_path / "sys/module/pstore/parameters/backend", "(null)\n")
    found = probe(tmp_path)
    assert (found.kdump, found.pstore) == (False, "")


def test_nonsense_spoils_only_its_own_part(tmp_path: Path) -> None:
    write(tmp_path / "sys/kernel/kexec_crash_loaded", "maybe\n")
    write(tmp_path / "sys/module/pstore/parameters/backend", "ramoops\n")
    found = probe(tmp_path)
    assert isinstance(found.kdump, Unknown)
    assert found.pstore == "ramoops"
