"""Kernel packages by their names: what moves, what leads to another series, what was meant."""

from __future__ import annotations

import pytest

from deploys.distribution import tables
from facts.packages.apt_policy import Available, Origin, Policy
from facts.packages.apt_upgrade import Change, Pin
from facts.value import ABSENT
from gates.kernel_packages import (
    alike,
    behind,
    boot_moves,
    pinned,
    release_of,
    resolved,
    to_hold,
    track_change,
)

UBUNTU = tables()["ubuntu-24.04"].boot_packages
DEBIAN = tables()["debian-12"].boot_packages
HWE = (
    Change("linux-modules-7.0.0-38-generic", None, "7.0.0-38.38"),
    Change("linux-image-7.0.0-38-generic", None, "7.0.0-38.38"),
    Change("linux-generic-hwe-26.04", None, "7.0.0-38.38"),
    Change("linux-generic-hwe-24.04", "6.17.0-23.23", "7.0.0-38.38"),
    Change("linux-firmware", "20240318-1", "20240318-2"),
    Change("bash", "5.2-1", "5.2-2"),
)


@pytest.mark.parametrize(
    ("package", "release"),
    [
        ("linux-image-6.17.0-23-generic", "6.17.0-23-generic"),
        ("linux-image-unsigned-6.17.0-23-generic", "6.17.0-23-generic"),
        ("linux-image-6.12.48+deb13-amd64-unsigned", "6.12.48+deb13-amd64"),
        ("linux-image-6.1.0-28-amd64:amd64", "6.1.0-28-amd64"),
        ("proxmox-kernel-6.17.2-1-pve-signed", "6.17.2-1-pve"),
        ("proxmox-kernel-6.17", None),
        ("linux-image-generic-hwe-24.04", None),
        ("linux-image-amd64", None),
        ("linux-firmware", None),
    ],
)
def test_an_image_package_carries_a_release_and_a_metapackage_none(
    package: str, release: str | None
) -> None:
    assert release_of(package) == release


def test_what_belongs_to_a_boot_set_is_the_distributions_data() -> None:
    assert [change.name for change in boot_moves(HWE, UBUNTU)] == [c.name for c in HWE[:-1]]
    assert [change.name for change in boot_moves(HWE, DEBIAN)] == ["linux-image-7.0.0-38-generic"]


def test_a_hold_ends_the_move_of_what_is_installed_and_not_held() -> None:
    assert to_hold(HWE[:-1], ()) == ("linux-firmware", "linux-generic-hwe-24.04")
    assert to_hold(HWE[:-1], ("linux-firmware",)) == ("linux-generic-hwe-24.04",)


def test_a_metapackage_that_leads_to_another_series_is_a_track_change() -> None:
    found = track_change(HWE, ["6.17.0-23-generic", "6.8.0-31-generic"], UBUNTU)
    assert found is not None
    assert (found.series, found.had) == (("7.0",), ("6.17", "6.8"))
    assert found.images == ("linux-image-7.0.0-38-generic",)
    assert {change.name for change in found.by} == {
        "linux-generic-hwe-24.04",
        "linux-generic-hwe-26.04",
        "linux-firmware",
    }


def test_another_kernel_of_an_installed_series_is_none() -> None:
    assert track_change(HWE, ["7.0.0-31-generic"], UBUNTU) is None
    assert track_change(HWE[3:], ["6.17.0-23-generic"], UBUNTU) is None
    # a host whose kernels are not on disk has no series to leave
    assert track_change(HWE, [], UBUNTU) is None


def test_a_glob_stands_for_every_installed_name_that_it_matches() -> None:
    there = ["linux-generic-hwe-24.04", "linux-image-generic-hwe-24.04", "bash"]
    assert resolved(["linux-generic*", "bash", "linux-generic"], there) == {
        "linux-generic*": ("linux-generic-hwe-24.04",),
        "bash": ("bash",),
        "linux-generic": (),
    }


def test_what_was_meant_by_a_name_shares_its_first_words() -> None:
    there = ["linux-generic-hwe-24.04", "linux-image-generic-hwe-24.04", "linux-base", "bash"]
    assert alike("linux-generic", there) == ("linux-generic-hwe-24.04",)
    assert alike("linux-image-generic", there) == ("linux-image-generic-hwe-24.04",)
    assert alike("linux-oem-24.04", there) == ()
    assert alike("bash-completion", there) == ()


def policy(installed: str | None, *versions: str) -> Policy:
    origin = (Origin("x", 500),)
    there = [Available(version, 500, origin, None) for version in versions]
    local = [Available("9", 100, (), None)]
    return Policy(installed or ABSENT, ABSENT, ABSENT, (*there, *local))


def test_updates_behind_are_the_newer_versions_that_an_archive_has() -> None:
    assert behind(policy("6.17.0-23.23", "6.17.0-25.25", "6.17.0-24.24", "6.17.0-9.9")) == 2
    assert behind(policy("7.0", "6.17")) == 0
    assert behind(policy(None, "7.0")) is None
    assert behind(None) is None


def test_a_pin_is_about_the_installed_packages_it_names() -> None:
    there = ["linux-image-generic", "linux-firmware", "bash"]
    pin = Pin("/etc/apt/preferences", 1, ("linux-image-*", "bash"), "version 6*", 1001)
    assert pinned(pin, there, UBUNTU) == ("linux-image-generic",)
    everything = Pin("/etc/apt/preferences", 1, ("*",), "release a=x", -1)
    assert pinned(everything, there, UBUNTU) == ()
