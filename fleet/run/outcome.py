"""What a plan means for a host's result: resources, gates, cost, fingerprints, and the state."""

from __future__ import annotations

from collections.abc import Sequence

from facts.system.files import FileState, FileText
from facts.value import ABSENT, Absent, Unknown
from fleet.host.cache import FactCache
from fleet.host.keys import FactKey, fact_key
from fleet.model.finding import of_gate
from fleet.model.plan import HostState, ResourceStatus
from fleet.run import describe
from fleet.run.planner import PlannedOp
from fleet.run.visit import Visit


def describe_plan(visit: Visit) -> None:
    """Fill in the visit's result from its planned resources."""
    live = _live_files(visit.planned, visit.cache)
    visit.seen = list(visit.cache.seen)
    result = visit.result
    result.resources = [describe.resource(op, live, visit.redact) for op in visit.planned]
    result.gates = [of_gate(visit.name, item) for item in visit.decisions()]
    result.fingerprints = {r.name: describe.fingerprint(r) for r in result.resources}
    sources = [layer.pending for layer in visit.layers if layer.pending]
    result.reboot_pending = [t for source in sources for t in source(visit.spec, visit.readings)]
    result.cost = describe.cost(
        result.resources,
        visit.durations,
        gpus=len(visit.spec.hardware.cards),
        serving_units=visit.spec.serving_units,
        reboots=int(bool(result.reboot_pending)),
    )
    changing = any(r.status is not ResourceStatus.IN_SYNC for r in result.resources)
    result.state = HostState.PENDING if changing else HostState.IN_SYNC


def _live_files(
    planned: Sequence[PlannedOp], cache: FactCache
) -> dict[str, bytes | Absent | Unknown]:
    """Fetch the content of files that would be overwritten: one exec, only when there are any."""
    live: dict[str, bytes | Absent | Unknown] = {}
    keys: dict[str, FactKey] = {}
    for path in describe.files_to_show(planned):
        if isinstance(cache.value(fact_key(FileState, {"path": path})), Absent):
            live[path] = ABSENT
        else:
            keys[path] = fact_key(FileText, {"path": path})
    if missing := [key for key in keys.values() if isinstance(cache.value(key), Unknown)]:
        cache.fetch(missing)
    for path, key in keys.items():
        value = cache.value(key)
        if isinstance(value, bytes | Absent | Unknown):
            live[path] = value
    return live
