"""Whether holds and pins do what a person thinks: kernel packages that would move, or cannot. Pure.

All of it rests on simulated upgrades, which only doctor asks for.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from facts.boot.kernel import Kernel
from facts.boot.loader import GRUB_DEFAULT, Boot, BootState
from facts.packages.apt_upgrade import AptUpgrade, Change, Move, UpgradeState
from facts.packages.dpkg import Packages, PackageState
from facts.value import Reading, known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check
from fleet.preflight.release import table
from gates.boot_room import chosen_releases, newer
from gates.kernel_packages import (
    alike,
    behind,
    belongs,
    boot_moves,
    pinned,
    release_of,
    resolved,
    to_hold,
    track_change,
)

#: Where GRUB keeps the entry that was chosen by hand.
_GRUBENV: Final = "/boot/grub/grubenv"
#: Part of the name of every preferences file of ours.
_OURS: Final = "b70fleet"
#: Settings of apt by which it passes over holds.
_HOLD_SETTINGS: Final = "'ignore-hold\\|change-held-packages\\|force-yes'"
#: Changes that a sentence names; the rest is counted.
_NAMED: Final = 6


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the checks look at.

    Args:
        patterns: regular expressions of the packages of a boot set.
        chosen: releases that may boot by default or run.
    """

    upgrade: UpgradeState
    packages: PackageState
    boot: BootState
    patterns: Sequence[str]
    chosen: frozenset[str]


def _seen(context: Context) -> _Seen | None:
    """Return what the checks look at, None when it was not asked for or cannot be read."""
    given = context.given
    upgrade, packages = known(given[AptUpgrade]), known(given[Packages])
    boot, running = known(given[Boot]), known(given[Kernel])
    release = table(context)
    if upgrade is None or packages is None or boot is None or release is None:
        return None
    patterns = release.boot_packages
    runs = {running.release} if running is not None else set()
    return _Seen(
        upgrade, packages, boot, patterns, frozenset(runs | (chosen_releases(boot) or set()))
    )


@check("hold-has-no-effect", "packages")
def _useless_hold(context: Context) -> Iterator[Finding]:
    """A package is on hold, or declared so, and the hold protects nothing.

    apt accepts a hold on any name that it knows. `linux-generic` on a host whose kernel comes from
    `linux-generic-hwe-24.04` is such a name: the next upgrade brings another kernel. And apt
    ignores every hold where a file of its configuration sets APT::Ignore-Hold: a simulated upgrade
    shows what would move all the same.
    """
    seen = _seen(context)
    if seen is None:
        return
    yield from _ignored(context, seen.upgrade)
    declared = resolved(context.spec.base.fence.hold, seen.packages.installed)
    names = [name for name, found in declared.items() if not found]
    held = [name for name in seen.upgrade.holds if name not in seen.packages.installed]
    for name in dict.fromkeys([*held, *names]):
        meant = [each for each in alike(name, seen.packages.installed) if _may_be_meant(each, seen)]
        what = "on hold" if name in held else "declared in base.fence.hold"
        text = f"{name} is {what} and not installed: the hold protects nothing"
        if meant:
            text += f"; {', '.join(meant)} is installed and not on hold"
        steps = [f"apt-mark unhold {shlex.quote(name)}"] if name in held else []
        steps += [f"apt-mark hold {shlex.join(meant)}"] if meant else []
        remedy = "; ".join(steps)
        if name in names:
            remedy = f"b70 inventory explain {context.spec.name} base.fence.hold" + (
                f"   # declare {', '.join(meant)}" if meant else ""
            )
        yield context.warning(text, remedy)


def _ignored(context: Context, upgrade: UpgradeState) -> Iterator[Finding]:
    """Yield the packages that an upgrade by hand would change although they are on hold."""
    told: set[str] = set()
    for verb, changes in _transactions(upgrade):
        moved = [c for c in known(changes) or () if c.name in upgrade.holds and c.name not in told]
        told |= {change.name for change in moved}
        if moved:
            yield context.critical(
                f"apt-get {verb} ignores holds: it would {_told(moved)}",
                f"on the host: grep -rsi {_HOLD_SETTINGS} /etc/apt/apt.conf /etc/apt/apt.conf.d   "
                "# take those lines out",
            )


def _transactions(
    upgrade: UpgradeState,
) -> tuple[tuple[str, Reading[tuple[Change, ...]]], ...]:
    """Return what was simulated, the largest first."""
    return (
        ("dist-upgrade", upgrade.full),
        ("upgrade", upgrade.plain),
        ("autoremove", upgrade.autoremove),
    )


def _may_be_meant(name: str, seen: _Seen) -> bool:
    return name not in seen.upgrade.holds and release_of(name) is None


@check("upgrade-moves-boot-set", "packages")
def _moves(context: Context) -> Iterator[Finding]:
    """An upgrade by hand would change kernel, initial RAM disk or firmware behind the boot set.

    `apt-get upgrade`, `dist-upgrade` and `autoremove` are simulated. On a host with a declared boot
    set whatever moves is told with the hold that ends it; to remove a kernel that runs, boots by
    default or is declared is critical; what is on hold and moves all the same is told by
    `hold-has-no-effect`. On other hosts it is only told: the fence keeps
    unattended runs from it, and not a person.
    """
    seen = _seen(context)
    declared = context.spec.stack is not None and context.spec.stack.boot is not None
    if seen is None or not (declared or context.spec.base.fence.enabled):
        return
    for verb, reading in _transactions(seen.upgrade):
        changes = known(reading)
        if changes is None:
            if verb == "dist-upgrade":  # what keeps apt from this one keeps it from the others
                text = f"what apt-get {verb} would change is {reading}"
                yield context.unknown(text, f"on the host: apt-get -s {verb}")
            continue
        free = [change for change in changes if change.name not in seen.upgrade.holds]
        yield from _moved(context, seen, verb, boot_moves(free, seen.patterns), declared)


def _moved(
    context: Context, seen: _Seen, verb: str, moves: Sequence[Change], declared: bool
) -> Iterator[Finding]:
    """Yield what one transaction would do; what dist-upgrade does too is not told twice."""
    full = known(seen.upgrade.full) or ()
    lost = [c for c in moves if c.move is Move.REMOVE and _is_needed(context, seen, c.name)]
    rest = [c for c in moves if c not in lost and (verb == "dist-upgrade" or c not in full)]
    if lost:
        names = [change.name for change in lost]
        yield context.critical(
            f"apt-get {verb} would remove {', '.join(names)}, which is booted or gone back to",
            _hold(names, seen),
        )
    if rest:
        text = f"apt-get {verb} would {_told(rest)}"
        if declared and (names := list(to_hold(rest, seen.upgrade.holds))):
            yield context.warning(text, _hold(names, seen))
        else:
            yield context.info(text)


def _hold(names: Sequence[str], seen: _Seen) -> str:
    automatic = [name for name in names if release_of(name) is not None]
    marks = f"apt-mark manual {shlex.join(automatic)}; " if automatic else ""
    return f"{marks}apt-mark hold {shlex.join(names)}"


def _is_needed(context: Context, seen: _Seen, name: str) -> bool:
    boot = context.spec.stack.boot if context.spec.stack else None
    named = {*boot.kernel.packages, *boot.kernel.fallbacks} if boot else set()
    if name in named:
        return True
    owners = {known(kernel.package): release for release, kernel in seen.boot.kernels.items()}
    return owners.get(name) in seen.chosen


@check("kernel-track-change", "packages")
def _track(context: Context) -> Iterator[Finding]:
    """An upgrade would lead to a kernel of another series than the installed ones.

    A metapackage that was renamed depends on its successor: `linux-generic-hwe-24.04` becomes the
    way to `linux-generic-hwe-26.04`, and the next upgrade brings that one's kernel, which no stack
    was tested with.
    """
    seen = _seen(context)
    changes = known(seen.upgrade.full) if seen is not None else None
    if seen is None or changes is None:
        return
    found = track_change(changes, seen.boot.kernels, seen.patterns)
    if found is None:
        return
    text = (
        f"apt-get dist-upgrade would bring a kernel of {', '.join(found.series)} "
        f"({', '.join(found.images)}) to a host with {', '.join(found.had)}"
    )
    if found.by:
        text += f": it would {_told(found.by)}"
    names = to_hold(found.by, seen.upgrade.holds)
    yield context.warning(
        text,
        f"apt-mark hold {shlex.join(names)}" if names else "on the host: apt-get -s dist-upgrade",
    )


@check("pinned-kernel", "packages")
def _pinned(context: Context) -> Iterator[Finding]:
    """A kernel is kept at one version by a hold, a pin or GRUB's default entry.

    Such a pin hides every later kernel, and the file that asks for a reboot is never written, since
    the pinned kernel is the one that runs. What the declaration holds is right; how far it is
    behind is told all the same.
    """
    seen = _seen(context)
    if seen is None:
        return
    yield from _held(context, seen)
    for pin in seen.upgrade.pins:
        if _OURS in pin.path:
            continue
        for name in pinned(pin, seen.packages.installed, seen.patterns):
            yield _since(
                context.warning(
                    f"{name} is pinned by {pin.path}:{pin.line} ({pin.pin}, {pin.priority})"
                    f"{_from(seen, pin.path)}, {_behind(seen, name)}",
                    f"on the host: take the stanza out of {pin.path} and declare the kernel in "
                    "stack.boot, or keep it and know that it hides updates",
                ),
                seen,
                pin.path,
            )
    yield from _default(context, seen)


def _held(context: Context, seen: _Seen) -> Iterator[Finding]:
    boot = context.spec.stack.boot if context.spec.stack else None
    ours = {name for found in _declared_holds(context, seen).values() for name in found}
    if boot is not None:
        ours |= {*boot.kernel.packages, *boot.kernel.fallbacks}
        # the fallback that converge chose is an image of another release, with its modules
        ours |= {
            name
            for name in seen.upgrade.holds
            if any(name.endswith(f"-{release}") for release in seen.boot.kernels)
        }
    for name in seen.upgrade.holds:
        package = seen.packages.installed.get(name)
        if package is None or not belongs(name, seen.patterns):
            continue
        far = _behind(seen, name)
        text = f"{name} is on hold at {package.version}{_from(seen, name)}, {far}"
        if name in ours:
            yield _since(context.info(f"{text}; declared"), seen, name)
        else:
            remedy = f"apt-mark unhold {shlex.quote(name)}   # or name it in base.fence.hold"
            yield _since(context.warning(text, remedy), seen, name)


def _declared_holds(context: Context, seen: _Seen) -> dict[str, tuple[str, ...]]:
    return resolved(context.spec.base.fence.hold, seen.packages.installed)


def _default(context: Context, seen: _Seen) -> Iterator[Finding]:
    """Yield the kernel that GRUB's default entry names, unless a boot set declares it."""
    if context.spec.stack is not None and context.spec.stack.boot is not None:
        return
    setting = known(seen.boot.settings.get("GRUB_DEFAULT", "0"))
    chosen = known(seen.boot.saved_entry) if setting == "saved" else setting
    if chosen is None:
        return
    named = [release for release in seen.boot.kernels if release in chosen]
    if not named:
        return
    release = max(named, key=len)
    path = _GRUBENV
    where, step = f"the saved entry in {_GRUBENV}", "grub-set-default 0"
    if setting != "saved":
        line = [each for each in seen.boot.lines if each.text.strip().startswith("GRUB_DEFAULT=")]
        path = line[-1].path if line else GRUB_DEFAULT
        where = f"{path}:{line[-1].number}" if line else path
        step = f"set GRUB_DEFAULT=0 in {where}; update-grub"
    later = newer(seen.boot.kernels, release)
    if not later:
        return
    count = f"{len(later)} newer kernel{'s are' if len(later) > 1 else ' is'} installed"
    yield _since(
        context.warning(
            f"the default boot is pinned to {release} by {where}{_from(seen, path)}; "
            f"{count} and will not boot: {', '.join(later)}",
            f"declare the kernel in stack.boot, or on the host, as root: {step}",
        ),
        seen,
        path,
    )


def _behind(seen: _Seen, name: str) -> str:
    count = behind(seen.upgrade.policies.get(name))
    if count is None:
        return "how many updates behind is UNKNOWN"
    return f"{count} update{'' if count == 1 else 's'} behind"


def _from(seen: _Seen, name: str) -> str:
    """Return since when a file or a package is as it is, for a sentence."""
    seconds = seen.upgrade.written.get(name)
    if seconds is None:
        return ""
    return f" since {datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _since(finding: Finding, seen: _Seen, name: str) -> Finding:
    seconds = seen.upgrade.written.get(name)
    if seconds is None:
        return finding
    since = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return finding.model_copy(update={"since": since})


def _told(changes: Sequence[Change]) -> str:
    words = []
    for change in changes[:_NAMED]:
        if change.move is Move.REMOVE:
            words.append(f"remove {change.name}")
        elif change.move is Move.INSTALL:
            words.append(f"install {change.name} {change.after}")
        else:
            words.append(f"upgrade {change.name} {change.before} to {change.after}")
    if more := len(changes) - _NAMED:
        words += [f"change {more} more"] if more > 0 else []
    return ", ".join(words)
