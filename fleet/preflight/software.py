"""Packages and whoever else changes them. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

from pyinfra.api.exceptions import OperationError

from deploys.distribution import table_of, tables
from facts.packages.dpkg import Packages
from facts.packages.mirrors import Mirrors
from facts.packages.updater_table import CRON, NEEDRESTART, UNATTENDED, WATCHES
from facts.packages.updaters import Updater, Updaters, UpdaterState
from facts.system.os_release import OsRelease
from facts.value import Unknown, known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check

#: Packages that a sentence names; the rest is counted.
_NAMED: Final = 6


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
    """Something else than this tool may change kernel or GPU packages behind a rollout's back.

    Of unattended-upgrades the installed packages count that the fence would guard: those that are
    neither on hold nor on its blacklist, and not kept out by a strict whitelist, are named. Jobs of
    cron, at, anacron and systemd count where something starts them. Scripts count that such a job
    calls from /opt, /root, /home, /srv or /usr/local, and not what those call in turn.
    """
    state = known(context.given[Updaters])
    if state is None:
        return
    for name, item in state.updaters.items():
        if isinstance(item.active, Unknown):
            yield context.unknown(
                f"whether {name} changes {item.can_change} packages by itself is {item.active}",
                _stop(context, item)
                if name == NEEDRESTART
                else f"b70 facts {context.spec.name} updaters   # with an account that has sudo",
            )
        elif item.active is True and name == UNATTENDED:
            yield from _unattended(context, state, item)
        elif item.active is True and not item.fenced_by:
            yield context.warning(_may(item), _stop(context, item))


def _may(item: Updater) -> str:
    what = "restart services" if item.can_change == "services" else f"{item.can_change} packages"
    verb = "may" if item.can_change == "services" else "may change"
    return f"{item.name} {verb} {what} by itself: {', '.join(item.evidence)}"


def _unattended(context: Context, state: UpdaterState, item: Updater) -> Iterator[Finding]:
    """Yield the packages that an unattended run may change although the fence would guard them."""
    packages = known(context.given[Packages])
    try:
        kernel = table_of(context.given[OsRelease], tables()).boot_packages
    except OperationError as error:
        yield context.unknown(
            f"whether {item.name} leaves kernel packages alone is UNKNOWN: {error}",
            f"b70 facts {context.spec.name} os",
        )
        return
    if packages is None or isinstance(state.blacklist, Unknown):
        why = state.blacklist if packages is not None else context.given[Packages]
        yield context.unknown(
            f"whether {item.name} leaves kernel and GPU packages alone is {why}",
            f"b70 facts {context.spec.name} packages",
        )
        return
    guarded = [*kernel, *context.spec.base.fence.blacklist]
    loose = [
        name
        for name, package in sorted(packages.installed.items())
        if any(re.match(pattern, name) for pattern in guarded)
        and not package.held
        and state.blacklisted(name) is not True
    ]
    if loose:
        more = f" and {len(loose) - _NAMED} more" if len(loose) > _NAMED else ""
        yield context.warning(
            f"{_may(item)}; not on its blacklist: {', '.join(loose[:_NAMED])}{more}",
            _stop(context, item),
        )


def _stop(context: Context, item: Updater) -> str:
    """Return what ends an updater in the state that was found."""
    name = context.spec.name
    if item.name in (UNATTENDED, NEEDRESTART):
        if context.spec.base.fence.enabled:
            return f"b70 converge --limit {name}   # the base layer fences it"
        return (
            f"b70 inventory explain {name} base.fence.enabled   # declare true, then b70 converge"
        )
    if item.name == CRON:
        return "on the host: take these lines out, or disable the timers that start them"
    watch = next((watch for watch in WATCHES if watch.name == item.name), None)
    if watch is None or not (watch.stop or watch.units):
        return f"on the host: end {item.name}, or keep it from packages"
    return f"on the host: {watch.stop or f'systemctl mask --now {shlex.join(watch.units)}'}"
