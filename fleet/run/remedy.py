"""What to do about a command that failed, from what it printed. Pure.

Only causes that the text proves have a step of their own; each is one that works in that state.
"""

from __future__ import annotations

import re
import shlex
from typing import Final

#: What a failed command printed (C locale) -> the step; WHERE is the file or folder it concerns.
_STEPS: Final = (
    (
        re.compile(r"(?:^|[;:] )(?P<where>/[^;:]*) is immutable or append-only"),
        "on the host, as root: chattr -ia WHERE",
    ),
    (
        re.compile(r"No space left on device|Disk quota exceeded|write error"),
        "make room on the host: df -h WHERE; df -i WHERE",
    ),
    (
        re.compile(r"Read-only file system"),
        "on the host: findmnt -T WHERE; journalctl -k -b | grep -iE 'I/O error|read-only'",
    ),
    (
        re.compile(r"Input/output error"),
        "the disk fails; on the host: journalctl -k -b | grep -i 'I/O error'",
    ),
)


def next_step(name: str, said: str, path: str = "/") -> str:
    """Return what a person does next.

    Args:
        name: the host's.
        said: what the failed command printed.
        path: file that it was about to write.
    """
    again = f"b70 converge --limit {name}"
    for pattern, step in _STEPS:
        if found := pattern.search(said):
            where = found.groupdict().get("where") or path.rpartition("/")[0] or "/"
            return f"{step.replace('WHERE', shlex.quote(where))}; then: {again}"
    return f"{again}   # once what it says is mended"
