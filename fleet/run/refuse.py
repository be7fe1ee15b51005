"""Why a host is left as it is: each refusal looks at the visit and raises, or says nothing."""

from __future__ import annotations

from collections.abc import Sequence

from facts.system.production import ProductionMark
from facts.value import ABSENT, Unknown
from fleet.base.errors import Refused
from fleet.model.plan import ResourceStatus
from fleet.preflight import inhibitors
from fleet.preflight.apt_keys import missing_keys
from fleet.run.executor import OperationFailed
from fleet.run.hosterrors import BootNotProven, BootSetDrift, Inhibited, Stale, WrongBoot
from fleet.run.planner import PlannedOp
from fleet.run.visit import Visit
from gates.boot_obstacles import FORBID_REBOOT, obstacles, scene_of
from gates.boot_sets import is_repair


def stale(visit: Visit) -> None:
    """Refuse when the fresh plan differs from the saved one."""
    saved, fresh = visit.saved, visit.result
    if saved is None:
        return
    moved = sorted(
        name
        for name in saved.fingerprints.keys() | fresh.fingerprints.keys()
        if saved.fingerprints.get(name) != fresh.fingerprints.get(name)
    )
    if moved:
        raise Stale(
            f"{visit.name}: the saved plan is stale: {', '.join(moved)} changed since",
            f"b70 plan --limit {visit.name} -o PLAN",
        )


def inhibited(visit: Visit) -> None:
    """Refuse what a preflight finding forbids."""
    found = [f for f in inhibitors(visit.spec, visit.readings) if f.id not in visit.excused]
    if found:
        more = f" (and {len(found) - 1} more)" * (len(found) > 1)
        raise Inhibited(f"{visit.name}: {found[0].text}{more}", found[0].remedy or "")


def boot_drift(visit: Visit) -> None:
    """Leave the boot set of a host in production to a rollout."""
    boot_layers = {layer.name for layer in visit.layers if layer.boot}
    drift = [
        item.name
        for item in visit.result.resources
        if item.layer in boot_layers and item.status is not ResourceStatus.IN_SYNC
    ]
    if drift and not is_new(visit) and not is_repair(visit.spec, visit.readings):
        raise BootSetDrift.of(visit.name, ", ".join(drift))


def wrong_boot(visit: Visit) -> None:
    """Refuse a reboot that would start something other than the declared boot set."""
    scene = scene_of(visit.spec, visit.readings)
    if isinstance(scene.boot, Unknown):
        raise WrongBoot(
            f"{visit.name}: what boots is UNKNOWN: {scene.boot.reason}",
            f"b70 facts {visit.name} boot",
        )
    found = [each for each in obstacles(scene) if each.id in FORBID_REBOOT]
    if found:
        place = f" ({found[0].where})" if found[0].where else ""
        more = f" (and {len(found) - 1} more)" * (len(found) > 1)
        raise WrongBoot(
            f"{visit.name}: not rebooted: {found[0].text}{place}{more}",
            f"on the host, as root: {found[0].remedy}",
        )


def unproven(visit: Visit) -> None:
    """Give a new host no certificate while what it booted is UNKNOWN."""
    if not visit.result.state.good:
        return
    sources = [layer.unproven for layer in visit.layers if layer.unproven]
    doubts = [text for source in sources for text in source(visit.spec, visit.readings)]
    if doubts and is_new(visit):
        visit.result.certificate = ""
        raise BootNotProven(
            f"{visit.name}: its boot set is not proven: {'; '.join(doubts)}",
            f"b70 facts {visit.name} kernel gpu_log",
        )


def broken(visit: Visit, planned: Sequence[PlannedOp]) -> None:
    """Refuse a plan with a resource that cannot be planned."""
    found = next((op for op in planned if op.error), None)
    if found is not None:
        if found.layer == "apt" and (lack := missing_keys(visit.spec)) is not None:
            raise Inhibited(f"{visit.name}: {lack[0]}", lack[1])
        unread = "UNKNOWN" in found.error
        raise OperationFailed(
            f"{visit.name}: {found.name} cannot be planned: {found.error}",
            f"b70 facts {visit.name}"
            if unread
            else f"b70 plan --limit {visit.name}   # once that is so",
        )


def impossible(visit: Visit) -> None:
    """Refuse a resource of a person's request that cannot be had now."""
    found = next((op for op in visit.planned if op.error), None)
    if found is not None:
        raise Refused(f"{visit.name}: {found.name}: {found.error}")


def is_new(visit: Visit) -> bool:
    """Return True if the host surely never had a certificate; UNKNOWN counts as production."""
    mark = visit.readings[ProductionMark]
    return not isinstance(mark, Unknown) and mark.production_run is ABSENT
