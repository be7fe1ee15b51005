"""Removes boot sets that nothing needs: a person's request, no part of a site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from declaration.host import HostSpec
from deploys.distribution import Distribution, distribution
from deploys.layer import declaration
from operations.boot.grub_menu import MENU
from operations.boot.pruned_sets import Needs, absent_set, ended_holds, hidden_set, menu_without

#: Seconds that writing the menu may take.
_MENU_S: Final = 1800


def pruned_sets(names: Sequence[str]) -> None:
    """Declare that the current host has none of these sets; see operations/boot/pruned_sets.py."""
    spec, table = declaration(), distribution()
    wanted = spec.stack.boot if spec.stack else None
    for each in names:
        hidden_set(set_id=each, wanted=wanted, name=f"Manifest[{each}]")
    menu_without(
        set_ids=names, update=table.boot.update_menu, name=f"GrubMenu[{MENU}]", _timeout=_MENU_S
    )
    ended_holds(
        set_ids=names,
        needs=needs_of(spec, table),
        lock_timeout_s=spec.apt.lock_timeout_s,
        name="Packages[pruned]",
    )
    for each in names:
        absent_set(set_id=each, wanted=wanted, name=f"BootSet[{each}]")


def needs_of(spec: HostSpec, table: Distribution) -> Needs:
    """Return who needs packages beside the boot sets of a host."""
    stack = spec.stack
    named = {*spec.base.fence.hold}
    if stack is not None:
        named |= stack.userspace.packages.keys() | stack.oneapi.packages.keys()
    return Needs(stack.boot.kernel if stack and stack.boot else None, table.boot.companions, named)
