"""Every systemd unit: what it does, how it is enabled, whether systemd must read its file again.

Must not know which units are wanted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.parts import Parts, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading

#: Kinds that somebody may manage; targets, devices, slices and scopes are left out to save time.
_KINDS: Final = ("service", "socket", "timer", "mount", "swap", "path")
#: Those of which every active unit is asked for. Of mounts only those that a file tells of: the
#: kernel's, containers' and snaps' can be hundreds, and systemd spends 1-2 ms on each unit.
_ASKED: Final = ("service", "socket", "timer", "swap", "path")
_PROPERTIES: Final = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "NeedDaemonReload",
    "ActiveEnterTimestamp",
)

_SCRIPT: Final = shell_text(__file__)

_INSTANCE: Final = re.compile(r"@.+\.")
_SECONDS: Final = re.compile(r"^@(\d+)(?:\.\d+)?$")


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit, in systemd's words.

    Args:
        load: `loaded`, `not-found`, `masked` …; `unloaded` for a file that systemd has not read.
        active: `active`, `inactive`, `failed`, `activating` …
        sub: `running`, `exited`, `waiting` …
        file_state: `enabled`, `disabled`, `static`, `masked` …; absent for a unit without a file.
        need_daemon_reload: its file changed since systemd read it.
        active_since: when it became active, host clock, seconds since the epoch; absent when never.
    """

    load: str
    active: str
    sub: str
    file_state: Reading[str]
    need_daemon_reload: bool
    active_since: Reading[int]

    @property
    def is_up(self) -> bool:
        """Return True if the unit runs or is about to (systemctl(1))."""
        return self.active in ("active", "activating", "reloading", "refreshing")


@dataclass(frozen=True, slots=True)
class UnitState:
    """All units.

    Args:
        units: name with its suffix -> unit.
        failed: names in state failed.
    """

    units: Mapping[str, Unit]
    failed: tuple[str, ...]

    def get(self, name: str) -> Reading[Unit]:
        """Return a unit by its name; ABSENT when there is neither such a unit nor such a file."""
        return self.units.get(name, ABSENT)


class Units(HostFact[UnitState]):
    """systemd's units and unit files."""

    domain = "units"
    volatile = True

    @override
    def script(self, probe_root: str = "") -> str:
        asked = " ".join(f"'*.{kind}'" for kind in _ASKED)
        files = " ".join(f"*.{kind}" for kind in _KINDS)
        body = f"set -- {asked}\n{_SCRIPT}"
        return script(body, properties=",".join(_PROPERTIES), files=files)

    @override
    def parse(self, text: str) -> UnitState:
        parts = Parts(text)
        states = _file_states(parts)
        shown = dict(
            _unit(block, states) for block in parts.need("units").split("\n\n") if block.strip()
        )
        if not shown:
            raise ParseError("systemd lists no unit")
        # systemd also shows units that others only mention
        units = {n: u for n, u in shown.items() if (u.load, u.active) != ("not-found", "inactive")}
        for name, state in states.items():
            units.setdefault(name, Unit("unloaded", "inactive", "dead", state, False, ABSENT))
        failed = tuple(name for name, unit in units.items() if unit.active == "failed")
        return UnitState(units, failed)


def _file_states(parts: Parts) -> Mapping[str, str]:
    """Return unit -> state of its file as `systemctl is-enabled` would call it."""
    links = dict(_words(line) for line in reversed(parts.lines("links")))
    # a template counts as enabled when one of its instances is
    links = {_INSTANCE.sub("@.", name): state for name, state in links.items()} | links
    install = frozenset(parts.lines("install"))
    states: dict[str, str] = {}
    for name, kind in map(_words, parts.lines("files")):
        if name in states:  # the strongest directory came first
            continue
        unlinked = "disabled" if name in install else "static"
        states[name] = links.get(name, unlinked) if kind == "file" else kind
    # an enabled instance of a template has no file of its own
    return links | states


def _words(line: str) -> tuple[str, str]:
    name, state = line.split(" ")
    return name, state


def _unit(block: str, states: Mapping[str, str]) -> tuple[str, Unit]:
    values = dict(line.split("=", 1) for line in block.split("\n") if line)
    name = values["Id"]
    entered = _SECONDS.match(values["ActiveEnterTimestamp"])
    return name, Unit(
        load=values["LoadState"],
        active=values["ActiveState"],
        sub=values["SubState"],
        file_state=values["UnitFileState"] or states.get(name, ABSENT),
        need_daemon_reload=values["NeedDaemonReload"] == "yes",
        active_since=int(entered[1]) if entered is not None and int(entered[1]) > 0 else ABSENT,
    )
