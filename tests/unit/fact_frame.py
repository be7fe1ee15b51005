"""Builds what a fact's script prints from tools' own outputs, and runs real scripts."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facts.base import END, HostFact, interpret, wrap
from tests.places import FIXTURES

#: the kernel's overflow user: it owns nothing
NOBODY = 65534
#: every POSIX shell of this machine, as an argument list
SHELLS = [
    ["sh"],
    *([shell] for shell in ("dash", "bash") if shutil.which(shell)),
    *([["busybox", "sh"]] if shutil.which("busybox") else []),
]


def fixture(name: str) -> str:
    """Return the text of a fixture."""
    return (FIXTURES / name).read_text()


def lack(mark: str, why: str = "") -> tuple[str, str]:
    """Return a part without text: `-` absent, `!` needs root, `?` another reason."""
    return mark, why


def grep(files: Mapping[str, str], pattern: str = "") -> str:
    """Return what `grep -HnE PATTERN` prints for files with these contents."""
    return "".join(
        f"{path}:{number}:{line}\n"
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    )


def frame(parts: Mapping[str, str | tuple[str, str]]) -> str:
    """Return the output of a script that printed these parts."""
    out = ""
    for name, part in parts.items():
        if isinstance(part, tuple):
            out += f"#b70 {name} {part[0]}{part[1]}\n"
        else:
            out += f"#b70 {name}\n{part}" + ("" if part.endswith("\n") or not part else "\n")
    return out


def read(fact: HostFact[Any], parts: Mapping[str, str | tuple[str, str]] | str) -> Any:
    """Return the value that a fact makes of these parts (or of this text)."""
    text = parts if isinstance(parts, str) else frame(parts)
    return interpret(fact, [*text.split("\n"), f"{END} 0 "])


def finished(text: str, status: int = 0, stderr: str = "") -> list[str]:
    """Return output lines as the wrapper ends them."""
    return [*text.rstrip("\n").split("\n"), "", f"{END} {status} {stderr}"]


def execute(
    command: str,
    *,
    shell: Sequence[str] = ("sh",),
    uid: int | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a wrapped script in a shell of choice, as root or as another user."""
    prefix: list[str] = []
    if uid is not None and os.geteuid() == 0:
        prefix = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return subprocess.run(
        [*prefix, *shell, "-c", command],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        env={**os.environ, **(env or {})},
        timeout=120,
        check=False,
    )


def run_as(fact: HostFact[Any], command: str, **options: Any) -> Any:
    """Run a wrapped script here and return what a fact makes of it."""
    return interpret(fact, execute(command, **options).stdout.split("\n"))


def run(fact: HostFact[Any], probe_root: Path | str = "", **options: Any) -> Any:
    """Run a fact's own script here and return its value."""
    return run_as(fact, fact.command(probe_root=str(probe_root)), **options)


def bare_path(folder: Path) -> str:
    """Return a PATH with nothing but what the wrapper of every fact needs."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("sh", "timeout", "tr"):
        (tools / name).symlink_to(shutil.which(name) or name)
    return str(tools)


def relocated(script: str, root: Path, *folders: str) -> str:
    """Return a script whose absolute paths below some folders lie in a tree of the test's own."""
    for folder in folders:
        script = re.sub(
            rf"(?<![\w/.}}\"]){folder}(?=[/\s'\"])", f"{shlex.quote(str(root))}{folder}", script
        )
    return script


def as_root(script: str, folder: Path) -> str:
    """Return a script that takes whoever runs it for root.

    Args:
        script: of a fact; it knows the user from /proc/self/status.
        folder: of the test's own.
    """
    status = folder / "status-of-root"
    status.write_text("Uid:\t0\t0\t0\t0\n")
    assert "/proc/self/status" in script
    return script.replace("/proc/self/status", str(status))


def run_below(fact: HostFact[Any], root: Path, *folders: str) -> Any:
    """Run a fact's script on a tree of the test's own; it seems to have run on the whole machine.

    Args:
        fact: whose script.
        root: the tree.
        folders: absolute paths that lie in it.
    """
    command = wrap(relocated(fact.script(), root, *folders), fact.timeout_s)
    return interpret(fact, execute(command).stdout.replace(str(root), "").split("\n"))


def plant(root: Path, files: Mapping[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
