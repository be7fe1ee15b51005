"""Which packages of a boot set would move by an upgrade, and which holds and pins matter. Pure.

Names of packages differ between distributions: patterns come from their tables, as data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from facts.packages.apt_policy import Policy
from facts.packages.apt_upgrade import Change, Move, Pin
from facts.packages.debian_version import version_compare
from facts.value import known

#: What makes a name a pattern.
_GLOB: Final = frozenset("*?[")
#: A package of one image has its release in its name; one with a series alone is a metapackage.
_IMAGE: Final = re.compile(
    r"(?:linux-image|proxmox-kernel|pve-kernel)-(?:unsigned-)?"
    r"(?P<release>\d+\.\d+[.-]\S*?)(?:-unsigned|-signed)?"
)
_SERIES: Final = re.compile(r"(\d+)\.(\d+)")
#: Words that two names must share at their beginning to be versions of one thing.
_ALIKE: Final = 2


@dataclass(frozen=True, slots=True)
class TrackChange:
    """An upgrade that leaves the kernel series of a host.

    Args:
        images: image packages that would come.
        series: their series, such as `7.0`.
        had: the series that are there.
        by: packages without a release in their name that would move with them.
    """

    images: tuple[str, ...]
    series: tuple[str, ...]
    had: tuple[str, ...]
    by: tuple[Change, ...]


def belongs(name: str, patterns: Iterable[str]) -> bool:
    """Return True if a package is part of a boot set.

    Args:
        name: the package; an architecture behind it does not count.
        patterns: regular expressions, matched from the name's start.
    """
    return any(re.match(pattern, name) for pattern in patterns)


def release_of(package: str) -> str | None:
    """Return the release that an image package carries, None for any other package."""
    match = _IMAGE.fullmatch(package.partition(":")[0])
    return match["release"] if match is not None else None


def resolved(names: Iterable[str], installed: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return name or glob -> the installed packages that it means."""
    return {
        name: tuple(sorted(each for each in installed if fnmatchcase(each, name)))
        if _GLOB & set(name)
        else ((name,) if name in installed else ())
        for name in names
    }


def alike(name: str, installed: Iterable[str]) -> tuple[str, ...]:
    """Return the installed packages whose names share most with a name: what was meant, perhaps."""
    words = name.rstrip("*").split("-")
    shared: dict[str, int] = {}
    for each in installed:
        count = 0
        for one, other in zip(words, each.split("-"), strict=False):
            if one != other:
                break
            count += 1
        shared[each] = count
    most = max(shared.values(), default=0)
    if most < _ALIKE:
        return ()
    return tuple(sorted(each for each, count in shared.items() if count == most))


def boot_moves(changes: Iterable[Change], patterns: Sequence[str]) -> tuple[Change, ...]:
    """Return the changes that touch a boot set."""
    return tuple(change for change in changes if belongs(change.name, patterns))


def to_hold(moves: Iterable[Change], holds: Collection[str]) -> tuple[str, ...]:
    """Return the installed packages whose hold would end these moves."""
    return tuple(sorted({c.name for c in moves if c.before is not None and c.name not in holds}))


def track_change(
    changes: Iterable[Change], releases: Collection[str], patterns: Sequence[str]
) -> TrackChange | None:
    """Return how an upgrade leaves the series of the installed kernels, None when it does not.

    Args:
        changes: what the upgrade would do.
        releases: kernels that are installed.
        patterns: what belongs to a boot set.
    """
    moves = boot_moves(changes, patterns)
    had = {series for each in releases if (series := _series(each))}
    coming = {
        change.name: series
        for change in moves
        if change.move is Move.INSTALL
        and (release := release_of(change.name))
        and (series := _series(release))
        and series not in had
    }
    if not coming or not had:
        return None
    by = [c for c in moves if c.move is not Move.REMOVE and not _has_release(c.name, coming)]
    return TrackChange(
        images=tuple(sorted(coming)),
        series=tuple(sorted(set(coming.values()))),
        had=tuple(sorted(had)),
        by=tuple(by),
    )


def behind(policy: Policy | None) -> int | None:
    """Return how many versions newer than the installed one there are, None when not known."""
    installed = known(policy.installed) if policy is not None else None
    if policy is None or installed is None:
        return None
    try:
        return sum(
            1
            for available in policy.versions
            if available.origins and version_compare(available.version, installed) > 0
        )
    except ValueError:  # dpkg took a version that its own rules do not know
        return None


def pinned(pin: Pin, installed: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the installed packages of a boot set that a pin names; a pin of `*` names none."""
    named = [name for name in pin.packages if name != "*"]
    return tuple(
        sorted(
            each
            for each in installed
            if belongs(each, patterns) and any(fnmatchcase(each, name) for name in named)
        )
    )


def _series(release: str) -> str | None:
    match = _SERIES.match(release)
    return match[0] if match else None


def _has_release(name: str, images: Iterable[str]) -> bool:
    """Return True if a package belongs to one kernel alone: its release is in its name."""
    releases = (release for image in images if (release := release_of(image)))
    return release_of(name) is not None or any(name.endswith(f"-{each}") for each in releases)
