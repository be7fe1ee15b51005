"""What an upgrade by hand would do to the packages, and what holds and pins keep from moving.

On demand: it simulates three transactions, which takes seconds. Must not know which packages may
move.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.packages.apt_policy import AptPolicy, Policy
from facts.parts import Files, Parts, convert, script
from facts.shelltext import shell_text
from facts.value import Reading

#: Files that pin versions (apt_preferences(5)).
_PINNED: Final = "/etc/apt/preferences /etc/apt/preferences.d/*"
#: Files that choose the kernel that boots.
_WRITTEN: Final = "/etc/default/grub /etc/default/grub.d/*.cfg /boot/grub/grubenv"

_SCRIPT: Final = shell_text(__file__)

#: `Inst NAME [OLD] (NEW ORIGIN… [ARCH]) […]`, `Remv NAME [OLD] […]`
_INSTALL: Final = re.compile(r"^Inst (\S+)(?: \[(\S+)\])? \((\S+)[^)]*\)")
_REMOVE: Final = re.compile(r"^(?:Remv|Purg) (\S+)(?: \[(\S+)\])?")
_FIELD: Final = re.compile(r"^(Package|Pin|Pin-Priority)\s*:\s*(.*?)\s*$", re.IGNORECASE)


class Move(StrEnum):
    """What happens to a package."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """One package that a transaction changes; None = it is not there before, or after."""

    name: str
    before: str | None
    after: str | None

    @property
    def move(self) -> Move:
        """Return what happens to it."""
        if self.after is None:
            return Move.REMOVE
        return Move.INSTALL if self.before is None else Move.UPGRADE


@dataclass(frozen=True, slots=True)
class Pin:
    """One stanza of apt's preferences.

    Args:
        line: number of its first line.
        packages: names and globs.
        pin: which versions, such as `version 6.17*`.
    """

    path: str
    line: int
    packages: tuple[str, ...]
    pin: str
    priority: int


@dataclass(frozen=True, slots=True)
class UpgradeState:
    """What would move, and what is kept from moving.

    Args:
        full: changes of `apt-get dist-upgrade`.
        plain: changes of `apt-get upgrade`.
        autoremove: changes of `apt-get autoremove`.
        holds: names on hold, installed or not.
        pins: every stanza of the preferences.
        denied: preferences that only root may read.
        written: path of a file, or held package -> when it was last written or changed, in seconds
            since the epoch.
        policies: name -> the versions of each package that moves, is on hold or is pinned.
    """

    full: Reading[tuple[Change, ...]]
    plain: Reading[tuple[Change, ...]]
    autoremove: Reading[tuple[Change, ...]]
    holds: tuple[str, ...]
    pins: tuple[Pin, ...]
    denied: tuple[str, ...]
    written: Mapping[str, int]
    policies: Mapping[str, Policy]


class AptUpgrade(HostFact[UpgradeState]):
    """Simulated upgrades, holds and pins. Takes no lock and writes nothing, not even as root."""

    domain = "apt_upgrade"
    on_demand = True
    timeout_s = 120

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, pinned=_PINNED, written=_WRITTEN)

    @override
    def parse(self, text: str) -> UpgradeState:
        parts = Parts(text)
        pins = parts.files("pins")
        return UpgradeState(
            full=convert(parts.reading("full"), changes),
            plain=convert(parts.reading("plain"), changes),
            autoremove=convert(parts.reading("autoremove"), changes),
            holds=tuple(parts.lines("holds")),
            pins=_pins(pins),
            denied=pins.denied,
            written=dict(_time(line) for line in parts.lines("written")),
            policies=AptPolicy().parse(text),
        )


def changes(text: str) -> tuple[Change, ...]:
    """Return what the lines of an `apt-get -s` change.

    Raises:
        ParseError: a line is none of apt-get's.
    """
    return tuple(_change(line) for line in text.split("\n") if line)


def _change(line: str) -> Change:
    if match := _INSTALL.match(line):
        return Change(match[1], match[2], match[3])
    if match := _REMOVE.match(line):
        return Change(match[1], match[2], None)
    raise ParseError(f"not a line of apt-get -s: {line!r}")


def _time(line: str) -> tuple[str, int]:
    seconds, name = line.split(" ", 1)
    return name, int(seconds)


def _pins(files: Files) -> tuple[Pin, ...]:
    found: list[Pin] = []
    for path in dict.fromkeys(line.path for line in files.lines):
        fields: dict[str, str] = {}
        first = 0
        for number, text in [*((each.number, each.text) for each in files.of(path)), (0, "")]:
            if match := _FIELD.match(text):
                first = first if fields else number
                fields[match[1].lower()] = match[2]
            elif not text.strip() and fields:
                found.append(_pin(path, first, fields))
                fields = {}
    return tuple(found)


def _pin(path: str, line: int, fields: Mapping[str, str]) -> Pin:
    return Pin(
        path=path,
        line=line,
        packages=tuple(fields.get("package", "").split()),
        pin=fields.get("pin", ""),
        priority=int(fields.get("pin-priority") or 0),
    )
