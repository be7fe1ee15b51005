"""The boot sets of a host as rows: size, state, roles, when each booted. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from declaration.host import HostSpec
from facts.boot.boots import BootLog, Boots, PastBoot
from facts.boot.cmdline import last_value
from facts.boot.kernel import Kernel
from facts.boot.loader import Boot, BootState, MenuEntry
from facts.boot.sets import BootSets, HostSets, Manifest, SetOnHost
from facts.packages.dpkg import Packages, PackageState
from facts.readings import Readings
from facts.value import Reading, Unknown, known
from fleet.base.errors import Unreachable
from gates.boot_roles import Role, Roles, roles
from gates.boot_sets import faults
from gates.boot_state import SET_WORD

#: The boots that are shown for one set.
SHOWN_BOOTS: Final = 5


class SetState(StrEnum):
    """Whether a set can be armed."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class SetRow:
    """One boot set.

    Args:
        name: of its folder, its menu entry and its word on the kernel's command line.
        release: kernel release; None = its manifest does not say.
        boot_bytes: what it takes in /boot.
        firmware_bytes: what its own firmware takes in /lib/firmware.
        state: whether everything that it was made of is still there.
        faults: what keeps it from being complete, or known, a sentence part each.
        roles: what it is there for.
        declared: it is the one that the host's declaration wants.
        boots: how often it booted, of the boots that the journal knows; None = UNKNOWN.
        last_boot: when it booted last, ISO-8601 UTC; None = never, as far as the journal knows.
    """

    name: str
    release: str | None
    boot_bytes: int
    firmware_bytes: int
    state: SetState
    faults: tuple[str, ...]
    roles: tuple[str, ...]
    declared: bool
    boots: int | None
    last_boot: str | None


@dataclass(frozen=True, slots=True)
class SetList:
    """The boot sets of a host.

    Args:
        sets: those with a role first, then by name.
        declared: name of the set that the declaration wants, there or not; None = it wants none.
        elsewhere: what boots or runs and is no boot set, a sentence each.
        unknown: what could not be told, a sentence each.
        notes: what else is worth knowing, a sentence each.
    """

    host: str
    sets: tuple[SetRow, ...]
    declared: str | None
    elsewhere: tuple[str, ...]
    unknown: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetDetail:
    """Everything about one boot set.

    Args:
        manifest: what it was made of, or why that is not known.
        entry: its entry in GRUB's menu; None = it has none.
        booted: when it booted, ISO-8601 UTC, the newest first.
    """

    host: str
    row: SetRow
    manifest: Reading[Manifest]
    entry: MenuEntry | None
    booted: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read of a host's boot sets.

    Args:
        sets: the sets themselves.
        packages: None = UNKNOWN.
        log: past boots.
        found: who needs which set.
    """

    spec: HostSpec
    sets: HostSets
    packages: PackageState | None
    boot: BootState | Unknown
    log: BootLog | Unknown
    found: Roles
    doubts: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, spec: HostSpec, given: Readings) -> Seen:
        """Return what readings say.

        Raises:
            Unreachable: which sets there are is UNKNOWN.
        """
        sets = given[BootSets]
        if isinstance(sets, Unknown):
            raise Unreachable(
                f"{spec.name}: which boot sets there are is UNKNOWN: {sets.reason}",
                f"b70 facts {spec.name} boot_sets",
            )
        packages = given[Packages]
        declared = spec.stack.boot if spec.stack else None
        found = roles(sets, given[Boot], given[Kernel], declared)
        doubts = list(found.unknown)
        if isinstance(packages, Unknown):
            doubts.append(f"which packages are installed is UNKNOWN: {packages.reason}")
        return cls(
            spec=spec,
            sets=sets,
            packages=None if isinstance(packages, Unknown) else packages,
            boot=given[Boot],
            log=given[Boots],
            found=found,
            doubts=tuple(doubts),
        )

    @property
    def declared(self) -> str:
        """Return the name of the set that the declaration wants, "" for none."""
        boot = self.spec.stack.boot if self.spec.stack else None
        return boot.set_id if boot else ""


def listing(spec: HostSpec, given: Readings) -> SetList:
    """Return all boot sets of a host.

    Raises:
        Unreachable: which ones there are is UNKNOWN.
    """
    seen = Seen.of(spec, given)
    rows = [_row(seen, found) for found in seen.sets.sets.values()]
    order = list(Role)
    rows.sort(
        key=lambda row: (min((order.index(Role(r)) for r in row.roles), default=99), row.name)
    )
    return SetList(
        host=spec.name,
        sets=tuple(rows),
        declared=seen.declared or None,
        elsewhere=seen.found.elsewhere,
        unknown=seen.doubts,
        notes=tuple(_notes(seen)),
    )


def detail(spec: HostSpec, given: Readings, name: str) -> SetDetail | None:
    """Return one boot set, None when there is no such set.

    Raises:
        Unreachable: which ones there are is UNKNOWN.
    """
    seen = Seen.of(spec, given)
    found = seen.sets.sets.get(name)
    if found is None:
        return None
    return SetDetail(
        host=spec.name,
        row=_row(seen, found),
        manifest=found.manifest,
        entry=_entry(seen.boot, name),
        booted=tuple(
            iso(boot.began_s) if isinstance(boot.began_s, float) else "at an unknown time"
            for boot in _boots_of(seen.log, name)
        ),
        notes=(*seen.doubts, *_log_notes(seen)),
    )


def iso(seconds: float) -> str:
    """Return a time as ISO-8601 UTC, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def _row(seen: Seen, found: SetOnHost) -> SetRow:
    bad = faults(found, seen.packages, timed=seen.sets.timed)
    state = SetState.INCOMPLETE if bad else SetState.COMPLETE
    if not bad and seen.packages is None:
        state = SetState.UNKNOWN
    manifest = known(found.manifest)
    booted = _boots_of(seen.log, found.name)
    times = [boot.began_s for boot in booted if isinstance(boot.began_s, float)]
    own = seen.found.of.get(found.name, ())
    return SetRow(
        name=found.name,
        release=manifest.release if manifest else None,
        boot_bytes=found.size,
        firmware_bytes=sum(blob.size for blob in found.firmware.values()),
        state=state,
        faults=tuple(bad),
        roles=tuple(role.value for role in own if role is not Role.DECLARED),
        declared=Role.DECLARED in own,
        boots=None if isinstance(seen.log, Unknown) else len(booted),
        last_boot=iso(max(times)) if times else None,
    )


def _boots_of(log: BootLog | Unknown, name: str) -> list[PastBoot]:
    boots: Iterable[PastBoot] = () if isinstance(log, Unknown) else log.boots
    return [boot for boot in boots if set_of(boot) == name]


def set_of(boot: PastBoot) -> str | None:
    """Return the set that a past boot was of, "" for none, None when that is not known."""
    if not isinstance(boot.tokens, tuple):
        return None
    return last_value(boot.tokens, SET_WORD) or ""


def _entry(boot: BootState | Unknown, name: str) -> MenuEntry | None:
    entries = () if isinstance(boot, Unknown) else boot.entries
    named = entries if isinstance(entries, tuple) else ()
    return next((entry for entry in named if entry.path.rpartition(">")[2] == name), None)


def _notes(seen: Seen) -> Iterable[str]:
    if seen.declared and seen.declared not in seen.sets.sets:
        yield f"{seen.declared} is declared and not there: b70 plan --limit {seen.spec.name}"
    for name, own in seen.found.of.items():
        if Role.RECORDED in own:
            yield (
                f"{name} is recorded as the default, GRUB boots {seen.found.default or 'another'}: "
                f"b70 converge --limit {seen.spec.name}"
            )
        elif name not in seen.sets.sets and Role.FALLBACK in own:
            yield f"{name} is recorded as the fallback and is gone"
    if seen.sets.sets:
        yield from _log_notes(seen)


def _log_notes(seen: Seen) -> Iterable[str]:
    log = seen.log
    if isinstance(log, Unknown):
        yield f"when sets booted is UNKNOWN: {log.reason}"
    elif not log.boots:
        yield "when sets booted is not known: the journal has no boot"
    else:
        if not log.kept:
            yield "the journal forgets at every reboot, so only the current boot counts"
        elif not log.whole:
            yield f"only the last {len(log.boots)} boots were looked at"
        if lost := sum(not isinstance(boot.tokens, tuple) for boot in log.boots):
            yield f"of {lost} of {len(log.boots)} boots it is not known which set they were of"
