"""Opens the debug log of this command and says where it is."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from fleet.base import logfile, statedir
from fleet.cli import context
from fleet.cli.settings import current

_log = logging.getLogger("b70")
_path: Path | None = None


def open_debug_log() -> Path:
    """Start the log of this run; its first line is the command line."""
    global _path
    chosen, run = current().debug_log, current().run
    _path = logfile.start(chosen or statedir.log_dir() / f"{run.id}.log", context.redactor())
    _log.info("run %s: %s", run.id, " ".join(sys.argv))
    return _path


def debug_log_path() -> Path:
    """Return the log of this run, opening it when the command failed before it was open."""
    return _path or open_debug_log()
