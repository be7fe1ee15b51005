"""Asks a host what its declared directories take: the edge between engine and pure rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from declaration.host import HostSpec
from facts.disks.block import Block, Storage
from facts.disks.directory_use import DirectoryUse, RealPath, TreeUse
from facts.system.clock import Clock
from facts.value import Absent, Unknown
from fleet.host.factkey import FactKey, fact_key
from fleet.model.events import Emit, discard
from fleet.run.engine import HostFacts


class Asks(Protocol):
    """The part of the engine that is needed."""

    def ask(self, host: HostSpec, questions: Sequence[FactKey], emit: Emit = ...) -> HostFacts:
        """Read normal facts and some that take arguments."""


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What was read.

    Args:
        disks: mounts and free room.
        now_s: the host's clock, seconds since the epoch.
        trees: directory -> what it takes.
        resolved: path -> where it leads.
    """

    disks: Storage | Unknown
    now_s: float | Unknown
    trees: dict[str, TreeUse | Absent | Unknown]
    resolved: dict[str, str | Absent | Unknown]


def read_use(
    engine: Asks,
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
    answer = engine.ask(spec, [*trees.values(), *paths.values()], emit)
    if answer.error is not None:
        raise answer.error
    missing = Unknown("not read")
    clock = answer.given[Clock]
    found = {path: answer.answers.get(key, missing) for path, key in trees.items()}
    leads = {path: answer.answers.get(key, missing) for path, key in paths.items()}
    return DiskUse(
        disks=answer.given[Block],
        now_s=clock if isinstance(clock, Unknown) else clock.epoch_s,
        trees={p: v for p, v in found.items() if isinstance(v, TreeUse | Absent | Unknown)},
        resolved={p: v for p, v in leads.items() if isinstance(v, str | Absent | Unknown)},
    )
