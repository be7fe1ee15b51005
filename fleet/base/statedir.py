"""Where the controller keeps what must outlive a run: ledgers and debug logs.

Paths only; creating and writing the files is the business of whoever owns them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def state_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return `$B70_STATE`, else b70fleet's folder in the XDG state directory."""
    if chosen := environ.get("B70_STATE", ""):
        return Path(chosen).expanduser()
    base = environ.get("XDG_STATE_HOME", "")
    # the XDG base directory specification tells to ignore relative paths
    root = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return root / "b70fleet"


def ledger_path(fleet: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the ledger file of one fleet."""
    return state_dir(environ) / fleet / "ledger.db"


def log_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the debug logs."""
    return state_dir(environ) / "logs"
