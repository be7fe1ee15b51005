"""What programs need to reach a card: its node, the group of the nodes, runtime, xpu-smi. Pure.

Nothing here starts the GPU stack: on a driver that hangs clinfo never comes back, and a doctor has
to come back with everything else. That OpenCL sees the cards is proved after each change of the
userspace (`Verified[gpu-userspace]` in a plan), and by `b70 facts HOST clinfo` when a person asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from facts.packages.debian_version import version_compare
from facts.packages.dpkg import Packages, PackageState
from facts.pci.gpu_card import Card
from facts.pci.gpu_link import GpuLinks
from facts.system.users import Users
from facts.value import ABSENT, known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check

#: The two programming interfaces of one compute runtime: OpenCL and Level Zero.
_RUNTIME: Final = ("intel-opencl-icd", "libze-intel-gpu1")
#: Oldest compute runtime that Intel's own check accepts (docs/evidence.md#intel-host-check).
_RUNTIME_FROM: Final = "26.18"
_XPU_SMI: Final = "xpu-smi"
#: Oldest xpu-smi that lists a B70, by the same check.
_XPU_SMI_FROM: Final = "1.3"
#: From here on its health command asks for the loader below (docs/evidence.md#xpu-smi).
_XPU_SMI_NEEDS_LOADER: Final = "2.4"
_LOADER_FROM: Final = "1.33.1"
#: The group that udev gives the nodes renderD* to (docs/evidence.md#groups).
_GROUP: Final = "render"


def _cards(context: Context) -> list[Card]:
    return [card for card in known(context.given[GpuLinks]) or () if card.is_b70]


@check("render-node", "cards")
def _node(context: Context) -> Iterator[Finding]:
    """A card that xe drives has a node in /dev/dri; without it no program can open the card."""
    lost = [c.bdf for c in _cards(context) if c.driver == "xe" and c.drm_render is ABSENT]
    if lost:
        yield context.critical(
            f"{', '.join(lost)}: driven by xe and without a node /dev/dri/renderD*",
            "journalctl -k -b | grep -E 'xe .*(probe|drm|error)'; then reboot",
        )


@check("render-group", "cards")
def _group(context: Context) -> Iterator[Finding]:
    """udev gives the nodes of the cards to the group `render`: without it only root opens them."""
    accounts = known(context.given[Users])
    if accounts is not None and _cards(context) and _GROUP not in accounts.groups:
        yield context.warning(
            f"there is no group {_GROUP}: only root can open the cards",
            f"on the host, as root: groupadd --system {_GROUP} && "
            "udevadm trigger --subsystem-match=drm",
        )


@check("compute-runtime", "packages")
def _runtime(context: Context) -> Iterator[Finding]:
    """The compute runtime brings OpenCL and Level Zero; one before 26.18 may not know a B70.

    A stack that declares an older one was tested with it: then it is only told. What a stack
    declares and is not there yet comes with the next converge.
    """
    packages = known(context.given[Packages])
    if packages is None or not _cards(context):
        return
    yield from _missing(context, packages, _RUNTIME)
    for name in _RUNTIME:
        version = packages.version(name)
        if version is None or not _is_before(version, _RUNTIME_FROM):
            continue
        text = f"{name} {version} is older than {_RUNTIME_FROM}"
        if _declared(context).get(name) == version:
            yield context.info(f"{text}; the stack was tested with it")
        else:
            yield context.warning(text, _upgrade(context))


@check("xpu-smi-version", "packages")
def _xpu_smi(context: Context) -> Iterator[Finding]:
    """xpu-smi lists a B70 from 1.3 on; from 2.4 on it asks for a newer Level Zero loader."""
    packages = known(context.given[Packages])
    if packages is None or not _cards(context):
        return
    yield from _missing(context, packages, (_XPU_SMI,))
    version = packages.version(_XPU_SMI)
    if version is None:
        return
    if _is_before(version, _XPU_SMI_FROM):
        text = f"{_XPU_SMI} {version} does not list a B70, {_XPU_SMI_FROM} does"
        yield context.warning(text, _upgrade(context))
    elif not _is_before(version, _XPU_SMI_NEEDS_LOADER):
        for owner in packages.loader.owners:
            loader = packages.version(owner)
            if loader is not None and _is_before(loader, _LOADER_FROM):
                yield context.warning(
                    f"{_XPU_SMI} {version} needs Level Zero {_LOADER_FROM} for its health command, "
                    f"{owner} is {loader}",
                    _upgrade(context),
                )


def _missing(context: Context, packages: PackageState, names: tuple[str, ...]) -> Iterator[Finding]:
    lacking = [name for name in names if packages.version(name) is None]
    if not lacking:
        return
    text = f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not installed"
    if all(name in _declared(context) for name in lacking):
        yield context.info(f"{text}; the stack brings {'it' if len(lacking) == 1 else 'them'}")
    else:
        yield context.warning(text, _upgrade(context))


def _declared(context: Context) -> dict[str, str]:
    return dict(context.spec.stack.userspace.packages) if context.spec.stack else {}


def _upgrade(context: Context) -> str:
    if context.spec.stack is None:
        return f"declare a stack: b70 inventory explain {context.spec.name} stack"
    return f"b70 plan --limit {context.spec.name}   # stack.userspace.packages says the version"


def _is_before(version: str, bound: str) -> bool:
    """Return True if a version is older; False where dpkg took what its rules do not know."""
    try:
        return version_compare(version, bound) < 0
    except ValueError:
        return False
