"""The clock: one daemon keeps it. A host that already has another one is left with it.

The choice is pure; names of packages and units come from the distribution table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from pyinfra.api.exceptions import OperationError

from declaration.system import TimeSync
from deploys.base_paths import BANNER
from deploys.distribution import Distribution, TimeDaemon
from deploys.templates import render
from facts.reader import read
from facts.system.os_release import OperatingSystem, OsRelease
from facts.system.units import Unit, Units, UnitState
from facts.value import Unknown
from operations.accepted import accepted
from operations.files.file import absent, directory
from operations.files.settings_file import settings_file
from operations.require import require
from operations.units.unit import unit


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who keeps the clock of a host.

    Args:
        name: as in `base.time_sync.provider`.
        found: True when it was there before us and is not the declared one.
    """

    name: str
    daemon: TimeDaemon
    found: bool

    @property
    def packages(self) -> tuple[str, ...]:
        """Return the packages that must be there for it."""
        return () if self.found else (self.daemon.package,)


def keeper(declared: TimeSync, table: Distribution) -> Keeper:
    """Return who keeps the clock of the current host."""
    units = read(Units)
    return keeper_of(declared.provider, table.time_daemons, units)


def clock(declared: TimeSync, chosen: Keeper) -> None:
    """Declare the daemon and its servers, or accept the one that was found.

    Raises:
        OperationError: servers are declared for a daemon whose servers we cannot manage.
    """
    daemon = chosen.daemon
    if chosen.found:
        accepted(
            reason=f"{chosen.name} is active and enabled; it keeps the clock in place of "
            f"{declared.provider}, and its servers are left as they are",
            name=f"TimeSync[{chosen.name}]",
        )
        return
    if declared.servers and not daemon.servers_file:
        raise OperationError(
            f"base.time_sync.servers cannot be set for {chosen.name}: the distribution table "
            "names no servers_file for it"
        )
    if daemon.servers_file:
        _servers(declared, daemon)
    system = read(OsRelease)
    borrowed = isinstance(system, OperatingSystem) and system.is_container is True
    if borrowed:
        accepted(
            reason=f"a container has its host's clock; {chosen.name} is enabled, never started",
            name=f"TimeSync[{chosen.name}]",
        )
    unit(
        service=daemon.unit,
        running=None if borrowed else True,
        enabled=True,
        masked=False,
        # the folder too: it is newer after a file was taken away
        restart_if_older_than=_watched(daemon),
        name=f"Unit[{chosen.name}]",
    )


def _servers(declared: TimeSync, daemon: TimeDaemon) -> None:
    path = daemon.servers_file
    if not declared.servers:
        absent(path=path, name=f"File[{path}]")
        return
    folder = str(PurePosixPath(path).parent)
    directory(path=folder, name=f"Directory[{folder}]")
    settings_file(
        path=path,
        program=daemon.servers_program,
        content=render(daemon.servers_template, banner=BANNER, servers=declared.servers),
        name=f"File[{path}]",
    )


def _watched(daemon: TimeDaemon) -> list[str]:
    path = daemon.servers_file
    return [path, str(PurePosixPath(path).parent)] if path else []


def keeper_of(
    provider: str, daemons: Mapping[str, TimeDaemon], units: UnitState | Unknown
) -> Keeper:
    """Return the daemon that keeps the clock.

    Another daemon that is active and enabled is accepted: two of them would fight over the clock,
    and exchanging one that works gains nothing.

    Raises:
        OperationError: the provider is not in the table, or the units are UNKNOWN.
    """
    if provider not in daemons:
        raise OperationError(
            f"base.time_sync.provider {provider!r} is not in the distribution table; "
            f"known are {', '.join(daemons)}"
        )
    running = require(units, "which daemon keeps the clock")
    if not _keeps_time(daemons[provider], running):
        for name, daemon in daemons.items():
            if _keeps_time(daemon, running):
                return Keeper(name, daemon, found=True)
    return Keeper(provider, daemons[provider], found=False)


def _keeps_time(daemon: TimeDaemon, units: UnitState) -> bool:
    found = units.get(daemon.unit)
    return isinstance(found, Unit) and (found.active, found.file_state) == ("active", "enabled")
