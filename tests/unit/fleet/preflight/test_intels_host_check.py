"""What Intel's own check of one host finds is found here too: their checks, our names for them.

Their checks: docs/evidence.md#intel-host-check. Below the table: the findings made for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from facts.packages.dpkg import Loader
from facts.pci.gpu_card import Card
from facts.pci.gpu_link import GpuLinks
from facts.system.users import Accounts, Group
from facts.value import ABSENT, Unknown
from fleet.model.finding import Finding, Severity
from fleet.preflight import explanations, inspect
from gates.rows import load
from tests.given import given
from tests.places import ROOT
from tests.unit.apt_facts import declared_stack, package_facts
from tests.unit.fleet.preflight.test_cards import SPEC, rig


@dataclass(frozen=True)
class Found:
    """What finds the same here.

    Args:
        findings: ids of `b70 doctor`.
        gates: ids of `b70 gates`.
        resources: resources of a plan.
    """

    findings: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


#: What they look at and we do not, with the reason.
NOT_OURS: Final[Mapping[str, str]] = {
    "docker": "nothing of this project runs in a container yet",
    "docker-buildx": "the same",
    "image-preflight": "the same",
    "shm": "a server's container gets its own /dev/shm; serving is not built yet",
    "env-file": "their program's own option",
    "proxy-env": "the host's way to the network is not managed",
    "no-proxy-local": "the same",
    "sycl-ls": "starts the GPU stack, with an environment that setvars.sh chooses",
}
OURS: Final[Mapping[str, Found]] = {
    # check_battlemage_prerequisites.sh
    "a Battlemage card on the PCI bus": Found(("card-missing",), ("cards-present",)),
    "nomodeset on the running kernel's command line": Found(("nomodeset",)),
    "nomodeset in GRUB's settings, not booted yet": Found(("nomodeset",)),
    "each card is bound to xe": Found(("gpu-driver",), ("card-driven",)),
    "xe knows the card's PCI alias": Found(("b70-alias",)),
    "clinfo reports a platform and a device": Found(
        ("compute-runtime",), resources=("Verified[gpu-userspace]", "Packages[gpu-tools]")
    ),
    "compute runtime 26.18 or newer": Found(("compute-runtime",)),
    "xpu-smi 1.3 or newer": Found(("xpu-smi-version",)),
    "xpu-smi discovers the cards": Found(
        ("xpu-smi-version",), resources=("Verified[gpu-userspace]",)
    ),
    "the graphics PPA is configured": Found(("gpu-packages-mixed",)),
    # setup_xpu_system.sh
    "a supported release of Ubuntu": Found(("source-of-another-release",)),
    "OMIX as the only source": Found(("gpu-packages-mixed",)),
    "render nodes exist": Found(("render-node",)),
    "the user is in the render group": Found(("render-group",), resources=("Group[b70:render]",)),
    # check_runtime_preflight.sh
    "kernel-log-review": Found(("gpu-faults",)),
    "xpu-health": Found(("gpu-faults", "survivability"), ("card-wedged",)),
    "video-group": Found(resources=("Group[b70:video]",)),
    "disk": Found(("disk-full",)),
    "network": Found(("mirror-unreachable",)),
}
USER_LAYERS: Final = ("deploys/gpu_userspace.py", "deploys/base_account.py")


@pytest.mark.parametrize("theirs", OURS)
def test_each_of_intels_checks_has_a_finding_a_gate_or_a_resource_here(theirs: str) -> None:
    ours = OURS[theirs]
    assert ours != Found()
    assert set(ours.findings) <= set(explanations())
    assert set(ours.gates) <= {row.id for row in load()}
    text = "".join((ROOT / layer).read_text() for layer in USER_LAYERS)
    for resource in ours.resources:
        assert resource in text or resource.partition("[")[0] + "[{" in text, resource


def test_what_is_not_looked_at_says_why() -> None:
    assert all(NOT_OURS.values())
    assert not set(NOT_OURS) & set(OURS)


RIG = rig("gen5-x16")
USERS = Accounts({}, {"render": Group("render", 990, ())})
RUNTIME = {"intel-opencl-icd": "26.18.38308.1-0", "libze-intel-gpu1": "26.18.38308.1-0"}


def found(
    kind: str, versions: Mapping[str, str] | None = None, stack: str = "", **changes: Any
) -> list[Finding]:
    packages = package_facts({"dpkg": "1", **(RUNTIME if versions is None else versions)})
    owners = tuple(name for name in ("libze1",) if name in packages.installed)
    packages = replace(packages, loader=Loader(owners, {}, ()))
    spec = SPEC.model_copy(update={"stack": declared_stack(stack) if stack else None})
    values = {**RIG, "packages": packages, "users": USERS, **changes}
    return [f for f in inspect(spec, given(values)) if f.id == kind]


def cards() -> tuple[Card, ...]:
    links = given(RIG)[GpuLinks]
    assert isinstance(links, tuple)
    return links


def test_a_card_without_a_node_is_critical_and_one_without_a_driver_is_not_told_twice() -> None:
    first, *rest = cards()
    (finding,) = found("render-node", gpu_link=(replace(first, drm_render=ABSENT), *rest))
    assert (finding.severity, finding.text.split(":00.0")[0]) == (Severity.CRITICAL, "0000:03")
    undriven = replace(first, driver=ABSENT, drm_render=ABSENT)
    assert found("render-node", gpu_link=(undriven, *rest)) == []
    assert found("render-node") == []


def test_a_host_without_the_group_of_the_nodes_is_warned_of() -> None:
    (finding,) = found("render-group", users=Accounts({}, {"users": Group("users", 100, ())}))
    assert "groupadd --system render" in (finding.remedy or "")
    assert found("render-group", users=Unknown("getent hung")) == []
    assert found("render-group") == []


@pytest.mark.parametrize(
    ("versions", "stack", "severity", "text"),
    [
        ({}, "", Severity.WARNING, "intel-opencl-icd, libze-intel-gpu1 are not installed"),
        ({}, "minimax-20260523", Severity.INFO, "the stack brings them"),
        (
            {**RUNTIME, "intel-opencl-icd": "23.43.27642.40-1ubuntu3"},
            "minimax-20260523",
            Severity.WARNING,
            "intel-opencl-icd 23.43.27642.40-1ubuntu3 is older than 26.18",
        ),
        (
            {**RUNTIME, "libze-intel-gpu1": "26.14.37833.4-0"},
            "minimax-20260510",
            Severity.INFO,
            "the stack was tested with it",
        ),
    ],
)
def test_a_runtime_that_is_missing_or_too_old_is_told(
    versions: dict[str, str], stack: str, severity: Severity, text: str
) -> None:
    (finding,) = found("compute-runtime", versions, stack)
    assert finding.severity is severity
    assert text in finding.text
    assert found("compute-runtime") == []


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        ({}, "xpu-smi is not installed"),
        ({"xpu-smi": "1.2.42-1"}, "xpu-smi 1.2.42-1 does not list a B70"),
        (
            {"xpu-smi": "2.4.0-1~24.04~ppa1", "libze1": "1.32.0-1~24.04~ppa1"},
            "needs Level Zero 1.33.1 for its health command, libze1 is 1.32.0-1~24.04~ppa1",
        ),
    ],
)
def test_an_xpu_smi_that_is_missing_too_old_or_newer_than_its_loader_is_told(
    versions: dict[str, str], text: str
) -> None:
    (finding,) = found("xpu-smi-version", versions)
    assert finding.severity is Severity.WARNING
    assert text in finding.text


@pytest.mark.parametrize(
    "versions",
    [
        {"xpu-smi": "1.3.6-1~24.04~ppa1", "libze1": "1.28.2-1"},
        {"xpu-smi": "2.4.0-1", "libze1": "1.35.0-1"},
    ],
)
def test_a_fitting_xpu_smi_is_not_told(versions: dict[str, str]) -> None:
    assert found("xpu-smi-version", versions) == []


def test_a_host_without_a_card_needs_none_of_it() -> None:
    for kind in ("render-node", "render-group", "compute-runtime", "xpu-smi-version"):
        assert found(kind, {}, gpu_link=(), users=Accounts({}, {})) == []
