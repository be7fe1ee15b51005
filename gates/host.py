"""The gates of the current pyinfra host, for deploys: the same under `b70` and under stock pyinfra.

Reads facts through pyinfra, the one place in this package that does; judging is gates.engine's.
"""

from __future__ import annotations

from typing import Any

from pyinfra import host

from declaration.host import HostSpec
from facts.base import HostFact
from facts.reader import read
from facts.readings import Readings
from gates.engine import decide
from gates.model import Decision
from gates.needed import FACTS, KEYED
from gates.rows import load
from gates.world import build


def readings() -> Readings:
    """Return the facts of the current pyinfra host that gates need."""
    found: dict[type[HostFact[Any]], object] = {fact: read(fact) for fact in FACTS}
    for fact, arguments in KEYED.items():
        found[fact] = host.get_fact(fact, **arguments)
    return Readings(found)


def decision(gate: str) -> Decision | None:
    """Return a gate's decision for the current pyinfra host; None when it does not concern it.

    Args:
        gate: id of its row; also None when there is no such row.

    Raises:
        GateFileError: the rows are wrong, with file and line.
    """
    spec: HostSpec = host.data.spec
    row = [row for row in load() if row.id == gate]
    return next(iter(decide(row, build(spec, readings()))), None)
