"""The gates of the current pyinfra host, for deploys: the same under `b70` and under stock pyinfra.

Reads facts through pyinfra, the one place in this package that does; judging is gates.engine's.
"""

from __future__ import annotations

from pyinfra import host

from facts.reader import read
from gates.engine import decide
from gates.model import Decision
from gates.needed import FACTS, KEYED
from gates.rows import load
from gates.world import build
from spec.host import HostSpec


def readings() -> dict[str, object]:
    """Return the facts of the current pyinfra host that gates need, by domain."""
    found: dict[str, object] = {fact.domain: read(fact) for fact in FACTS}
    for name, (fact, arguments) in KEYED.items():
        found[name] = host.get_fact(fact, **arguments)
    return found


def decisions() -> dict[str, Decision]:
    """Return the decisions of the current pyinfra host by id, without those that do not concern it.

    Raises:
        GateFileError: the rows are wrong, with file and line.
    """
    spec: HostSpec = host.data.spec
    return {decision.id: decision for decision in decide(load(), build(spec, readings()))}
