"""Distributions are data, and a template never swallows a misspelt name."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from pydantic import ValidationError
from pyinfra.api.exceptions import OperationError

from declaration.system import UpdateFence
from deploys import distribution as distributions
from deploys.distribution import Distribution, table_of, tables
from deploys.templates import FOLDER, render
from facts.settings.programs import PROGRAMS
from facts.system.os_release import OperatingSystem
from facts.value import ABSENT


def test_the_target_distributions_have_a_table() -> None:
    assert set(tables()) >= {"debian-12", "debian-13", "ubuntu-24.04", "ubuntu-26.04"}


def test_no_two_releases_share_a_codename() -> None:
    codenames = [table.codename for table in tables().values()]
    assert len(set(codenames)) == len(codenames)


def test_ubuntu_26_04_builds_its_initial_ram_disks_with_dracut() -> None:
    table = tables()["ubuntu-26.04"]
    assert table.boot.initramfs[0] == "dracut"
    assert set(table.transitional) == {"linux-generic-hwe-24.04", "linux-oem-24.04"}
    # Ubuntu has split its firmware: every part of it belongs to a boot set
    for name in ("linux-firmware", "linux-firmware-intel-graphics", "linux-intel-6.17"):
        assert any(re.match(pattern, name) for pattern in table.boot_packages)


@pytest.mark.parametrize("table", tables().values(), ids=tables().keys())
def test_every_table_protects_the_kernel_image_and_names_templates_that_exist(
    table: Distribution,
) -> None:
    assert any(re.match(pattern, "linux-image-6.1.0-1-amd64") for pattern in table.boot_packages)
    assert "systemd-timesyncd" in table.time_daemons
    for daemon in table.time_daemons.values():
        assert bool(daemon.servers_file) is bool(daemon.servers_template)
        assert (FOLDER / daemon.servers_template).exists()
        if daemon.servers_file:
            folder = daemon.servers_file.rpartition("/")[0]
            assert folder in PROGRAMS[daemon.servers_program].folders


@pytest.mark.parametrize("table", tables().values(), ids=tables().keys())
def test_no_boot_pattern_takes_in_ordinary_packages(table: Distribution) -> None:
    for name in ("linux-libc-dev", "libc6", "openssh-server", "firmware-tools", "linuxlogo"):
        assert not any(re.match(pattern, name) for pattern in table.boot_packages)


def test_a_value_that_a_template_names_and_nobody_gave_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="mode"):
        render("base/needrestart.conf.j2", banner="x", mdoe="l")


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [("linux-(image", "not a regular expression"), ('x";', "cannot stand in apt.conf")],
)
def test_a_blacklist_pattern_that_would_break_apt_is_refused(pattern: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        UpdateFence(blacklist=(pattern,))


def test_an_unknown_release_names_a_file_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(distributions.FOLDER, tmp_path / "distributions")
    monkeypatch.setattr(distributions, "FOLDER", folder)
    fresh = tables.__wrapped__
    rest = (ABSENT,) * 5
    system = OperatingSystem("ubuntu", "26.10", *rest)
    with pytest.raises(
        OperationError, match=r"known are debian-12, .* add (\S+\.yaml), "
    ) as raised:
        table_of(system, fresh())
    named = re.search(r" add (\S+\.yaml), ", str(raised.value))
    assert named is not None
    shutil.copy(folder / "ubuntu-24.04.yaml", named[1])
    assert table_of(system, fresh()).title
