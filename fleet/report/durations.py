"""Durations as people read them. Pure."""

from __future__ import annotations


def short(seconds: float) -> str:
    """Return a duration in at most two units: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole // 60, "min", whole % 60, "s")
    return _two(whole // 3600, "h", whole % 3600 // 60, "min")


def about(minutes: float) -> str:
    """Return an estimate: `under a minute`, `about 3 min`, `about 2 h 5 min`."""
    if minutes < 1:
        return "under a minute"
    return f"about {short(round(minutes) * 60)}"


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big} {big_unit} {small} {small_unit}" if small else f"{big} {big_unit}"
