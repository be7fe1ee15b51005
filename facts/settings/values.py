"""What values mean that are spelled in more than one way: sizes, times, limits, yes and no.

Pure. Each function returns one spelling for all that mean the same. What it cannot read it returns
as it stands, so that it differs from everything else; None is a value that the program ignores.
"""

from __future__ import annotations

import re
from typing import Final

_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([BKMGTPE]?)")
_SPAN: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Zµ]*)")
_POWERS: Final = {letter: 1024**power for power, letter in enumerate("BKMGTPE")} | {"": 1}
#: Seconds of systemd's units of time (systemd.time(7)).
_SECONDS: Final = {
    **dict.fromkeys(("usec", "us", "µs"), 1e-6),
    **dict.fromkeys(("msec", "ms"), 1e-3),
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604800.0),
}
#: Where journald keeps its log (journald.conf(5)). `auto` keeps it on the disk where the directory
#: exists, and the layer that asks for a persistent journal keeps that directory.
_STORAGE: Final = {
    "volatile": "volatile",
    "persistent": "persistent",
    "auto": "persistent",
    "none": "none",
}
_TRUE: Final = ("yes", "true", "with", "on", "enable", "1")
_FALSE: Final = ("no", "false", "without", "off", "disable", "0")
_ENDLESS: Final = ("unlimited", "infinity", "-1")


def text(value: str) -> str | None:
    """Return a value that has one spelling only."""
    return value


def size(value: str) -> str | None:
    """Return bytes of systemd's sizes, to the base of 1024."""
    return _sum(_SIZE, value, _POWERS)


def seconds(value: str) -> str | None:
    """Return seconds of systemd's spans of time."""
    return _sum(_SPAN, value, _SECONDS)


def storage(value: str) -> str | None:
    """Return what a journal's Storage= does; journald ignores a word that it does not know."""
    return _STORAGE.get(value)


def limit(value: str) -> str | None:
    """Return a resource limit, of systemd or of PAM; one number is both limits."""
    parts = [
        "infinity" if part.strip() in _ENDLESS else size(part) or part for part in value.split(":")
    ]
    return ":".join(parts * 2 if len(parts) == 1 else parts)


def yes_or_no(value: str) -> str | None:
    """Return apt's idea of a truth value."""
    word = value.lower()
    if word in _TRUE:
        return "true"
    return "false" if word in _FALSE else value


def _sum(pattern: re.Pattern[str], value: str, units: dict[str, int] | dict[str, float]) -> str:
    """Return the sum of numbers with units, or the value where it is anything else."""
    at, total = 0, 0.0
    bare = value.strip()
    while at < len(bare):
        match = pattern.match(bare, at)
        if match is None or match[2] not in units:
            return value
        total += float(match[1]) * units[match[2]]
        at = match.end()
    return f"{total:.6f}" if bare else value
