"""Whether a boot set is complete, which one runs, and what may be done about them. Pure.

An incomplete set is named, and never armed. What is judged here rests on sizes, times and package
versions; the host reads every hash again before it arms or commits a set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from declaration.boot import BootSet
from declaration.host import HostSpec
from facts.boot.kernel import Kernel, RunningKernel
from facts.boot.loader import Boot, BootState
from facts.boot.sets import FILES, FORMAT, BootSets, HostSets, Manifest, SetOnHost
from facts.packages.dpkg import Packages, PackageState
from facts.readings import Readings
from facts.value import Absent, Unknown
from gates.boot_state import pending_reboot, running_set, unproven_boot


def faults(found: SetOnHost, packages: PackageState | None, *, timed: bool = True) -> list[str]:
    """Return what keeps a set from being complete, a sentence part each.

    Args:
        packages: what dpkg knows; None = packages are not compared.
        timed: times of files in /boot can be compared.
    """
    manifest = found.manifest
    if isinstance(manifest, Absent):
        return ["it has no manifest: it was not staged to its end"]
    if isinstance(manifest, Unknown):
        return [f"its manifest cannot be read: {manifest.reason}"]
    if manifest.format != FORMAT:
        return [f"its manifest has the format {manifest.format}, {FORMAT} is known"]
    if manifest.set_id != found.name:
        return [f"its manifest is the one of {manifest.set_id}"]
    return [
        *_files(found, manifest, timed=timed),
        *_modules(found, manifest),
        *(_packages(manifest, packages) if packages is not None else ()),
    ]


def _files(found: SetOnHost, manifest: Manifest, *, timed: bool) -> Iterator[str]:
    for name in FILES:
        if name not in manifest.files:
            yield f"its manifest records no {name}"
    for name, recorded in manifest.files.items():
        seen = found.files.get(name)
        if seen is None:
            yield f"{name} is gone"
        elif seen.size != recorded.size:
            yield f"{name} has {seen.size} bytes, {recorded.size} were staged"
        elif timed and recorded.mtime and seen.mtime != recorded.mtime:
            yield f"{name} was written again after it was staged"
    for name, recorded in manifest.firmware.items():
        blob = found.firmware.get(name)
        if blob is None or blob.size != recorded.size:
            yield f"firmware {name} is {'gone' if blob is None else 'another'}"


def _modules(found: SetOnHost, manifest: Manifest) -> Iterator[str]:
    if not found.has_modules:
        yield f"/lib/modules/{manifest.release} is gone"
    elif not isinstance(manifest.xe, Absent | Unknown):
        recorded = manifest.xe
        if isinstance(found.xe, Absent | Unknown):
            yield f"the xe module of {manifest.release} is gone"
            return
        path, seen = found.xe
        if path != recorded.path:
            yield f"xe of {manifest.release} is {path}, it was {recorded.path}"
        elif (seen.size, seen.mtime) != (recorded.size, recorded.mtime):
            yield f"{path} is another module than the one it was made with"


def _packages(manifest: Manifest, packages: PackageState) -> Iterator[str]:
    for name, version in manifest.packages.items():
        seen = packages.installed.get(name)
        if seen is None:
            yield f"package {name} is not installed"
        elif seen.version != version:
            yield f"package {name} is {seen.version}, it was {version}"


def incomplete(sets: HostSets, packages: PackageState | None) -> dict[str, list[str]]:
    """Return name -> faults of every set that has any."""
    judged = {name: faults(found, packages, timed=sets.timed) for name, found in sets.sets.items()}
    return {name: found for name, found in judged.items() if found}


def way_back(sets: HostSets, packages: PackageState | None, but: str) -> str:
    """Return the complete set that a host goes back to, "" when there is none.

    Args:
        but: the set that it would go back from.
    """
    bad = incomplete(sets, packages)
    for name in (sets.default, sets.fallback):
        if name and name != but and name in sets.sets and name not in bad:
            return name
    return next((name for name in sorted(sets.sets) if name != but and name not in bad), "")


def other_build(wanted: BootSet, sets: HostSets) -> str:
    """Return a set of the same release whose packages have other versions, "" when there is none.

    /lib/modules/RELEASE cannot stand twice.
    """
    for name, found in sets.sets.items():
        manifest = found.manifest
        if not isinstance(manifest, Manifest) or manifest.release != wanted.kernel.uname:
            continue
        theirs: Mapping[str, str] = manifest.packages
        for package, version in wanted.kernel.packages.items():
            if package in theirs and version and theirs[package] != version:
                return name
    return ""


def recorded_default(sets: HostSets, given: Readings) -> str:
    """Return the set that was made the default last, "" when nothing tells.

    It is on record in a file and in GRUB's environment; where both are lost, what runs counts.
    """
    boot, kernel = given[Boot], given[Kernel]
    named = sets.default
    if not named and isinstance(boot, BootState) and isinstance(boot.environment, Mapping):
        named = boot.environment.get("b70fleet_default", "")
    if named:
        return named
    return running_set(kernel) if isinstance(kernel, RunningKernel) else ""


def is_repair(spec: HostSpec, given: Readings) -> bool:
    """Return True if what is due in the boot layers of a host in production changes no boot set.

    That is so while the declared set is the recorded default and complete: only what leads to it is
    mended. And it is so for a host that was converged before boot sets stood side by side, when
    what runs is proven to be what is declared.
    """
    wanted = spec.stack.boot if spec.stack else None
    sets, packages = given[BootSets], given[Packages]
    if wanted is None or isinstance(sets, Unknown) or isinstance(packages, Unknown):
        return False
    if not sets.sets:
        runs = not isinstance(given[Kernel], Unknown)
        return runs and not pending_reboot(spec, given) and not unproven_boot(spec, given)
    found = sets.sets.get(wanted.set_id)
    return (
        recorded_default(sets, given) == wanted.set_id
        and found is not None
        and not faults(found, packages, timed=sets.timed)
    )
