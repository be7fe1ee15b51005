"""Which units serve a model: asked by gates, build swap and the cost of a plan. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from facts.system.units import UnitState
from facts.value import Reading


def is_serving(unit: str, globs: Sequence[str]) -> bool:
    """Return True if a unit's name is one of those that serve.

    Args:
        unit: full name.
        globs: the host's `serving_units`.
    """
    return any(fnmatchcase(unit, glob) for glob in globs)


def serving(units: UnitState, globs: Sequence[str]) -> list[str]:
    """Return the units that run and serve, by name."""
    return sorted(
        name for name, unit in units.units.items() if unit.is_up and is_serving(name, globs)
    )


def is_serving_now(units: UnitState, globs: Sequence[str]) -> Reading[bool]:
    """Return whether anything serves; UNKNOWN where the unit that does may not be in the list."""
    if serving(units, globs):
        return True
    unsaid = units.unsaid
    return False if unsaid is None else unsaid
