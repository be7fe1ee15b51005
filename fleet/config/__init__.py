"""The fleet's declaration: layered YAML files in, typed hosts with provenance out.

Reads files and nothing else: no SSH, no pyinfra, no clock.
"""

from __future__ import annotations

from fleet.config.choice import choose_fleet
from fleet.config.fleet import Fleet
from fleet.config.layers import Provenance
from fleet.config.loader import load

__all__ = ["Fleet", "Provenance", "choose_fleet", "load"]
