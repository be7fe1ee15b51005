"""Everything on a host that could change kernel or GPU packages without us, and how it is fenced.

Must not know the fence that is declared: it says what is there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from typing_extensions import override

from facts.base import HostFact
from facts.odd import OddLine, visible, where
from facts.packages.command_table import MENTION, Reach
from facts.packages.updater_jobs import jobs
from facts.packages.updater_table import (
    CRON,
    JOB_FILES,
    NEEDRESTART,
    SCRIPT_FOLDERS,
    SNAPD,
    UNATTENDED,
    WATCHES,
    Watch,
)
from facts.parts import Files, Line, Parts, convert, script
from facts.settings.effective import collect, last_word
from facts.settings.programs import PROGRAMS
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading, Unknown

_SCRIPT: Final = shell_text(__file__)

_APT_VALUE: Final = re.compile(r'^(\S+) "(.*)";$')
_PERIODIC: Final = "APT::Periodic::Unattended-Upgrade"
#: Zero switches everything off that apt does by itself (apt.systemd.daily).
_ENABLE: Final = "APT::Periodic::Enable"
_SHUTDOWN: Final = "Unattended-Upgrade::InstallOnShutdown"
#: The unit that upgrades at a shutdown, whatever apt's timers and periods say.
_SHUTDOWN_UNIT: Final = "unattended-upgrades.service"
_BLACKLIST: Final = "Unattended-Upgrade::Package-Blacklist"
_WHITELIST: Final = "Unattended-Upgrade::Package-Whitelist"
_STRICT: Final = "Unattended-Upgrade::Package-Whitelist-Strict"
_TRUE: Final = ("yes", "true", "with", "on", "enable", "1")
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
        strict_whitelist: unattended-upgrades' Package-Whitelist where it is strict, else empty: one
            that is not strict lets through what a package on it depends on.
    """

    updaters: Mapping[str, Updater]
    blacklist: Reading[tuple[str, ...]]
    needrestart: Reading[str]
    odd: tuple[OddLine, ...] = ()
    strict_whitelist: tuple[str, ...] = ()

    def blacklisted(self, package: str) -> Reading[bool]:
        """Return True if unattended-upgrades leaves a package alone (it matches from the start)."""
        if not isinstance(self.blacklist, tuple):
            return self.blacklist
        allowed = self.strict_whitelist
        if allowed and not any(_matches(pattern, package) for pattern in allowed):
            return True
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
            mention=MENTION,
            job_files=" ".join(JOB_FILES),
            script_folders="|".join(SCRIPT_FOLDERS),
        )

    @override
    def parse(self, text: str) -> UpdaterState:
        parts = Parts(text)
        settings = convert(parts.reading("apt"), _apt_settings)
        blacklist: Reading[tuple[str, ...]] = (
            _entries(settings, _BLACKLIST) if isinstance(settings, Mapping) else settings
        )
        mode = _needrestart(parts.files("needrestart"))
        units = dict(_pair(line) for line in parts.lines("units"))
        starts = frozenset(n for key, n in map(_pair, parts.lines("units")) if key == "wants")
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
            found[UNATTENDED] = _unattended(found[UNATTENDED], settings, starts)
        if SNAPD in found:
            found[SNAPD] = _snapd(found[SNAPD], parts.reading("snap_hold"))
        if NEEDRESTART in found:
            found[NEEDRESTART] = _restarts(found[NEEDRESTART], mode)
        if (scheduled := _scheduled(parts, starts)) is not None:
            found[CRON] = scheduled
        return UpdaterState(
            updaters=found,
            blacklist=blacklist,
            needrestart=mode if NEEDRESTART in found else ABSENT,
            odd=(*parts.files("needrestart").odd, *parts.files("jobs").odd),
            strict_whitelist=_strict_list(settings),
        )


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


def _unattended(
    updater: Updater, settings: Reading[Mapping[str, tuple[str, ...]]], starts: Collection[str]
) -> Updater:
    if not isinstance(settings, Mapping):
        return replace(updater, active=settings)
    period, enable = _last(settings, _PERIODIC, "0"), _last(settings, _ENABLE, "1")
    stopped = [
        f"{key} is {value or 'empty'}"
        for key, value, off in (
            (_ENABLE, enable, enable.isdigit() and int(enable) == 0),
            (_PERIODIC, period, period in ("", "0")),
        )
        if off
    ]
    origins = [origin for key in _ORIGINS for origin in _entries(settings, key)]
    evidence = [*updater.evidence, f"{_PERIODIC} is {period or 'empty'}"]
    evidence += [f"upgrades from {origin}" for origin in origins]
    if blacklist := _entries(settings, _BLACKLIST):
        evidence.append(f"Package-Blacklist: {', '.join(blacklist)}")
    if whitelist := _entries(settings, _WHITELIST):
        strict = "strict" if _strict_list(settings) else "not strict"
        evidence.append(f"Package-Whitelist ({strict}): {', '.join(whitelist)}")
    fenced = [*updater.fenced_by, *stopped]
    active = updater.active is True and not stopped
    if _is_on(settings, _SHUTDOWN) and _SHUTDOWN_UNIT in starts:
        evidence.append(f"{_SHUTDOWN} is true and {_SHUTDOWN_UNIT} is enabled")
        active, fenced = True, []
    if not origins:
        active, fenced = False, [*fenced, "no origin is allowed"]
    return replace(updater, active=active, fenced_by=tuple(fenced), evidence=tuple(evidence))


def _last(settings: Mapping[str, tuple[str, ...]], key: str, default: str) -> str:
    return (settings.get(key.casefold()) or (default,))[-1]


def _entries(settings: Mapping[str, tuple[str, ...]], key: str) -> tuple[str, ...]:
    """Return the entries of a list; a value of the name itself (`Name "x";`) is none of them."""
    return settings.get(f"{key.casefold()}::", ())


def _is_on(settings: Mapping[str, tuple[str, ...]], key: str) -> bool:
    return _last(settings, key, "").lower() in _TRUE


def _strict_list(settings: Reading[Mapping[str, tuple[str, ...]]]) -> tuple[str, ...]:
    if not isinstance(settings, Mapping) or not _is_on(settings, _STRICT):
        return ()
    return _entries(settings, _WHITELIST)


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


def _scheduled(parts: Parts, starts: Collection[str]) -> Updater | None:
    """Return what jobs do to packages, and what of them is never started."""
    files, spool = parts.files("jobs"), parts.reading("spool")
    callers = dict(_caller(line) for line in parts.raw_lines("jobs") if line.startswith("@"))
    # what a job does was found in an odd line too
    odd = (Line(line.place, line.number, line.text) for line in files.odd)
    found = jobs((*files.lines, *odd), callers, starts)
    if not found:
        return Updater(CRON, spool, "all", (), files.denied) if isinstance(spool, Unknown) else None
    started = [job for job in found if job.is_started]
    reaches = {job.reach for job in started or found}
    return Updater(
        name=CRON,
        active=bool(started) or (spool if isinstance(spool, Unknown) else False),
        can_change=reaches.pop() if len(reaches) == 1 else "all",
        fenced_by=() if started else ("nothing starts them",),
        evidence=tuple(str(job) for job in started or found),
    )


def _caller(line: str) -> tuple[str, str]:
    caller, _, script = visible(line[1:]).rpartition(":")
    return script, caller


def _needrestart(files: Files) -> Reading[str]:
    if files.denied:
        return Unknown(f"{files.denied[0]} needs root")
    if files.odd:
        return Unknown(f"{where(files.odd[0])}: {files.odd[0].why}", files.odd[0].text)
    program = PROGRAMS[NEEDRESTART]
    decides = last_word(program, collect(program, files.lines, ()), "restart")
    if decides is None or decides.value is None:
        return ABSENT
    if len(decides.value) != 1:
        return Unknown(f"{decides.path}:{decides.line} computes it", decides.value)
    return decides.value


def _apt_settings(text: str) -> Mapping[str, tuple[str, ...]]:
    """Return name -> values, and the name of each scope with `::` -> values of what is in it.

    apt's names have no case.
    """
    found: dict[str, tuple[str, ...]] = {}
    for line in text.split("\n"):
        match = _APT_VALUE.match(line)
        if match is not None and match[2]:
            name = match[1].casefold()
            for key in {name, f"{name.rpartition('::')[0]}::"}:
                found[key] = (*found.get(key, ()), match[2])
    return found


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(" ")
    return name, value


def _matches(pattern: str, package: str) -> bool:
    try:
        return re.match(pattern, package) is not None
    except re.error:
        return False
