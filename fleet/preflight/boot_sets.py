"""The boot sets in /boot: complete, with a way back, and the one that boots is the one recorded.

Pure. But for what blocks a declared set, nothing is said about a host without boot sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pyinfra.api.exceptions import OperationError

from declaration.onhost import BOOT_COMMIT
from deploys.boot.initramfs import kind_of
from deploys.boot.paths import OLD
from deploys.distribution import table_of, tables
from facts.boot.kernel import Kernel
from facts.boot.loader import Boot
from facts.boot.sets import BootSets, HostSets, Manifest
from facts.disks.block import Block
from facts.packages.dpkg import Packages, PackageState
from facts.system.os_release import OsRelease
from facts.system.production import ProductionMark
from facts.value import ABSENT, Absent, Unknown, known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check
from gates.boot_roles import Role, Roles, roles, why_it_stays
from gates.boot_sets import incomplete, is_repair, other_build, way_back
from gates.stage import stage_obstacles

#: A host cannot do without a set that has one of these.
_VITAL: Final = frozenset({Role.DEFAULT, Role.RECORDED, Role.FALLBACK, Role.DECLARED})


@check("boot-set-incomplete", "boot")
def _incomplete(context: Context) -> Iterator[Finding]:
    """A boot set lacks something of what it was made of, so it is never armed.

    An upgraded or removed package, a module or initial RAM disk that was written again, a file that
    is gone. It is critical for the default, the fallback and the declared set; a set that nothing
    needs can be pruned.
    """
    if (sets := _sets(context)) is None:
        return
    found = _roles(context, sets)
    for name, faults in incomplete(sets, _packages(context)).items():
        own = frozenset(found.of.get(name, ()))
        if not own and isinstance(sets.sets[name].manifest, Absent):
            continue  # a leftover
        text = f"{name} is incomplete: {'; '.join(faults)}"
        if own & _VITAL:
            words = ", ".join(role.value for role in Role if role in own & _VITAL)
            yield context.critical(f"{text} ({words})", _mend(context, sets, name, own))
        else:
            yield context.warning(text, _prune(context, sets, found, name))


@check("boot-set-leftover", "boot")
def _leftover(context: Context) -> Iterator[Finding]:
    """A folder of a boot set has no manifest: making or removing it was cut off.

    It gets no menu entry and takes room in /boot. Prune removes it.
    """
    if (sets := _sets(context)) is None:
        return
    found = _roles(context, sets)
    for name, folder in sets.sets.items():
        if isinstance(folder.manifest, Absent) and not found.of.get(name):
            yield context.warning(
                f"{name} has no manifest: it was not made, or not removed, to its end",
                _prune(context, sets, found, name),
            )


@check("boot-set-fallback", "boot")
def _fallback(context: Context) -> Iterator[Finding]:
    """A host that boots a boot set by default has none on record to go back to.

    GRUB takes the recorded fallback when the default cannot be loaded, and a rollout goes back to
    it.
    """
    sets = _sets(context)
    if sets is None or not sets.default or sets.fallback in sets.sets:
        return
    said = f"the fallback {sets.fallback} is gone" if sets.fallback else "no fallback is on record"
    yield context.warning(
        f"{sets.default} is the default, {said}", _record_fallback(context, sets, sets.default)
    )


@check("boot-set-default", "boot")
def _default(context: Context) -> Iterator[Finding]:
    """GRUB boots something else by default than the boot set that was made the default.

    Its entry is gone from the menu, GRUB's environment was changed or lost, or another file decides
    what boots. The next boot is not the one that was proven.
    """
    sets = _sets(context)
    if sets is None or not sets.default:
        return
    boot, found = context.given[Boot], _roles(context, sets)
    if isinstance(boot, Unknown) or found.default is None or isinstance(boot.entries, Unknown):
        why = next(iter(found.unknown), "GRUB was not read")
        yield context.unknown(
            f"whether GRUB boots {sets.default} cannot be told: {why}",
            f"b70 facts {context.spec.name} boot",
        )
        return
    entries = boot.entries if isinstance(boot.entries, tuple) else ()
    boots = found.default or "nothing that is known"
    if not any(entry.path == sets.default for entry in entries):
        yield context.critical(
            f"the menu has no entry of the default {sets.default}; GRUB boots {boots}",
            _converge(context, f"update-grub && {BOOT_COMMIT} commit {sets.default}"),
        )
    elif found.default != sets.default:
        yield context.critical(
            f"{sets.default} was made the default, GRUB boots {boots}",
            _converge(context, f"{BOOT_COMMIT} commit {sets.default}"),
        )


@check("boot-set-running", "boot")
def _running(context: Context) -> Iterator[Finding]:
    """What runs is not the boot set that boots by default.

    It was chosen by hand or by a one-shot, or the set became the default since: a host that was
    converged before boot sets stood side by side is brought over without a reboot.
    """
    sets, kernel = _sets(context), known(context.given[Kernel])
    if sets is None or not sets.default or kernel is None or not isinstance(kernel.tokens, tuple):
        return
    found = _roles(context, sets)
    runs = next((name for name, own in found.of.items() if Role.RUNNING in own), "")
    if runs != sets.default:
        what = runs or f"an entry with {kernel.release} that is no boot set"
        yield context.info(
            f"{what} runs, {sets.default} is the default: chosen by hand or by a one-shot, or "
            "booted before that set became the default"
        )


@check("boot-set-hold", "boot")
def _hold(context: Context) -> Iterator[Finding]:
    """Packages of a boot set are not on hold: an upgrade or autoremove makes the set incomplete."""
    sets, packages = _sets(context), _packages(context)
    if sets is None or packages is None:
        return
    for name, found in sets.sets.items():
        wanted = found.manifest.packages if isinstance(found.manifest, Manifest) else ()
        loose = [p for p in wanted if p in packages.installed and p not in packages.holds]
        if loose:
            yield context.warning(
                f"packages of {name} are not on hold: {', '.join(loose)}",
                _converge(context, f"apt-mark hold {' '.join(loose)}"),
            )


def _sets(context: Context) -> HostSets | None:
    """Return the boot sets of a host that has any."""
    sets = known(context.given[BootSets])
    return sets if sets is not None and sets.sets else None


def _packages(context: Context) -> PackageState | None:
    return known(context.given[Packages])


def _roles(context: Context, sets: HostSets) -> Roles:
    declared = context.spec.stack.boot if context.spec.stack else None
    return roles(sets, context.given[Boot], context.given[Kernel], declared)


def _converge(context: Context, by_hand: str) -> str:
    """Return a converge where it may mend this, else the command for a person."""
    declared = context.spec.stack.boot if context.spec.stack else None
    if declared is not None and (_is_new(context) or is_repair(context.spec, context.given)):
        return f"b70 converge --limit {context.spec.name}"
    return f"on the host, as root: {by_hand}"


def _is_new(context: Context) -> bool:
    mark = context.given[ProductionMark]
    return not isinstance(mark, Unknown) and mark.production_run is ABSENT


def _prune(context: Context, sets: HostSets, found: Roles, name: str) -> str:
    host = context.spec.name
    why = why_it_stays(name, found, sets, _packages(context))
    return f"b70 boot prune {host} {name}" if not why else f"b70 boot list {host}   # {why}"


def _mend(context: Context, sets: HostSets, name: str, own: frozenset[Role]) -> str:
    """Return what brings a set back that the host cannot do without."""
    host = context.spec.name
    if Role.DECLARED in own and _is_new(context):
        return f"b70 converge --limit {host}"
    if own & _VITAL == {Role.FALLBACK} and sets.default:
        return _record_fallback(context, sets, sets.default)
    return (
        f"b70 boot show {host} {name}   # bring back what it lacks: no converge makes the boot set "
        "of a host in production anew"
    )


def _record_fallback(context: Context, sets: HostSets, default: str) -> str:
    """Return what gives a host a fallback on record."""
    packages = _packages(context)
    if back := way_back(sets, packages, default):
        return f"on the host, as root: {BOOT_COMMIT} commit {default} {back}"
    boot = known(context.given[Boot])
    if boot is not None and len(boot.kernels) > 1:
        return _converge(context, f"{BOOT_COMMIT} check {default}")
    return "install a second kernel and name it in stack.boot.kernel.fallbacks"


@check("boot-set-blocked", "boot")
def _blocked(context: Context) -> Iterator[Finding]:
    """The declared boot set cannot be staged here: somebody else's word would win over it.

    Options of xe in modprobe.d and `firmware_class.path=` in GRUB's settings would reach every set;
    a module that is kept from loading drives no card; /boot that is not mounted would be filled in
    the wrong place; a root on an array that no word names is not found by dracut's images; two
    builds of one release cannot stand beside each other, since they have one folder of modules. A
    converge refuses until the named file is changed.
    """
    wanted = context.spec.stack.boot if context.spec.stack else None
    facts = (Kernel, Boot, Block, Packages, OsRelease, BootSets)
    if wanted is None or any(fact not in context.given for fact in facts):
        return
    kernel, boot = known(context.given[Kernel]), known(context.given[Boot])
    disks, packages = known(context.given[Block]), known(context.given[Packages])
    if kernel is None or boot is None or disks is None or packages is None:
        return
    try:
        names = table_of(context.given[OsRelease], tables()).boot.initramfs
        kind = kind_of(names, packages.installed)
    except OperationError as error:
        yield context.critical(str(error), f"b70 facts {context.spec.name} os packages")
        return
    found = stage_obstacles(wanted, kernel, boot, disks, own=OLD, raid_words=kind.tool.raid_words)
    if (sets := _sets(context)) is not None and (other := other_build(wanted, sets)):
        found.append(
            f"boot set {other} has {wanted.kernel.uname} in another build, and its modules cannot "
            "stand twice"
        )
    for text in found:
        yield context.critical(text, f"b70 plan --limit {context.spec.name}   # once that is done")
