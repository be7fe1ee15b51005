"""What `b70 boot prune` would do on a host, and what it may never do. Pure.

A set goes only when nothing needs it: no role, and none that cannot be told. Packages are never
removed: what nothing needs any more is named with the command for it.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from pyinfra.api.exceptions import OperationError

from declaration.host import HostSpec
from deploys.boot.prune import needs_of, pruned_sets
from deploys.distribution import table_of, tables
from deploys.layer import Layer
from facts.boot.kernel import Kernel
from facts.boot.loader import Boot
from facts.boot.sets import Manifest
from facts.readings import Readings
from facts.system.os_release import OsRelease
from facts.value import Unknown
from fleet.base.errors import Refused
from fleet.bootsets.listing import Seen, SetRow, listing
from fleet.bootsets.names import no_such_set
from gates.boot_roles import why_it_stays
from operations.boot.pruned_sets import Free, free_packages

#: Facts that a plan needs beside those of a list.
ALSO = ("os",)


class SetNeeded(Refused):
    """A boot set may not be removed: something needs it, or that cannot be told.

    A set stays while GRUB boots it by default or the next time, while it is the recorded default or
    fallback, while it runs or is under trial, while it is declared for the host, and while nothing
    else that is complete can be gone back to. All sets stay while a role is UNKNOWN, while the
    default set is not complete, and while GRUB names an entry of ours by its number. Nothing was
    changed. `b70 boot list HOST` shows all roles.
    """

    id = "boot-set-needed"


@dataclass(frozen=True, slots=True)
class Kept:
    """A set that stays, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What would be done.

    Args:
        sets: those that go.
        kept: those that stay.
        bytes: what is freed in /boot and /lib/firmware.
        ends_hold: packages whose hold ends.
        unneeded: installed packages that nothing needs any more.
        purge: the command that removes them; None when there are none.
        notes: what else is worth knowing, a sentence each.
    """

    host: str
    sets: tuple[SetRow, ...]
    kept: tuple[Kept, ...]
    bytes: int
    ends_hold: tuple[str, ...]
    unneeded: tuple[str, ...]
    purge: str | None
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the sets that go."""
        return tuple(row.name for row in self.sets)


def prune_plan(spec: HostSpec, given: Readings, names: Sequence[str]) -> PrunePlan:
    """Return what pruning sets would do.

    Args:
        names: the sets; none = every one that nothing needs.

    Raises:
        Unreachable: which sets there are is UNKNOWN.
        NoSuchSet, SetNeeded: a named set is not there, or stays.
    """
    seen = Seen.of(spec, given)
    rows = {row.name: row for row in listing(spec, given).sets}
    why = {name: why_it_stays(name, seen.found, seen.sets, seen.packages) for name in rows}
    refuse = f"b70 boot list {spec.name}"
    for name in names:
        if name not in rows:
            raise no_such_set(spec, given, name)
        if why[name]:
            raise SetNeeded(f"{spec.name}: {name} stays: {why[name]}", refuse)
    chosen = tuple(dict.fromkeys(names or (name for name in rows if not why[name])))
    idle = [name for name in rows if name not in seen.found.of]
    if not chosen and idle and seen.doubts:
        raise SetNeeded(f"{spec.name}: {idle[0]} stays: {why[idle[0]]}", refuse)
    free = _free(spec, given, chosen) if chosen else Free(())
    held = seen.packages.holds if seen.packages else ()
    going = tuple(rows[name] for name in chosen)
    return PrunePlan(
        host=spec.name,
        sets=going,
        kept=tuple(Kept(name, said) for name, said in why.items() if said),
        bytes=sum(row.boot_bytes + row.firmware_bytes for row in going),
        ends_hold=tuple(name for name in free.packages if name in held),
        unneeded=free.packages,
        purge=shlex.join(("apt-get", "purge", *free.packages)) if free.packages else None,
        notes=(free.stay,) if free.stay else (),
    )


def prune_layer(names: Sequence[str]) -> Layer:
    """Return the removal of these sets as a layer of its own."""
    return Layer("boot-prune", lambda: pruned_sets(names))


def _free(spec: HostSpec, given: Readings, names: Sequence[str]) -> Free:
    seen = Seen.of(spec, given)
    boot, kernel = given[Boot], given[Kernel]
    if isinstance(boot, Unknown) or isinstance(kernel, Unknown) or seen.packages is None:
        return Free((), "which packages are needed is UNKNOWN, so all of them stay as they are")
    own: set[str] = set()
    for name in names:
        manifest = seen.sets.sets[name].manifest
        own |= manifest.packages.keys() if isinstance(manifest, Manifest) else set()
    others = [found for name, found in seen.sets.sets.items() if name not in names]
    try:
        needs = needs_of(spec, table_of(given[OsRelease], tables()))
        return free_packages(own, others, seen.packages, boot.kernels, kernel.release, needs)
    except OperationError as error:
        raise SetNeeded(
            f"{spec.name}: which packages are needed cannot be told: {error}",
            f"b70 plan --limit {spec.name}",
        ) from error
