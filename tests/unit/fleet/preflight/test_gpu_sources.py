"""GPU packages of several vendors' archives on one host; sources and packages of other releases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from declaration.host import HostSpec
from declaration.stack import Stack
from facts.packages.apt_policy import AptPolicy, Policy
from facts.packages.apt_sources import Source
from facts.system.os_release import OperatingSystem
from facts.value import Unknown
from fleet.model.finding import Finding, Severity
from fleet.preflight import inhibitors, inspect
from gates.gpu_sources import GPU_PACKAGES
from gates.needed import KEYED
from tests.given import given
from tests.places import ROOT
from tests.unit.apt_facts import apt_facts, package_facts, source
from tests.unit.fact_frame import read

OMIX = "https://repositories.intel.com/gpu/ubuntu"
PPA = "https://ppa.launchpadcontent.net/kobuk-team/intel-graphics/ubuntu"
#: where apt has a package from, as `apt-cache policy` writes it
FROM_OMIX = f"{OMIX} noble/intel-omix/unified amd64 Packages"
FROM_PPA = f"{PPA} noble/main amd64 Packages"
FROM_UBUNTU = "http://archive.ubuntu.com/ubuntu noble-updates/universe amd64 Packages"
FROM_CLIENT = f"{OMIX} noble/client amd64 Packages"
OMIX_FILE = "/etc/apt/sources.list.d/intel-gpu-noble.list"
PPA_FILE = "/etc/apt/sources.list.d/kobuk-team-ubuntu-intel-graphics-noble.sources"


def policies(*installed: tuple[str, str, str | None]) -> Mapping[str, Policy]:
    """Return what apt says of installed packages: name, version, index (None = in no archive)."""
    lines, indexes = "", dict.fromkeys(index for _, _, index in installed if index)
    for name, version, index in installed:
        lines += f"{name}:\n  Installed: {version}\n  Candidate: {version}\n  Version table:\n"
        lines += f" *** {version} 500\n"
        lines += f"        500 {index}\n" if index else ""
        lines += "        100 /var/lib/dpkg/status\n"
    found = read(
        AptPolicy(),
        {
            "names": "\n".join(name for name, _, _ in installed),
            "policies": lines,
            "archives": "".join(f" 500 {index}\n     release o=x\n" for index in indexes),
        },
    )
    assert not isinstance(found, Unknown)
    return found


def spec(stack: str = "", **more: Any) -> HostSpec:
    """Return a host as the product's own files declare it: all.yaml, and a stack of ours."""
    layers = yaml.safe_load((ROOT / "group_data/all.yaml").read_text())
    sources = layers["apt"]["sources"]
    declared: dict[str, Any] = {}
    if stack:
        file = yaml.safe_load((ROOT / f"group_data/stacks/{stack}.yaml").read_text())
        declared = {"stack": Stack.model_validate(file["stack"])}
        for name, value in file["apt"]["sources"].items():
            if value is None:
                sources.pop(name)
            else:
                sources[name] = {**sources.get(name, {}), **value}
    for value in sources.values():
        value["key"] = {**value["key"], "armored": "a key"}
    return HostSpec.model_validate(
        {
            "name": "rig-a",
            "connection": {"address": "192.0.2.1"},
            "apt": {"sources": sources},
            **declared,
            **more,
        }
    )


def facts(
    *installed: tuple[str, str, str | None], enabled: tuple[Source, ...] = (), **more: object
) -> dict[str, object]:
    return {
        "packages": package_facts({"dpkg": "1", **{name: v for name, v, _ in installed}}),
        "apt_policy": policies(*installed),
        "apt_sources": apt_facts(enabled),
        **more,
    }


def found(host: HostSpec, values: Mapping[str, object]) -> list[Finding]:
    return [f for f in inspect(host, given(values)) if f.id == "gpu-packages-mixed"]


MIXED = facts(
    ("intel-omix", "0.4.0-3~24.04", FROM_OMIX),
    ("libze1", "1.32.0-1~24.04~ppa1", FROM_PPA),
    ("libigdgmm12", "22.3.0", FROM_UBUNTU),
    enabled=(
        source(OMIX_FILE, OMIX, "noble/intel-omix"),
        source(PPA_FILE, PPA, "noble", line=3),
    ),
)


def test_packages_of_two_archives_on_one_host_are_named_and_nothing_is_changed_until_decided() -> (
    None
):
    (finding,) = found(spec(), MIXED)
    assert finding.severity is Severity.CRITICAL
    assert finding.text == (
        f"OMIX (intel-omix 0.4.0-3~24.04; {OMIX_FILE}:1) and the graphics PPA (libze1 "
        f"1.32.0-1~24.04~ppa1; {PPA_FILE}:3) on one host"
    )
    assert "`source`" in (finding.remedy or "")
    assert [f.id for f in inhibitors(spec(), given(MIXED))] == ["gpu-packages-mixed"]


@pytest.mark.parametrize(
    ("stack", "kept", "gone"),
    [
        ("omix-0.4-noble", "OMIX", (PPA_FILE, "apt-get remove libze1")),
        ("minimax-20260523", "the graphics PPA", (OMIX_FILE, "apt-get remove intel-omix")),
    ],
)
def test_the_stacks_own_source_decides_and_what_is_left_of_the_other_is_named(
    stack: str, kept: str, gone: tuple[str, str]
) -> None:
    (finding,) = found(spec(stack), MIXED)
    assert finding.severity is Severity.WARNING
    assert not finding.inhibits
    assert f"takes its packages from {kept}" in finding.text
    assert all(step in (finding.remedy or "") for step in gone)


def test_a_default_source_is_no_decision_and_would_be_the_second_one() -> None:
    """An OMIX host under the product's defaults: the first converge would bring the PPA."""
    (finding,) = found(spec(), facts(("intel-omix", "0.4.0-3~24.04", FROM_OMIX)))
    assert finding.inhibits
    assert finding.text == (
        "the host has OMIX (intel-omix 0.4.0-3~24.04), the graphics PPA is declared"
    )


def test_two_archives_that_are_declared_for_a_new_host_are_undecided_too() -> None:
    sources = {**spec("omix-0.4-noble").apt.sources, **spec().apt.sources}
    narrow = {
        name: {**source.model_dump(mode="json"), "owns": ()} for name, source in sources.items()
    }
    (finding,) = found(spec(apt={"sources": narrow}), facts())
    assert finding.text == "OMIX and the graphics PPA are declared for one host"
    assert finding.inhibits


@pytest.mark.parametrize(
    "values",
    [
        facts(("libze1", "1.28.2-1~24.04~ppa1", FROM_PPA), ("xpu-smi", "1.3.6", FROM_PPA)),
        facts(("libze1", "1.16.1-1build1", FROM_UBUNTU)),
        facts(enabled=(source(OMIX_FILE, OMIX, "noble/intel-omix", enabled=False),)),
        facts(),
    ],
    ids=["one archive", "the distribution's own", "a source that is switched off", "none"],
)
def test_one_archive_alone_is_no_mixture(values: Mapping[str, object]) -> None:
    assert found(spec(), values) == []


def test_an_enabled_source_alone_makes_the_next_upgrade_mix() -> None:
    enabled = (source(OMIX_FILE, OMIX, "noble/intel-omix/0.4"),)
    (finding,) = found(spec(), facts(enabled=enabled))
    assert finding.inhibits
    assert OMIX_FILE in finding.text


def test_intels_archive_of_before_is_a_third_one() -> None:
    values = facts(("libze1", "1.21.9", FROM_CLIENT), ("intel-omix", "0.4.0-3~24.04", FROM_OMIX))
    (finding,) = found(spec("omix-0.4-noble"), values)
    assert "Intel's client archive (libze1 1.21.9)" in finding.text


def test_a_version_in_both_archives_says_nothing() -> None:
    both = policies(("libze1", "1.32.0", FROM_OMIX))["libze1"]
    lines = policies(("libze1", "1.32.0", FROM_PPA))["libze1"].versions[0].origins
    first = both.versions[0]
    mixed = {
        "libze1": Policy(
            both.installed,
            both.candidate,
            both.candidate_origin,
            (type(first)(first.version, 500, (*first.origins, *lines), None),),
        )
    }
    values = facts(("libze1", "1.32.0", FROM_OMIX)) | {"apt_policy": mixed}
    assert found(spec(), values) == []


@pytest.mark.parametrize(
    "apt_policy",
    [Unknown("apt-cache hung"), policies(("libze1", "1.32.0-1~24.04~ppa1", None))],
    ids=["apt cannot say", "the archive is gone"],
)
def test_names_and_versions_count_only_where_apt_cannot_say(apt_policy: object) -> None:
    installed = {"dpkg": "1", "intel-omix": "0.4.0-3~24.04", "libze1": "1.32.0-1~24.04~ppa1"}
    values = {"packages": package_facts(installed), "apt_policy": apt_policy}
    (finding,) = found(spec(), {**values, "apt_sources": apt_facts()})
    assert "OMIX (intel-omix" in finding.text
    assert "the graphics PPA (libze1" in finding.text
    assert finding.inhibits


def test_the_origins_are_read_with_what_every_run_reads() -> None:
    assert KEYED[AptPolicy]["names"].split(",") == list(GPU_PACKAGES)


def os_release(version: str, codename: str) -> OperatingSystem:
    return OperatingSystem("ubuntu", version, codename, f"Ubuntu {version}", "amd64", "none", False)


RESOLUTE, NOBLE = os_release("26.04", "resolute"), os_release("24.04", "noble")


def of_kind(kind: str, host: HostSpec, values: Mapping[str, object]) -> list[Finding]:
    return [f for f in inspect(host, given(values)) if f.id == kind]


def test_a_source_of_another_release_is_refused() -> None:
    kind = "source-of-another-release"
    (finding,) = of_kind(kind, spec("omix-0.4-noble"), {"os": RESOLUTE})
    assert finding.text == "apt source omix is of noble, the host runs resolute"
    assert finding.inhibits
    assert "apt.sources.omix.suites" in (finding.remedy or "")
    assert of_kind(kind, spec("omix-0.4-noble"), {"os": NOBLE}) == []
    assert of_kind(kind, spec("omix-0.4-resolute"), {"os": RESOLUTE}) == []
    assert [f.text.split()[2] for f in of_kind(kind, spec(), {"os": RESOLUTE})] == [
        "intel-graphics"
    ]
    assert of_kind(kind, spec(), {"os": Unknown("no os-release")}) == []
    trixie = OperatingSystem("debian", "13", "trixie", "Debian 13", "amd64", "none", False)
    assert of_kind(kind, spec(), {"os": trixie}) == [], "made for another distribution on purpose"
    (lab,) = of_kind(kind, spec(kind="lab"), {"os": RESOLUTE})
    assert not lab.inhibits, "its archives are stand-ins"


@pytest.mark.parametrize("name", ["linux-generic-hwe-24.04", "linux-oem-24.04"])
def test_a_package_that_only_leads_to_another_kernel_track_is_named_with_that_track(
    name: str,
) -> None:
    kind, successor = "transitional-kernel-package", "linux-generic-hwe-26.04"
    packages = package_facts({"dpkg": "1", name: "7.0.0-38.38", successor: "7.0.0-38.38"})
    (finding,) = of_kind(kind, spec(), {"os": RESOLUTE, "packages": packages})
    assert finding.text == (
        f"{name} 7.0.0-38.38 leads to {successor} on Ubuntu 26.04 LTS (resolute), which is "
        "installed (7.0.0-38.38): upgrades follow that track"
    )
    assert f"apt-mark hold {name} {successor}" in (finding.remedy or "")
    held = package_facts({"dpkg": "1", name: "7"}, holds=[name])
    (told,) = of_kind(kind, spec(), {"os": RESOLUTE, "packages": held})
    assert (told.severity, told.remedy) == (Severity.INFO, None)
    # on 24.04 it is an ordinary metapackage
    assert of_kind(kind, spec(), {"os": NOBLE, "packages": packages}) == []
