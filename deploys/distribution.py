"""What differs between distributions, as data: names of packages and units, paths, patterns.

A distribution is one YAML file in `group_data/distributions/`, named after its /etc/os-release
(`ID-VERSION_ID.yaml`). Pure: adding a distribution is adding a file, never an `if`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import yaml
from pydantic import Field
from pyinfra.api.exceptions import OperationError

from declaration.base import Declared
from declaration.package import PackageName
from declaration.yamlloader import SafeLoader
from facts.reader import read
from facts.system.os_release import OperatingSystem, OsRelease
from facts.value import Unknown
from operations.require import require

#: The checkout's distribution tables.
FOLDER: Final = Path(__file__).resolve().parent.parent / "group_data" / "distributions"


class TimeDaemon(Declared):
    """One program that can keep the clock."""

    package: str
    unit: str
    #: drop-in that carries the declared servers; empty = servers are not managed for this daemon
    servers_file: str = ""
    servers_template: str = ""
    #: who reads it, a name of facts/settings/programs.py
    servers_program: str = ""


class BootTable(Declared):
    """How a distribution names what belongs to a kernel, and writes GRUB's menu."""

    #: packages beside the image, with `{release}` in their names
    companions: tuple[str, ...] = ()
    #: command line that writes GRUB's menu to the file that is named behind it
    update_menu: tuple[str, ...] = Field(min_length=1)
    #: programs that may build initial RAM disks (deploys/boot/initramfs.py), the usual one first
    initramfs: tuple[str, ...] = Field(min_length=1)


class Distribution(Declared):
    """Names and paths of one distribution release."""

    title: str
    #: as in /etc/os-release, and at the beginning of the suites of its archives
    codename: str
    #: packages that the base layer needs whatever is declared
    packages: tuple[str, ...] = ()
    #: name as in `base.time_sync.provider` -> daemon
    time_daemons: dict[str, TimeDaemon]
    #: regular expressions of the packages that make up a boot set (kernel, modules, firmware)
    boot_packages: tuple[str, ...] = Field(min_length=1)
    boot: BootTable
    #: metapackage that only leads to another one -> that one, whose kernels follow a track
    transitional: dict[PackageName, PackageName] = Field(default_factory=dict)
    #: metapackage of the kernels that are newer than the release's own and know a B70
    newest_kernel: PackageName | None = None
    #: group that may read the persistent journal
    journal_group: str


@cache
def tables() -> dict[str, Distribution]:
    """Return every known distribution by `ID-VERSION_ID`.

    Raises:
        pydantic.ValidationError: a table has an unknown key or a value of the wrong type.
    """
    return {
        path.stem: Distribution.model_validate(yaml.load(path.read_bytes(), SafeLoader))
        for path in sorted(FOLDER.glob("*.yaml"))
    }


def table_of(system: OperatingSystem | Unknown, known: dict[str, Distribution]) -> Distribution:
    """Return the table of a release.

    Raises:
        OperationError: the release is UNKNOWN, or no table is named after it.
    """
    release = require(system, "the distribution").release
    if release not in known:
        raise OperationError(
            f"no table for the distribution {release}; known are {', '.join(known)}. "
            f"To support it, add {FOLDER / release}.yaml, which begins as a copy of one of them "
            "(a fleet's own group_data holds no tables)"
        )
    return known[release]


def distribution() -> Distribution:
    """Return the table of the current pyinfra host's distribution."""
    system = read(OsRelease)
    return table_of(system, tables())
