"""Runs a fact's script in a shell of choice and interprets it, as a host would."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facts.base import END, HostFact, interpret

SHELLS = [
    ["sh"],
    *([shell] for shell in ("dash", "bash") if shutil.which(shell)),
    *([["busybox", "sh"]] if shutil.which("busybox") else []),
]
NOBODY = 1000


def finished(text: str, status: int = 0, stderr: str = "") -> list[str]:
    """Return output lines as the wrapper ends them."""
    return [*text.rstrip("\n").split("\n"), "", f"{END} {status} {stderr}"]


def bare_path(folder: Path) -> str:
    """Return a PATH with nothing but what the wrapper of every fact needs."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("sh", "timeout", "tr"):
        (tools / name).symlink_to(shutil.which(name) or name)
    return str(tools)


def run_fact(
    fact: HostFact[Any],
    probe_root: Path | str = "",
    *,
    shell: list[str] | None = None,
    env: Mapping[str, str] | None = None,
    uid: int | None = None,
) -> Any:
    """Execute the wrapped script and return the fact's value."""
    command = [*(shell or ["sh"]), "-c", fact.command(str(probe_root))]
    if uid is not None and os.geteuid() == 0:
        command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *command]
    done = subprocess.run(
        command,
        capture_output=True,
        timeout=60,
        env={**os.environ, **(env or {})},
        check=False,
    )
    return interpret(fact, done.stdout.decode("utf-8", "surrogateescape").split("\n"))
