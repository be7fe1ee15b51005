"""Names of boot sets as a person types them. Pure."""

from __future__ import annotations

from difflib import get_close_matches

from declaration.host import HostSpec
from facts.boot.sets import BootSets, HostSets
from facts.readings import Readings
from fleet.base.errors import Refused


class NoSuchSet(Refused):
    """A host has no boot set of that name.

    A boot set is a folder below /boot/b70fleet; its name is also that of its menu entry. `b70 boot
    list HOST` shows all of them.
    """

    id = "no-such-boot-set"


def no_such_set(spec: HostSpec, given: Readings, name: str) -> NoSuchSet:
    """Return the error for a name that is not there, with the likely one."""
    sets = given[BootSets]
    names = list(sets.sets) if isinstance(sets, HostSets) else []
    close = get_close_matches(name, names, n=1)
    more = f" Did you mean {close[0]!r}?" if close else ""
    return NoSuchSet(f"{spec.name} has no boot set {name!r}.{more}", f"b70 boot list {spec.name}")
