"""The table of the distribution that a host runs. Pure."""

from __future__ import annotations

from pyinfra.api.exceptions import OperationError

from deploys.distribution import Distribution, table_of, tables
from facts.system.os_release import OsRelease
from fleet.preflight.model import Context


def table(context: Context) -> Distribution | None:
    """Return the table; None when the release is UNKNOWN or has none: the plan refuses then."""
    try:
        return table_of(context.given[OsRelease], tables())
    except OperationError:
        return None
