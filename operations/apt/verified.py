"""Proof that an installed set works: its checks run once after each change, the host keeps a mark.

The checks start the GPU stack, so they never run as facts and never while nothing changed.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from pyinfra import host

from declaration.onhost import VERIFIED
from facts.packages.dpkg import PackageState
from facts.shelltext import shell_text
from operations.apt.package_state import package_state
from operations.files.filewrite import FileWrite
from operations.operation import Commands, differs, operation
from operations.require import path_state
from operations.script import Script

_CHECK: Final = shell_text(__file__)


def mark_path(set_name: str) -> str:
    """Return where the mark of a set lies."""
    return f"{VERIFIED}/{set_name}"


def fingerprint(state: PackageState, packages: Sequence[str], checks: Mapping[str, str]) -> str:
    """Return a digest of what is installed now and of how it is checked.

    Args:
        state: what dpkg says.
        packages: the set.
        checks: command line -> text that its output must contain.
    """
    versions = {name: state.version(name) for name in sorted(packages)}
    loader = [sorted(state.loader.owners), sorted(state.loader.files)]
    text = json.dumps([versions, loader, dict(checks)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@operation()
def verified(
    set_name: str,
    packages: Sequence[str],
    checks: Mapping[str, str],
    timeout_s: int = 60,
    tools: str = "",
    waits_for: Sequence[str] = (),
) -> Commands:
    """Run the checks of a set of packages unless they passed for exactly what is installed.

    + set_name: name of the mark
    + packages: the set
    + checks: command line (words as in a shell, no shell runs it) -> text its output must contain
    + timeout_s: seconds until a check counts as hung
    + tools: folder of stand-in tools that comes first in PATH, for lab hosts
    + waits_for: why the checks would prove nothing yet; they are due once it is empty
    """
    if waits_for:
        host.noop(f"after the reboot: {'; '.join(waits_for)}")
        return
    path = mark_path(set_name)
    mark = path_state(path)
    state = package_state()
    content = f"{fingerprint(state, packages, checks)}\n".encode()
    if mark is not None and mark.sha256 == hashlib.sha256(content).hexdigest():
        host.noop("passed for what is installed: " + ", ".join(checks))
        return
    seen = None if mark is None else "for other packages or checks"
    differs("proof", "for what is installed", seen)
    for line, wanted in checks.items():
        words = shlex.split(line)
        yield Script(_CHECK, "b70-verify", tools, str(timeout_s), wanted, *words, shown=words)
    yield FileWrite(path, content, mode="0644", user="root", group="root")
