"""The debug log: one owner-only file per run, always written, redacted, the newest kept.

Knows nothing about the terminal: what a person sees while a run goes on is the monitor's business.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from typing_extensions import override

#: Logs that stay; older ones go when a new run starts.
KEEP: Final = 20
#: Libraries whose DEBUG output is bulk without value here, and the level they get.
QUIETER: Final = {"paramiko": logging.INFO, "markdown_it": logging.WARNING}
_OURS: Final = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{4}\.log$")

Redact = Callable[[str], str]


class _RedactingFormatter(logging.Formatter):
    """ISO-8601 UTC lines; secrets masked in the finished text, tracebacks included."""

    def __init__(self, redact: Redact) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s")
        self.default_time_format = "%Y-%m-%dT%H:%M:%S"
        self.datefmt = self.default_time_format
        self.converter = time.gmtime
        self._redact = redact

    @override
    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


def start(path: Path, redact: Redact = str) -> Path:
    """Send all logging of this process to `path` (mode 0600) and remove the oldest logs beside it.

    Args:
        path: the file of this run, usually `statedir.log_dir() / f"{run.id}.log"`.
        redact: masks secrets; looked up for each line, so secrets resolved later are masked too.

    Returns:
        The file that is written. When it cannot be created, `/dev/null`: a full disk must not stop
        a command that only reads; commands that change hosts are stopped by the ledger.
    """
    stop()
    handler = logging.FileHandler(_create(path), encoding="utf-8")
    handler.set_name("b70-debug-log")
    handler.setFormatter(_RedactingFormatter(redact))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name, level in QUIETER.items():
        logging.getLogger(name).setLevel(level)
    _prune(path.parent)
    return Path(handler.baseFilename)


def stop() -> None:
    """Close the log of this process, if there is one."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if handler.get_name() == "b70-debug-log":
            root.removeHandler(handler)
            handler.close()


def _create(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        os.chmod(path, 0o600)
    except OSError:
        return Path(os.devnull)
    return path


def _prune(directory: Path) -> None:
    try:
        logs = sorted(entry for entry in directory.iterdir() if _OURS.match(entry.name))
    except OSError:
        return
    for old in logs[:-KEEP]:
        old.unlink(missing_ok=True)
