"""The distribution."""

from __future__ import annotations

from facts.system.os_release import OsRelease
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import fixture, lack, read, run

UBUNTU = fixture("os/os-release-ubuntu-24.04")


def test_ubuntu_on_metal_is_read_whole() -> None:
    system = read(OsRelease(), {"release": UBUNTU, "arch": "amd64", "virt": "none"})
    assert (system.id, system.version_id, system.codename) == ("ubuntu", "24.04", "noble")
    assert system.pretty_name == "Ubuntu 24.04.4 LTS"
    assert (system.arch, system.virtualization, system.is_container) == ("amd64", "none", False)
    assert system.release == "ubuntu-24.04"


def test_a_rolling_release_has_no_version() -> None:
    system = read(
        OsRelease(),
        {"release": fixture("os/os-release-debian-sid"), "arch": "amd64", "virt": "kvm"},
    )
    assert system.version_id is ABSENT
    assert system.release == "debian"
    assert system.is_container is False


def test_an_nspawn_machine_is_a_container() -> None:
    system = read(OsRelease(), {"release": UBUNTU, "arch": "amd64", "virt": "systemd-nspawn"})
    assert system.is_container is True


def test_without_detection_it_is_unknown_whether_it_is_a_container() -> None:
    parts: dict[str, str | tuple[str, str]] = {
        "release": UBUNTU,
        "arch": "amd64",
        "virt": lack("?", "systemd-detect-virt is not installed"),
    }
    system = read(OsRelease(), parts)
    assert system.virtualization == Unknown("systemd-detect-virt is not installed")
    assert isinstance(system.is_container, Unknown)


def test_a_file_without_an_id_is_unknown() -> None:
    assert isinstance(
        read(OsRelease(), {"release": "X=1", "arch": "amd64", "virt": "none"}), Unknown
    )


def test_this_machine_has_a_distribution() -> None:
    system = run(OsRelease())
    assert system.id
    assert isinstance(system.arch, str)
