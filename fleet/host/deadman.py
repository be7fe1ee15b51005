"""The way back for changes that can lock us out: sshd, sudoers, nftables. Pure text.

Before such a file is written, its old self is put aside and a timer on the host is set to bring it
back. Only a *new* connection that becomes root stops the timer; a controller that is gone cannot.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from declaration.onhost import DEADMAN
from facts.shelltext import shell_text, shell_variables

#: Files below these can cut the controller off.
GUARDED: Final = ("/etc/ssh/", "/etc/sudoers", "/etc/nftables")
#: Seconds until the host takes a change back that nobody confirmed.
WINDOW_S: Final = 60
#: Seconds for which a refused connection is tried again: a reload takes sshd's socket away briefly.
PATIENCE_S: Final = 20
#: Exit status of `confirm` when the old files are back already.
TOO_LATE: Final = 94

_UNIT: Final = "b70fleet-deadman"

#: What an operator reads who finds the file on a host.
_WHY: Final = "nobody confirmed a change to sshd, sudoers or nftables: it is taken back."
_RESTORE: Final = (
    f"#!/bin/sh\n# Written by b70fleet: {_WHY}\n"
    + shell_variables(folder=DEADMAN)
    + shell_text(__file__)
)


def is_guarded(path: str) -> bool:
    """Return True if a change of this file needs the way back."""
    return path.startswith(GUARDED)


def arm(paths: Sequence[str]) -> str:
    """Return text that puts the files aside and starts the timer; it fails when it cannot."""
    lines = [
        "set -e",
        "umask 077",
        f"systemctl stop {_UNIT}.timer 2>/dev/null || :",
        f"rm -rf {DEADMAN}; mkdir -p {DEADMAN}",
        f"printf '%s' {shlex.quote(_RESTORE)} >{DEADMAN}/restore",
    ]
    for number, path in enumerate(paths):
        quoted = shlex.quote(path)
        lines.append(
            f"printf '%s\\n' {quoted} >>{DEADMAN}/paths; echo {number} >>{DEADMAN}/numbers"
        )
        lines.append(f"if [ -e {quoted} ]; then cp -a {quoted} {DEADMAN}/{number}; fi")
    lines.append(f"sync {DEADMAN}/paths {DEADMAN}/restore")
    lines.append(
        f"systemd-run --quiet --collect --unit={_UNIT} --on-active={WINDOW_S} "
        f"--timer-property=AccuracySec=1s sh {DEADMAN}/restore"
    )
    return "(\n" + "\n".join(lines) + "\n) || exit 1\n"


def confirm() -> str:
    """Return text that stops the timer; it ends with TOO_LATE when the old files are back."""
    return (
        f"systemctl stop {_UNIT}.timer 2>/dev/null || exit {TOO_LATE}\n"
        f"[ -d {DEADMAN} ] || exit {TOO_LATE}\nrm -rf {DEADMAN}\n"
    )
