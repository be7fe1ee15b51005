"""Asks a host what its declared directories take: the edge between engine and pure rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from declaration.host import HostSpec
from facts.disks.block import Block, Disks
from facts.disks.directory_use import DirectoryUse, RealPath, TreeUse
from facts.system.clock import Clock
from facts.value import Absent, Unknown
from fleet.host.keys import fact_key
from fleet.model.events import Emit, discard
from fleet.run import order
from fleet.run.engine import Runs


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What was read.

    Args:
        disks: mounts and free room.
        now_s: the host's clock, seconds since the epoch.
        trees: directory -> what it takes.
        resolved: path -> where it leads.
    """

    disks: Disks | Unknown
    now_s: float | Unknown
    trees: dict[str, TreeUse | Absent | Unknown]
    resolved: dict[str, str | Absent | Unknown]


def read_use(
    engine: Runs,
    spec: HostSpec,
    folders: Sequence[str],
    named: Sequence[str] = (),
    emit: Emit = discard,
) -> DiskUse:
    """Read what directories take and where named paths lead, in one exec.

    Raises:
        FleetError: no contact.
    """
    trees = {path: fact_key(DirectoryUse, {"path": path}) for path in folders}
    paths = {path: fact_key(RealPath, {"path": path}) for path in named}
    wanted = order.read(questions=[*trees.values(), *paths.values()])
    (visit,) = engine.run([spec], wanted, emit).visits
    if visit.error is not None:
        raise visit.error
    missing = Unknown("not read")
    clock = visit.readings[Clock]
    found = {path: visit.answers.get(key, missing) for path, key in trees.items()}
    leads = {path: visit.answers.get(key, missing) for path, key in paths.items()}
    return DiskUse(
        disks=visit.readings[Block],
        now_s=clock if isinstance(clock, Unknown) else clock.epoch_s,
        trees={p: v for p, v in found.items() if isinstance(v, TreeUse | Absent | Unknown)},
        resolved={p: v for p, v in leads.items() if isinstance(v, str | Absent | Unknown)},
    )
