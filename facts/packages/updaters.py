"""Everything on a host that could change kernel or GPU packages without us, and how it is fenced.

Must not know the fence that is declared: it says what is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from typing_extensions import override

from facts.base import HostFact
from facts.odd import OddLine, where
from facts.packages.updater_table import (
    CRON,
    JOB_FILES,
    JOB_LINE,
    NEEDRESTART,
    SNAPD,
    UNATTENDED,
    WATCHES,
    Reach,
    Watch,
)
from facts.parts import Files, Parts, convert, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading, Unknown

_SCRIPT: Final = shell_text(__file__)

_APT_VALUE: Final = re.compile(r'^([\w:-]+?)(?:::)? "(.*)";$')
_MODE: Final = re.compile(r"restart}\s*=\s*['\"](\w)['\"]")
_PERIODIC: Final = "APT::Periodic::Unattended-Upgrade"
_BLACKLIST: Final = "Unattended-Upgrade::Package-Blacklist"
_ORIGINS: Final = ("Unattended-Upgrade::Origins-Pattern", "Unattended-Upgrade::Allowed-Origins")


@dataclass(frozen=True, slots=True)
class Updater:
    """Something that changes packages by itself.

    Args:
        active: it will act without a person; UNKNOWN when that could not be read.
        can_change: what it reaches.
        fenced_by: what holds it back, one sentence each; empty when nothing does.
        evidence: files, units and settings that show it.
    """

    name: str
    active: Reading[bool]
    can_change: Reach
    fenced_by: tuple[str, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UpdaterState:
    """All updaters that are on the host, by name.

    Args:
        blacklist: unattended-upgrades' Package-Blacklist, regular expressions.
        needrestart: its mode, `l`, `i` or `a`; absent when nobody set one or it is not installed.
        odd: lines of jobs and settings that could not be read.
    """

    updaters: Mapping[str, Updater]
    blacklist: Reading[tuple[str, ...]]
    needrestart: Reading[str]
    odd: tuple[OddLine, ...] = ()

    def blacklisted(self, package: str) -> Reading[bool]:
        """Return True if unattended-upgrades leaves a package alone (it matches from the start)."""
        if not isinstance(self.blacklist, tuple):
            return self.blacklist
        return any(_matches(pattern, package) for pattern in self.blacklist)


class Updaters(HostFact[UpdaterState]):
    """Foreign updaters."""

    domain = "updaters"
    by_lines = True

    @override
    def script(self, probe_root: str = "") -> str:
        presence = " ".join(word for watch in WATCHES for word in (watch.name, *watch.presence))
        return script(
            f"set -- {presence}\n{_SCRIPT}",
            fences=" ".join(sorted({fence for watch in WATCHES for fence in watch.fences})),
            units=" ".join(unit for watch in WATCHES for unit in watch.units),
            job=JOB_LINE,
            job_files=" ".join(JOB_FILES),
        )

    @override
    def parse(self, text: str) -> UpdaterState:
        parts = Parts(text)
        settings = convert(parts.reading("apt"), _apt_settings)
        blacklist: Reading[tuple[str, ...]] = (
            settings.get(_BLACKLIST, ()) if isinstance(settings, Mapping) else settings
        )
        mode = _needrestart(parts.files("needrestart"))
        units = dict(_pair(line) for line in parts.lines("units"))
        fences = frozenset(path for _, path in map(_pair, parts.lines("fences")))
        present: dict[str, list[str]] = {}
        for line in parts.lines("present"):
            name, path = _pair(line)
            present.setdefault(name, []).append(path)
        found = {
            watch.name: _updater(watch, present[watch.name], units, fences)
            for watch in WATCHES
            if watch.name in present
        }
        if UNATTENDED in found:
            found[UNATTENDED] = _unattended(found[UNATTENDED], settings)
        if SNAPD in found:
            found[SNAPD] = _snapd(found[SNAPD], parts.reading("snap_hold"))
        if NEEDRESTART in found:
            found[NEEDRESTART] = _restarts(found[NEEDRESTART], mode)
        odd = (*parts.files("needrestart").odd, *parts.files("jobs").odd)
        jobs = _jobs(parts.files("jobs"), parts.reading("spool"))
        if jobs is not None:
            found[CRON] = jobs
        return UpdaterState(found, blacklist, mode if NEEDRESTART in found else ABSENT, odd)


def _updater(
    watch: Watch, paths: Sequence[str], units: Mapping[str, str], fences: frozenset[str]
) -> Updater:
    states = {unit: units[unit] for unit in watch.units if unit in units}
    working = ("enabled", "disabled") if watch.on_demand else ("enabled",)
    shut = tuple(fence for fence in watch.fences if fence in fences)
    running = not watch.units or any(state in working for state in states.values())
    return Updater(
        name=watch.name,
        active=watch.acts and running and not shut,
        can_change=watch.reach,
        fenced_by=(
            *(f"{unit} is {state}" for unit, state in states.items() if state not in working),
            *(f"{fence} exists" for fence in shut),
        ),
        evidence=(*paths, *(f"{unit} is {state}" for unit, state in states.items())),
    )


def _unattended(updater: Updater, settings: Reading[Mapping[str, tuple[str, ...]]]) -> Updater:
    if not isinstance(settings, Mapping):
        return replace(updater, active=settings)
    period = (settings.get(_PERIODIC) or ("0",))[-1]
    off = period in ("", "0")
    fenced, evidence = (
        list(updater.fenced_by),
        [*updater.evidence, f"{_PERIODIC} is {period or 'empty'}"],
    )
    if off:
        fenced.append(f"{_PERIODIC} is {period or 'empty'}")
    blacklist = settings.get(_BLACKLIST, ())
    if blacklist:
        fenced.append(f"Package-Blacklist: {', '.join(blacklist)}")
    evidence.extend(
        f"upgrades from {origin}" for key in _ORIGINS for origin in settings.get(key, ())
    )
    active = updater.active is True and not off
    return replace(updater, active=active, fenced_by=tuple(fenced), evidence=tuple(evidence))


def _snapd(updater: Updater, hold: Reading[str]) -> Updater:
    if isinstance(hold, Unknown):
        evidence = (*updater.evidence, f"refresh hold: {hold}")
        return replace(updater, evidence=evidence)
    if not isinstance(hold, str) or "forever" not in hold:
        return updater
    fenced = (*updater.fenced_by, "refreshes are held forever")
    return replace(updater, fenced_by=fenced)


def _restarts(updater: Updater, mode: Reading[str]) -> Updater:
    evidence = (*updater.evidence, f"restart mode: {mode}")
    if isinstance(mode, Unknown):
        return replace(updater, active=mode, evidence=evidence)
    fenced = ("restart mode is l (list only)",) if mode == "l" else ()
    return replace(updater, active=mode != "l", fenced_by=fenced, evidence=evidence)


def _jobs(files: Files, spool: Reading[str]) -> Updater | None:
    lines = [(line.path, line.number, line.text.strip()) for line in files.lines]
    # the pattern of a job was found in an odd line too
    lines += [(line.place, line.number, line.text) for line in files.odd]
    evidence = tuple(f"{path}:{number}: {text}" for path, number, text in lines)
    if evidence:
        return Updater(CRON, True, "all", (), evidence)
    if isinstance(spool, Unknown):
        return Updater(CRON, spool, "all", (), files.denied)
    return None


def _needrestart(files: Files) -> Reading[str]:
    if files.denied:
        return Unknown(f"{files.denied[0]} needs root")
    if files.odd:
        return Unknown(f"{where(files.odd[0])}: {files.odd[0].why}", files.odd[0].text)
    modes = [match[1] for line in files.lines if (match := _MODE.search(line.text)) is not None]
    return modes[-1] if modes else ABSENT


def _apt_settings(text: str) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in text.split("\n"):
        match = _APT_VALUE.match(line)
        if match is not None and match[2]:
            found[match[1]] = (*found.get(match[1], ()), match[2])
    return found


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(" ")
    return name, value


def _matches(pattern: str, package: str) -> bool:
    try:
        return re.match(pattern, package) is not None
    except re.error:
        return False
