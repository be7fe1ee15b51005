"""What apt would choose."""

from __future__ import annotations

import pytest

from facts.packages.apt_policy import UNHEARD_OF, AptPolicy, policy_script
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import fixture, read, run_as

PARTS: dict[str, str | tuple[str, str]] = {
    "names": "libze1\nlevel-zero\nsystemd\nnope\n",
    "policies": fixture("apt_policy/policy.txt"),
    "archives": fixture("apt_policy/archives.txt"),
}


def test_the_candidate_is_joined_with_the_origin_of_its_archive() -> None:
    policy = read(AptPolicy(), PARTS)["libze1"]
    assert (policy.installed, policy.candidate) == ("1.28.2-local1", "1.28.2-1~24.04~ppa1")
    origin = policy.candidate_origin
    assert (origin.origin, origin.site) == (
        "LP-PPA-kobuk-team-intel-graphics",
        "ppa.launchpadcontent.net",
    )
    assert (origin.label, origin.codename, origin.priority) == (
        "Intel Graphics, Preview",
        "noble",
        990,
    )


def test_all_versions_are_listed_and_a_local_one_has_no_origin() -> None:
    versions = read(AptPolicy(), PARTS)["libze1"].versions
    assert [version.version for version in versions] == [
        "1.28.2-1~24.04~ppa1",
        "1.16.1-1build1",
        "1.28.2-local1",
    ]
    assert versions[1].origins[0].origin == "Ubuntu"
    assert versions[2].origins == ()


def test_a_package_that_is_not_installed_still_has_a_candidate() -> None:
    policy = read(AptPolicy(), PARTS)["level-zero"]
    assert policy.installed is ABSENT
    assert (policy.candidate, policy.candidate_origin.label) == ("1.28.2", "Intel(R) oneAPI")


def test_a_phased_update_carries_its_percentage() -> None:
    versions = read(AptPolicy(), PARTS)["systemd"].versions
    assert (versions[0].version, versions[0].phased_percent) == ("255.4-1ubuntu8.11", 20)
    assert versions[1].phased_percent is None


def test_a_name_that_apt_never_heard_of_has_an_empty_policy() -> None:
    assert read(AptPolicy(), PARTS)["nope"] == UNHEARD_OF


@pytest.mark.parametrize("name", ["-o", "a b", "$(id)", "A", "a;b"])
def test_what_is_no_package_name_never_reaches_a_shell(name: str) -> None:
    with pytest.raises(ValueError, match="not a Debian package name"):
        policy_script((name,))


def test_asking_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no package name"):
        AptPolicy().command(names="")


def test_a_package_without_its_lines_is_unknown() -> None:
    assert isinstance(read(AptPolicy(), {**PARTS, "policies": "libze1:\n"}), Unknown)


def test_this_machine_answers_for_several_names_at_once() -> None:
    policies = run_as(AptPolicy(), AptPolicy().command(names="dpkg,no-such-package-b70"))
    assert isinstance(policies["dpkg"].installed, str)
    assert policies["no-such-package-b70"] == UNHEARD_OF
