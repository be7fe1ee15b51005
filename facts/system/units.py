"""Every systemd unit: what it does, how it is enabled, whether systemd must read its file again.

Must not know which units are wanted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.odd import OddLine, doubt, is_utf8, odd_line
from facts.parts import NOT_UTF8, Parts, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading, Unknown

#: Kinds that somebody may manage; targets, devices, slices and scopes are left out to save time.
_KINDS: Final = ("service", "socket", "timer", "mount", "swap", "path")
#: Those of which every active unit is asked for. Of mounts only those that a file tells of: the
#: kernel's, containers' and snaps' can be hundreds, and systemd spends 1-2 ms on each unit.
_ASKED: Final = ("service", "socket", "timer", "swap", "path")
_PROPERTIES: Final = (
    "Id",
    "Names",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "NeedDaemonReload",
    "ActiveEnterTimestamp",
)

_SCRIPT: Final = shell_text(__file__)

#: What a unit may be called (systemd.unit(5)); systemd ignores a file of another name.
_NAME: Final = re.compile(r"^[A-Za-z0-9:_.\\-][A-Za-z0-9:_.\\@-]*\.[a-z]+$")
_NO_NAME: Final = "no unit can have this name, so systemd ignores the file"
#: What the answer of systemd is called where a part of it is odd.
_SHOW: Final = "systemctl show '*'"
#: The folder whose masks end with the boot.
_RUN: Final = re.compile(r"/run/systemd/system$")
#: What precedes the folder of the files that follow.
_FOLDER: Final = "> "

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
        masks: folders in which it is masked; empty also where they were not looked at.
    """

    load: str
    active: str
    sub: str
    file_state: Reading[str]
    need_daemon_reload: bool
    active_since: Reading[int]
    masks: tuple[str, ...] = ()

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
        odd: files of which systemd takes none for a unit, and what it said that is not understood.
        names: further name of a unit that systemd has read -> the unit's own.
    """

    units: Mapping[str, Unit]
    failed: tuple[str, ...]
    odd: tuple[OddLine, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> Reading[Unit]:
        """Return a unit by any of its names; ABSENT when there is neither a unit nor a file."""
        name = self.names.get(name, name)
        if name in self.units:
            return self.units[name]
        # no legal name is that of an odd file
        unsure = doubt(name, [line for line in self.odd if line.place == _SHOW])
        return ABSENT if unsure is None else unsure

    @property
    def unsaid(self) -> Unknown | None:
        """Return why a unit may be missing from the list, None when none is."""
        line = next((line for line in self.odd if line.place == _SHOW), None)
        return None if line is None else Unknown(f"{line.place}: {line.why}", line.text)


class Units(HostFact[UnitState]):
    """systemd's units and unit files."""

    domain = "units"
    volatile = True
    by_lines = True

    @override
    def script(self, probe_root: str = "") -> str:
        asked = " ".join(f"'*.{kind}'" for kind in _ASKED)
        files = " ".join(f"*.{kind}" for kind in _KINDS)
        body = f"set -- {asked}\n{_SCRIPT}"
        return script(body, properties=",".join(_PROPERTIES), files=files)

    @override
    def parse(self, text: str) -> UnitState:
        parts = Parts(text)
        files = _unit_files(parts)
        states = _file_states(files, parts)
        shown, names, odd = _shown(parts, files, states)
        # systemd also shows units that others only mention
        units = {n: u for n, u in shown.items() if (u.load, u.active) != ("not-found", "inactive")}
        for name, state in states.items():
            if name not in units and name not in names and doubt(name, odd) is None:
                masks = files.masks.get(name, ())
                units[name] = Unit("unloaded", "inactive", "dead", state, False, ABSENT, masks)
        failed = tuple(name for name, unit in units.items() if unit.active == "failed")
        return UnitState(units, failed, (*files.odd, *odd), names)


@dataclass(frozen=True, slots=True)
class _Files:
    """Unit files.

    Args:
        kinds: name -> kind, of the strongest folder.
        folders: name -> that folder.
        masks: name -> folders that mask it.
        odd: files of which systemd takes none.
    """

    kinds: Mapping[str, str]
    folders: Mapping[str, str]
    masks: Mapping[str, tuple[str, ...]]
    odd: tuple[OddLine, ...]

    def is_generated(self, name: str) -> bool:
        """Return True if a program makes the file at each boot, such as for a script of SysV."""
        return "/systemd/generator" in self.folders.get(name, "")


def _unit_files(parts: Parts) -> _Files:
    kinds: dict[str, str] = {}
    folders: dict[str, str] = {}
    masks: dict[str, tuple[str, ...]] = {}
    odd = []
    folder = ""
    for line in parts.raw_lines("files"):
        if line.startswith(_FOLDER):
            folder = line.removeprefix(_FOLDER)
            continue
        name, _, kind = line.rpartition(" ")
        if not is_utf8(name) or not _NAME.match(name):
            odd.append(odd_line(folder, 0, name, _NO_NAME if is_utf8(name) else NOT_UTF8))
            continue
        kinds.setdefault(name, kind)  # the strongest folder comes first
        folders.setdefault(name, folder)
        if kind == "masked" and folder:
            masks[name] = (*masks.get(name, ()), folder)
    return _Files(kinds, folders, masks, tuple(odd))


def _file_states(files: _Files, parts: Parts) -> Mapping[str, str]:
    """Return unit -> state of its file as `systemctl is-enabled` would call it."""
    words = [line.rpartition(" ") for line in reversed(parts.raw_lines("links"))]
    links = {name: state for name, _, state in words if _NAME.match(name)}
    # a template counts as enabled when one of its instances is
    links = {_INSTANCE.sub("@.", name): state for name, state in links.items()} | links
    install = frozenset(parts.raw_lines("install"))
    states: dict[str, str] = {}
    for name, kind in files.kinds.items():
        unlinked = "disabled" if name in install else "static"
        states[name] = links.get(name, unlinked) if kind == "file" else kind
        if kind == "file" and files.is_generated(name):
            states[name] = "generated"
        if kind == "masked" and _RUN.search(files.masks.get(name, ("",))[0]):
            states[name] = "masked-runtime"
    # an enabled instance of a template has no file of its own
    return links | states


def _shown(
    parts: Parts, files: _Files, states: Mapping[str, str]
) -> tuple[Mapping[str, Unit], Mapping[str, str], tuple[OddLine, ...]]:
    """Return what systemd says of each unit, further names, and what is not understood."""
    units: dict[str, Unit] = {}
    names: dict[str, str] = {}
    odd = []
    blocks = [b for b in "\n".join(parts.raw_lines("units", empty=True)).split("\n\n") if b.strip()]
    for block in blocks:
        try:
            if not is_utf8(block):
                raise ParseError(NOT_UTF8)
            values = {key: text for key, _, text in (x.partition("=") for x in block.split("\n"))}
            name, unit = values["Id"], _unit(values, files, states)
        except (ValueError, KeyError) as error:
            why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            odd.append(odd_line(_SHOW, 0, block.replace("\n", " "), why))
        else:
            units[name] = unit
            names |= {other: name for other in values.get("Names", "").split() if other != name}
    if not units:
        raise ParseError("systemd lists no unit")
    return units, names, tuple(odd)


def _unit(values: Mapping[str, str], files: _Files, states: Mapping[str, str]) -> Unit:
    name = values["Id"]
    entered = _SECONDS.match(values["ActiveEnterTimestamp"])
    return Unit(
        load=values["LoadState"],
        active=values["ActiveState"],
        sub=values["SubState"],
        file_state=values["UnitFileState"] or states.get(name, ABSENT),
        need_daemon_reload=values["NeedDaemonReload"] == "yes",
        active_since=int(entered[1]) if entered is not None and int(entered[1]) > 0 else ABSENT,
        masks=files.masks.get(name, ()),
    )
