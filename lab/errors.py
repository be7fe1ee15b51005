"""How the lab fails: one sentence for the person, and the next thing to try."""

from __future__ import annotations

from fleet.base.errors import FleetError


class LabError(FleetError):
    """A lab action that could not be done on this computer."""

    id = "lab"
