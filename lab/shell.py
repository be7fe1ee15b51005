"""Runs programs of this computer. Nothing here knows what they are for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lab.errors import LabError

#: Folders that a user's PATH may lack although root's tools lie there.
_SYSTEM: Final = "/usr/sbin:/sbin"


def search_path() -> str:
    """Return PATH with the folders of root's tools behind it."""
    return f"{os.environ.get('PATH', '/usr/bin:/bin')}:{_SYSTEM}"


def run(
    command: Sequence[str],
    *,
    input: str = "",
    check: bool = True,
    timeout_s: float = 60,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it said.

    Args:
        command: program and arguments, no shell.
        input: text for its standard input.
        check: raise when its exit status is not 0.
        timeout_s: seconds until it is killed.
        env: whole environment; None inherits this process's, with root's folders in PATH.
        cwd: working directory.

    Raises:
        LabError: missing program, time-out, or a status other than 0 while `check` is set.
    """
    try:
        done = subprocess.run(
            list(command),
            input=input,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout_s,
            env=dict(env) if env is not None else {**os.environ, "PATH": search_path()},
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(
            f"{command[0]} is not installed", "b70 lab up installs what it needs"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{' '.join(command)}` did not end within {timeout_s:g} s") from error
    if check and done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise LabError(f"`{' '.join(command)}` ended with {done.returncode}: {said}")
    return done
