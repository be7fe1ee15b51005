"""Which releases of which distributions the lab knows, and where the packages of each come from.

A release is named by its codename. Any release of a known distribution is good enough for this
computer itself; another one has to stand in base.yaml. Nothing else about a release is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from lab import aptsources
from lab.aptsources import ArchiveLine
from lab.errors import LabError

#: What is known of releases, and what a base image is made of.
DATA: Final = Path(__file__).parent / "base.yaml"
_OS_RELEASE: Final = Path("/etc/os-release")
#: The part of an archive that every release has, named like the release itself.
_MAIN_POCKET: Final = "{suite}"


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """One release of a distribution.

    Args:
        distribution: `ID` of its os-release file, such as "debian".
        codename: its codename, such as "trixie"; unique among all that the lab knows.
    """

    distribution: str
    codename: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """What the releases of a distribution have in common.

    Args:
        codenames: its known releases, oldest first.
        keyring: file with the keys that sign its archive.
        components: components that machines need.
        mirror: address of its archive where apt on this computer names none.
    """

    codenames: tuple[str, ...]
    keyring: str
    components: tuple[str, ...]
    mirror: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the packages of one suite come from on this computer."""

    mirror: str
    keyring: str


@cache
def distributions() -> Mapping[str, Distribution]:
    """Return every known distribution by its id."""
    data: dict[str, dict[str, Any]] = yaml.safe_load(DATA.read_text())["distributions"]
    return {
        name: Distribution(
            tuple(about["codenames"]),
            about["keyring"],
            tuple(about["components"]),
            about["mirror"],
        )
        for name, about in data.items()
    }


def here() -> Release:
    """Return the release that this computer runs.

    Raises:
        LabError: it is of no known distribution.
    """
    words = aptsources.os_release(_OS_RELEASE.read_text())
    release = Release(words.get("ID", "?"), words.get("VERSION_CODENAME", "?"))
    if release.distribution not in distributions():
        names = " or ".join(distributions())
        raise LabError(
            f"the lab does not know the distribution {release.distribution!r}", f"run it on {names}"
        )
    return release


def known() -> tuple[Release, ...]:
    """Return this computer's release and then every other one that a machine can have."""
    listed = [
        Release(name, codename)
        for name, about in distributions().items()
        for codename in about.codenames
    ]
    own = here()
    return (own, *(release for release in listed if release != own))


def named(codename: str) -> Release:
    """Return a release by its codename.

    Raises:
        LabError: the lab knows none that is called so.
    """
    for release in known():
        if release.codename == codename:
            return release
    names = ", ".join(release.codename for release in known())
    raise LabError(f"the lab knows no release {codename!r}", f"one of: {names}")


def qualified(name: str, release: Release) -> str:
    """Return a name that tells releases apart; this computer's own release keeps the plain one."""
    return name if release == here() else f"{name}-{release.codename}"


def origin(release: Release, pocket: str = _MAIN_POCKET, default: str = "") -> Origin:
    """Return where one pocket of a release's archive is fetched from on this computer.

    Args:
        release: whose archive.
        pocket: name of the suite with `{suite}` for the codename, such as "{suite}-security".
        default: address when nothing else is known; empty = the distribution's.
    """
    return choose(release, here(), aptsources.configured(), _read, pocket, default)


def choose(
    release: Release,
    own: Release,
    lines: Iterable[ArchiveLine],
    read_list: Callable[[str], str],
    pocket: str = _MAIN_POCKET,
    default: str = "",
) -> Origin:
    """Return what `origin` says for a computer that runs `own` and is configured with `lines`.

    What apt names for the pocket itself comes first. Then the same pocket of this computer's
    release, where that is of the same distribution: a mirror carries all releases of one.

    Args:
        release: whose archive.
        own: release that the computer runs.
        lines: everything that its apt is configured with.
        read_list: reads the file behind a `mirror+file:` address.
        pocket: name of the suite with `{suite}` for the codename.
        default: address when nothing else is known; empty = the distribution's.
    """
    about = distributions()[release.distribution]
    known_lines = list(lines)
    same = own.distribution == release.distribution
    for codename in (release.codename, *([own.codename] if same else [])):
        line = aptsources.choose(known_lines, pocket.format(suite=codename), read_list)
        if line:
            return Origin(line.uri, line.signed_by or about.keyring)
    return Origin(default or about.mirror, about.keyring)


def _read(path: str) -> str:
    return Path(path).read_text()
