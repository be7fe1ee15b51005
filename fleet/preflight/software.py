"""Packages and whoever else changes them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from facts.packages.dpkg import Packages
from facts.packages.mirrors import Mirrors
from facts.packages.updaters import Updaters
from facts.value import known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check


@check("dpkg-interrupted", "packages")
def _dpkg_interrupted(context: Context) -> Iterator[Finding]:
    """dpkg was interrupted. The next converge repairs it, visibly (dpkg --configure -a)."""
    packages = known(context.given[Packages])
    if packages is not None and (packages.interrupted or packages.half_configured):
        names = ", ".join(packages.half_configured) or "journal left behind"
        yield context.warning(
            f"dpkg was interrupted: {names}",
            f"b70 plan --limit {context.spec.name}   # shows the repair as a step",
        )


@check("dpkg-locked", "packages")
def _dpkg_locked(context: Context) -> Iterator[Finding]:
    """Another program is using apt or dpkg. A converge waits for it, and never deletes its lock."""
    packages = known(context.given[Packages])
    if packages is None or not isinstance(packages.locks, tuple):
        return
    for holder in packages.locks:
        yield context.warning(
            f"{holder.lock} is held by pid {holder.pid}: {holder.command}",
            "wait for it; a converge waits "
            f"{context.spec.apt.lock_timeout_s} s (apt.lock_timeout_s)",
        )


@check("mirror-unreachable", "packages")
def _mirror(context: Context) -> Iterator[Finding]:
    """An apt source did not answer; a converge that needs it will fail there."""
    for mirror in known(context.given[Mirrors]) or ():
        if not mirror.reachable:
            yield context.warning(
                f"{mirror.uri} {mirror.suite}: {mirror.problem}",
                "on the host: apt-get update; "
                f"b70 inventory explain {context.spec.name} apt.sources",
            )


@check("foreign-updater", "packages")
def _updaters(context: Context) -> Iterator[Finding]:
    """Something else than this tool may change kernel or GPU packages behind a rollout's back."""
    state = known(context.given[Updaters])
    if state is None:
        return
    for name, item in state.updaters.items():
        if item.active is True and not item.fenced_by:
            yield context.warning(
                f"{name} may change {item.can_change} packages by itself: "
                f"{', '.join(item.evidence)}",
                f"b70 converge --limit {context.spec.name}   # the base layer fences it",
            )
