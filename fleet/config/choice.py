"""Which fleet a command means: `-i`, else B70_INVENTORY, else the current directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fleet.base.errors import ConfigError
from fleet.config.places import HOSTS_FILE

VARIABLE: Final = "B70_INVENTORY"


def choose_fleet(
    option: str | Path | None, environ: Mapping[str, str] = os.environ, cwd: Path | None = None
) -> Path:
    """Return the fleet that was chosen (a directory or a hosts file).

    Args:
        option: value of `-i`, None or empty when not given.

    Raises:
        ConfigError: nothing was chosen and the current directory is no fleet.
    """
    if option:
        return Path(option)
    if named := environ.get(VARIABLE, ""):
        return Path(named)
    here = cwd or Path.cwd()
    if (here / HOSTS_FILE).is_file():
        return here
    raise ConfigError(
        f"no fleet chosen: no -i DIR, {VARIABLE} is not set, and {here} has no {HOSTS_FILE}",
        "choose one (b70 -i DIR ...) or start one: b70 init DIR",
    )
