"""Whether to colour: one pure decision from the option, the environment and the stream."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Color(StrEnum):
    """The values of --color."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def wants_color(choice: Color, environ: Mapping[str, str], is_terminal: bool) -> bool:
    """Return True if a stream gets colours.

    Order: --color, then NO_COLOR (https://no-color.org), then CLICOLOR_FORCE
    (https://bixense.com/clicolors), then whether the stream is a terminal that can.
    """
    if choice is not Color.AUTO:
        return choice is Color.ALWAYS
    if environ.get("NO_COLOR"):
        return False
    if environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return is_terminal and environ.get("TERM") != "dumb"
