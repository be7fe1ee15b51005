"""Asks a host about its boot sets: the edge between engine and pure rooms."""

from __future__ import annotations

from declaration.host import HostSpec
from facts.readings import Readings
from fleet.model.events import Emit, discard
from fleet.run import order
from fleet.run.engine import Runs

#: What is read: nothing beside it, so that the answer comes in one short exec.
DOMAINS = ("boot", "boot_sets", "kernel", "packages")


def read_sets(
    engine: Runs, spec: HostSpec, also: tuple[str, ...] = (), emit: Emit = discard
) -> Readings:
    """Read what lies in /boot, what GRUB boots and what runs.

    Args:
        also: domains to read beside these.

    Raises:
        FleetError: no contact.
    """
    (visit,) = engine.run([spec], order.read(only=(*DOMAINS, *also)), emit).visits
    if visit.error is not None:
        raise visit.error
    return visit.readings
