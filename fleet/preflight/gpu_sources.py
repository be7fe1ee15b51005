"""GPU packages of several archives on one host, and packages that only lead to others. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from deploys.apt_files import PREFIX
from deploys.distribution import tables
from facts.packages.dpkg import Packages
from facts.system.os_release import OsRelease
from facts.value import known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check
from fleet.preflight.release import table
from gates.gpu_sources import Mixture, mixture

#: Packages and files that a sentence names for each archive; the rest is counted.
_NAMED: Final = 3


@check("gpu-packages-mixed", "packages")
def _mixed(context: Context) -> Iterator[Finding]:
    """GPU packages of several archives are on one host, or would be.

    OMIX, the graphics PPA and Intel's client archive ship the same packages. OMIX asks for exact
    versions, which a newer package of the PPA breaks. What is installed is looked up in the
    archives that apt knows, and apt's enabled sources count as well. A stack decides by naming its
    source (`stack.source`); until then nothing is changed on such a host. Afterwards what the other
    archives left has to be removed by hand: no package is removed that nobody named.
    """
    found = mixture(context.spec, context.given)
    if found.is_undecided:
        yield context.critical(
            _undecided(found),
            "declare a stack whose `source` is the archive to keep, and take the other source away "
            f"(`NAME: null`): b70 inventory explain {context.spec.name} apt.sources",
            inhibits=True,
        )
    elif found.decided is not None and found.strangers:
        yield context.warning(
            f"the stack takes its packages from {found.decided}, the host also has "
            f"{_told(found, found.strangers)}",
            _removal(context, found),
        )


def _undecided(found: Mixture) -> str:
    declared = [name for name in found.declared if name not in found.present]
    named = f"{' and '.join(declared)} {'is' if len(declared) == 1 else 'are'} declared"
    if not found.present:
        return f"{named} for one host"
    if declared:
        return f"the host has {_told(found, found.present)}, {named}"
    return f"{_told(found, found.present)} on one host"


def _told(found: Mixture, families: tuple[str, ...]) -> str:
    said = []
    for name in families:
        places = [*_few(found.installed.get(name, ())), *_few(found.enabled.get(name, ()))]
        said.append(f"{name} ({'; '.join(places)})")
    return " and ".join(said)


def _few(items: tuple[str, ...]) -> list[str]:
    if len(items) <= _NAMED:
        return [", ".join(items)] if items else []
    return [f"{', '.join(items[:_NAMED])} and {len(items) - _NAMED} more"]


def _removal(context: Context, found: Mixture) -> str:
    """Return the commands that take the other archives away; converge removes files of ours."""
    files = {
        place.rpartition(":")[0]
        for name in found.strangers
        for place in found.enabled.get(name, ())
    }
    foreign = sorted(file for file in files if f"/{PREFIX}" not in file)
    packages = sorted(
        item.split()[0] for name in found.strangers for item in found.installed.get(name, ())
    )
    steps = [f"take it out of {file}" for file in foreign]
    if packages:
        steps.append(f"apt-get remove {shlex.join(packages)}")
    where = f"on the host, as root: {'; '.join(steps)}; then " if steps else ""
    return f"{where}b70 plan --limit {context.spec.name}"


@check("source-of-another-release", "packages")
def _other_release(context: Context) -> Iterator[Finding]:
    """A declared apt source is of another release of the distribution than the host runs.

    A suite begins with the codename of its release, such as `noble/intel-omix/0.4`. Packages of
    another release ask for libraries that this one does not have, or replace those it has. Sources
    made for another distribution are not judged; those of lab machines are stand-ins.
    """
    system = known(context.given[OsRelease])
    if system is None:
        return
    same = f"{system.id}-"
    known_ones = {each.codename for name, each in tables().items() if name.startswith(same)}
    codenames = known_ones - {system.codename}
    for name, source in sorted(context.spec.apt.sources.items()):
        for suite in source.suites:
            named = suite.partition("/")[0].partition("-")[0]
            if named in codenames and source.owns:
                yield context.critical(
                    f"apt source {name} is of {named}, the host runs {system.codename}",
                    f"declare the suite of {system.codename}, or take the source away: "
                    f"b70 inventory explain {context.spec.name} apt.sources.{name}.suites",
                    inhibits=context.spec.kind != "lab",
                )


@check("transitional-kernel-package", "packages")
def _transitional(context: Context) -> Iterator[Finding]:
    """An installed metapackage exists only to lead to another one, whose kernels follow a track.

    After the upgrade of a release such a package is still installed, and the kernel that it stood
    for is not: each upgrade brings the newest kernel of the track that it leads to.
    """
    packages, release = known(context.given[Packages]), table(context)
    if packages is None or release is None:
        return
    for name, successor in release.transitional.items():
        version = packages.version(name)
        if version is None:
            continue
        there = packages.version(successor)
        text = f"{name} {version} leads to {successor} on {release.title}"
        text += f", which is installed ({there})" if there else ", which is not installed yet"
        free = [
            each
            for each in (name, successor)
            if packages.version(each) is not None and each not in packages.holds
        ]
        if free:
            yield context.warning(
                f"{text}: upgrades follow that track",
                f"on the host: apt-mark hold {shlex.join(free)}   # or declare the kernel in "
                "stack.boot",
            )
        else:
            yield context.info(f"{text}; on hold")
