"""Which vendor's archives a host's GPU packages come from, and which of them are declared. Pure.

Intel ships the same packages in several archives, each a set of its own. Which versions are wanted
is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from declaration.host import HostSpec
from facts.packages.apt_policy import AptPolicy, Origin, Policy
from facts.packages.apt_sources import AptSources, AptSourceState
from facts.packages.dpkg import Packages
from facts.readings import Readings
from facts.value import Unknown, known

#: Packages that more than one archive ships, and the metapackages of one (docs/evidence.md#omix).
#: Asked of apt in every run: `apt-cache policy` takes as long for these as for one.
GPU_PACKAGES: Final = (
    "intel-gpu-compute",
    "intel-gsc",
    "intel-igc-core-2",
    "intel-igc-opencl-2",
    "intel-metrics-discovery",
    "intel-metrics-library",
    "intel-ocloc",
    "intel-omix",
    "intel-omix-dev",
    "intel-opencl-icd",
    "libigdgmm12",
    "libxpum1",
    "libze-dev",
    "libze-intel-gpu1",
    "libze1",
    "xpu-smi",
)


@dataclass(frozen=True, slots=True)
class Family:
    """Archives of one vendor whose packages belong together.

    Args:
        name: for a person.
        place: regular expression over `URI SUITE`, as apt and a declaration write them.
        origin: beginning of `Origin:` in its Release file; empty = not on public record.
        names: globs of packages that no other family has.
        version: regular expression that only its versions match; empty = there is none.
    """

    name: str
    place: str
    origin: str = ""
    names: tuple[str, ...] = ()
    version: str = ""


#: docs/evidence.md#omix
FAMILIES: Final = (
    Family("OMIX", r" \S*/intel-omix(/|$| )", names=("intel-omix*", "intel-gpu-compute*")),
    Family(
        "the graphics PPA", r"/kobuk-team/", origin="LP-PPA-kobuk-team-", version=r"~ppa[0-9]+$"
    ),
    # the archive of before, whose suites are `noble client` and `noble unified`
    Family("Intel's client archive", r"//repositories\.intel\.com/gpu/ubuntu/? (?!\S*/intel-omix)"),
)


@dataclass(frozen=True, slots=True)
class Mixture:
    """Which families a host and its declaration name.

    Args:
        installed: family -> packages with their versions.
        enabled: family -> where apt's configuration names it, `FILE:LINE`.
        declared: families of the declared sources.
        decided: family of the stack's own source, or that source; None = no stack names one.
    """

    installed: Mapping[str, tuple[str, ...]]
    enabled: Mapping[str, tuple[str, ...]]
    declared: tuple[str, ...]
    decided: str | None

    @property
    def present(self) -> tuple[str, ...]:
        """Return the families that the host names, in the table's order."""
        there = {*self.installed, *self.enabled}
        return tuple(family.name for family in FAMILIES if family.name in there)

    @property
    def strangers(self) -> tuple[str, ...]:
        """Return the families of the host beside the one that was decided for."""
        return tuple(name for name in self.present if name != self.decided)

    @property
    def is_undecided(self) -> bool:
        """Return True if host and declaration together name several, and no stack says which."""
        return self.decided is None and len({*self.present, *self.declared}) > 1


def mixture(spec: HostSpec, given: Readings) -> Mixture:
    """Return which families a host and its declaration name."""
    sources = spec.apt.sources
    declared = {
        name: family.name
        for name, source in sources.items()
        for uri in source.addresses
        for suite in source.suites
        if (family := _by_place(f"{uri} {suite}") or _by_origin(source.origin))
    }
    chosen = spec.stack.source if spec.stack else None
    return Mixture(
        installed=_grouped(_installed(given)),
        enabled=_grouped(_enabled(known(given[AptSources]))),
        declared=tuple(sorted({*declared.values()})),
        # a source of no family, such as a private mirror, is a decision as well
        decided=declared.get(chosen, chosen) if chosen else None,
    )


def _grouped(found: list[tuple[Family, str]]) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, list[str]] = {}
    for family, what in found:
        grouped.setdefault(family.name, []).append(what)
    return {name: tuple(items) for name, items in grouped.items()}


def _enabled(state: AptSourceState | None) -> list[tuple[Family, str]]:
    if state is None:
        return []
    return [
        (family, f"{source.file}:{source.line}")
        for source in state.sources
        if source.enabled and "deb" in source.types
        for family in dict.fromkeys(
            _by_place(f"{uri} {suite}") for uri in source.uris for suite in source.suites
        )
        if family is not None
    ]


def _installed(given: Readings) -> list[tuple[Family, str]]:
    """Return the family of each installed package, where it has exactly one."""
    packages, policies = known(given[Packages]), given[AptPolicy]
    asked: Mapping[str, Policy] = {} if isinstance(policies, Unknown) else policies
    found = []
    for name in GPU_PACKAGES:
        version = packages.version(name) if packages is not None else None
        if version is None:
            continue
        origins = _origins(asked.get(name), version)
        # an archive that is gone from apt's configuration can no longer say what it has
        families = (
            {_by_place(f"{origin.index} ") or _by_origin(origin.origin) for origin in origins}
            if origins
            else {_by_name(name) or _by_version(version)}
        )
        if len(families) == 1 and (family := families.pop()) is not None:
            found.append((family, f"{name} {version}"))
    return found


def _origins(policy: Policy | None, version: str) -> tuple[Origin, ...]:
    versions = policy.versions if policy is not None else ()
    return next((each.origins for each in versions if each.version == version), ())


def _first(fits: Callable[[Family], bool]) -> Family | None:
    return next((family for family in FAMILIES if fits(family)), None)


def _by_place(place: str) -> Family | None:
    return _first(lambda family: re.search(family.place, place) is not None)


def _by_origin(origin: str) -> Family | None:
    return _first(lambda family: bool(family.origin) and origin.startswith(family.origin))


def _by_name(name: str) -> Family | None:
    return _first(lambda family: any(fnmatchcase(name, glob) for glob in family.names))


def _by_version(version: str) -> Family | None:
    return _first(
        lambda family: bool(family.version) and re.search(family.version, version) is not None
    )
