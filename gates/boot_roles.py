"""What each boot set of a host is there for, and which of them nobody needs. Pure.

A role is taken from whatever names a set: GRUB's environment, the record beside the sets, the
running kernel's command line, the declaration. What cannot be told protects every set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from declaration.boot import BootSet
from facts.boot.cmdline import last_value
from facts.boot.kernel import RunningKernel
from facts.boot.loader import BootState
from facts.boot.sets import HostSets
from facts.packages.dpkg import PackageState
from facts.value import Absent, Unknown, known
from gates.boot_sets import faults, way_back
from gates.boot_state import SET_WORD, running_set
from gates.boots import Boots, boots_by_default, boots_now


class Role(StrEnum):
    """What a boot set is there for; the value is what a person reads."""

    #: GRUB boots it when nobody chooses
    DEFAULT = "default"
    #: made the default last, as the record beside the sets says; named where GRUB says otherwise
    RECORDED = "recorded"
    #: what is gone back to
    FALLBACK = "fallback"
    #: the running kernel was booted from it
    RUNNING = "running"
    #: GRUB boots it once, the next time
    NEXT = "next"
    #: its first boot is being judged, or will be
    TRIAL = "trial"
    #: the host's declaration wants it
    DECLARED = "declared"


#: Why a set with a role stays.
_STAYS: Final[Mapping[Role, str]] = {
    Role.DEFAULT: "GRUB boots it by default",
    Role.RECORDED: "it is recorded as the default",
    Role.FALLBACK: "it is the fallback",
    Role.RUNNING: "it runs now",
    Role.NEXT: "it is armed for the next boot",
    Role.TRIAL: "it is under trial",
    Role.DECLARED: "it is declared for this host",
}
#: Roles that are told even of a set which is gone.
_NAMED: Final = frozenset({Role.RECORDED, Role.FALLBACK, Role.DECLARED, Role.TRIAL})
#: A line that names an entry by its number: of GRUB's environment, or of the menu itself.
_NUMBER: Final = re.compile(r"(?:_entry|default)=[\"']?\d+[\"']?$")
#: Variables of GRUB's environment that boot-commit writes, and the role that each gives.
_VARIABLES: Final[Mapping[str, Role]] = {
    "b70fleet_default": Role.RECORDED,
    "b70fleet_fallback": Role.FALLBACK,
    "b70fleet_trial_set": Role.TRIAL,
}


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of a host's boot sets.

    Args:
        of: name -> its roles in the order of `Role`; sets without one are not listed. A name may be
            that of a set which is gone.
        default: what GRUB boots when nobody chooses, as a person reads it; None = UNKNOWN.
        elsewhere: what boots or runs and is no boot set, a sentence each.
        unknown: why some role cannot be told, a sentence part each.
        numbered: set -> the line that makes GRUB boot it by its number; numbers move when an entry
            before it goes.
    """

    of: Mapping[str, tuple[Role, ...]]
    default: str | None
    elsewhere: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    numbered: Mapping[str, str] = field(default_factory=dict)


def roles(
    sets: HostSets,
    boot: BootState | Unknown,
    kernel: RunningKernel | Unknown,
    declared: BootSet | None,
) -> Roles:
    """Return who needs which boot set."""
    found: list[tuple[str, Role]] = [(sets.default, Role.RECORDED), (sets.fallback, Role.FALLBACK)]
    elsewhere: list[str] = []
    unknown: list[str] = []
    numbered: dict[str, str] = {}
    default: str | None = None
    if declared is not None:
        found.append((declared.set_id, Role.DECLARED))
    if isinstance(boot, Unknown):
        unknown.append(f"GRUB's menu is UNKNOWN: {boot.reason}")
    elif isinstance(boot.environment, Unknown):
        unknown.append(f"GRUB's environment is UNKNOWN: {boot.environment.reason}")
    else:
        environment = known(boot.environment) or {}
        found += [(environment.get(name, ""), role) for name, role in _VARIABLES.items()]
        by_default, now = boots_by_default(boot), boots_now(boot)
        if isinstance(boot.entries, Absent):
            default = ""
        elif isinstance(by_default, Unknown):
            unknown.append(f"what GRUB boots by default is UNKNOWN: {by_default.reason}")
        elif isinstance(now, Unknown):
            unknown.append(f"what GRUB boots next is UNKNOWN: {now.reason}")
        else:
            default = _name(by_default)
            found.append((default, Role.DEFAULT))
            if now.once:
                found.append((_name(now), Role.NEXT))
            numbered = {
                _name(each): line.text
                for each in (by_default, now)
                for line in each.because
                if _name(each) in sets.sets and _NUMBER.search(line.text)
            }
            elsewhere += _elsewhere(sets, by_default, now)
    found += _running(sets, kernel, elsewhere, unknown)
    listed: dict[str, set[Role]] = {}
    for name, role in found:
        if name in sets.sets or (name and role in _NAMED):
            listed.setdefault(name, set()).add(role)
    for own in listed.values():
        if Role.DEFAULT in own:
            own.discard(Role.RECORDED)
    return Roles(
        of={name: tuple(role for role in Role if role in own) for name, own in listed.items()},
        default=default,
        elsewhere=tuple(elsewhere),
        unknown=tuple(dict.fromkeys(unknown)),
        numbered=numbered,
    )


def _name(boots: Boots) -> str:
    """Return the name of the set that boots, else the entry's title."""
    return last_value(boots.entry.tokens, SET_WORD) or boots.entry.title


def _elsewhere(sets: HostSets, by_default: Boots, now: Boots) -> Iterator[str]:
    if now.once and (following := _name(now)) not in sets.sets:
        yield f"the next boot is {following}, once: no boot set"
    if (default := _name(by_default)) not in sets.sets:
        yield f"GRUB boots {default} by default: no boot set"
    if by_default.missed:
        yield f"GRUB is told to boot {by_default.missed}, which is not in the menu"
    if by_default.instead:
        yield f"GRUB cannot load {', '.join(by_default.instead)} and boots {default}"
    if by_default.waits:
        yield f"GRUB waits for a person: {by_default.waits}"


def _running(
    sets: HostSets, kernel: RunningKernel | Unknown, elsewhere: list[str], unknown: list[str]
) -> Iterator[tuple[str, Role]]:
    if isinstance(kernel, Unknown):
        unknown.append(f"which kernel runs is UNKNOWN: {kernel.reason}")
        return
    if not isinstance(kernel.tokens, tuple):
        unknown.append(f"the running command line is {kernel.tokens}")
        return
    name = running_set(kernel)
    if name not in sets.sets:
        said = f"boot set {name}, which is gone" if name else "an entry that is no boot set"
        elsewhere.append(f"{kernel.release} runs, booted from {said}")
        return
    yield name, Role.RUNNING
    if isinstance(sets.trial, Unknown):
        unknown.append(f"whether this boot is a trial is UNKNOWN: {sets.trial.reason}")
    elif not isinstance(sets.trial, Absent):
        yield name, Role.TRIAL


def why_all_stay(found: Roles, sets: HostSets, packages: PackageState | None) -> str:
    """Return why no boot set at all may be removed now, "" when that depends on the set.

    Removing one writes the menu anew, and an incomplete set gets no entry then: were it the
    default, another one would boot.

    Args:
        found: the host's roles.
        packages: what dpkg knows; it decides which sets are complete.
    """
    if found.unknown:
        return f"which sets are needed cannot be told: {'; '.join(found.unknown)}"
    default = sets.sets.get(found.default or "")
    if default is not None and (bad := faults(default, packages, timed=sets.timed)):
        return f"the default {default.name} is not complete: {'; '.join(bad)}"
    for name, line in found.numbered.items():
        return f"GRUB is told to boot {name} by its number ({line}), and numbers would move"
    return ""


def why_it_stays(name: str, found: Roles, sets: HostSets, packages: PackageState | None) -> str:
    """Return why a boot set may not be removed, "" when nothing needs it.

    Args:
        found: the host's roles.
        packages: what dpkg knows; it decides which sets are complete.
    """
    if own := found.of.get(name):
        return "; ".join(_STAYS[role] for role in own)
    if why := why_all_stay(found, sets, packages):
        return why
    declared = (each for each, own in found.of.items() if Role.DECLARED in own)
    now = found.default if found.default in sets.sets else sets.default or next(declared, "")
    if now and way_back(sets, packages, now) == name:
        return f"nothing else that is complete can be gone back to from {now}"
    return ""
