"""The base layer: packages, people, limits, clock, journal and the fence against other updaters."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from declaration.address import HostAddress
from declaration.base import Declared
from declaration.package import PackageGlob, PackageRequest
from declaration.patterns import matching
from declaration.storage import AccountName, PlainPath

#: what systemd's parser of sizes takes (systemd.syntax(7)); "2GB" and "2GiB" it ignores
_SIZE = re.compile(r"^[0-9]+(\.[0-9]+)?[KMGTPE]?$")
#: what sysctl.d(5) takes as a key; none leads out of /proc/sys
_SYSCTL = re.compile(r"^[A-Za-z0-9_]+([./:@-]+[A-Za-z0-9_]+)+$")
_SYSCTL_VALUE = re.compile(r"^[^\n\r#;]+$")
_NO_COLON = re.compile(r"^[^:]+$")
PasswdPath = Annotated[PlainPath, matching(_NO_COLON, "a path that can stand in /etc/passwd")]
SysctlKey = Annotated[str, matching(_SYSCTL, "a kernel setting (such as vm.swappiness)")]
SysctlText = Annotated[str, matching(_SYSCTL_VALUE, "the value of a kernel setting on one line")]


class ServiceUser(Declared):
    """The unprivileged account that runs the serving stack."""

    name: AccountName = "b70"
    home: PasswdPath = "/var/lib/b70"
    shell: PasswdPath = "/usr/sbin/nologin"
    #: device access: renderD* belongs to `render`, card* to `video`
    groups: tuple[AccountName, ...] = ("render", "video")


class Limits(Declared):
    """PAM and systemd limits for the service user."""

    #: open files; both public B70 recipes that set it use 1048576 (docs/evidence.md#nofile)
    nofile: int = Field(default=1_048_576, ge=1024, le=2_147_483_584)
    #: KiB
    memlock: Literal["unlimited"] | Annotated[int, Field(ge=0)] = "unlimited"


class Journal(Declared):
    """journald keeps its log across reboots: the last lines before a freeze are the evidence."""

    persistent: bool = True
    system_max_use: Annotated[str, matching(_SIZE, "a size for journald (such as 2G)")] = "2G"
    #: seconds that a message may wait for the disk: what a freeze may swallow (journald: 300)
    sync_interval_s: int = Field(default=30, ge=1, le=3600)


class TimeSync(Declared):
    """Which unit keeps the clock; its package comes from the distribution table."""

    provider: str = "systemd-timesyncd"
    servers: tuple[HostAddress, ...] = ()


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from error
    if '"' in value or "\n" in value:
        raise ValueError(f"{value!r} cannot stand in apt.conf: it contains a quote or a line break")
    return value


#: Regular expression over package names that can stand in apt.conf.
Pattern = Annotated[str, AfterValidator(_pattern)]


class UpdateFence(Declared):
    """Nobody but this tool changes kernel or GPU packages."""

    enabled: bool = True
    #: regular expressions for unattended-upgrades' Package-Blacklist, matched from the name's start
    blacklist: tuple[Pattern, ...] = ()
    #: packages on hold, by name or glob (`linux-generic*`); one of the kernel's must be installed
    hold: tuple[PackageGlob, ...] = ()
    #: needrestart mode: l(ist only) never restarts a service by itself
    needrestart: Literal["l", "i", "a"] = "l"


class Base(Declared):
    """Everything below the GPU."""

    packages: tuple[PackageRequest, ...] = ()
    user: ServiceUser = ServiceUser()
    limits: Limits = Limits()
    journal: Journal = Journal()
    time_sync: TimeSync = TimeSync()
    fence: UpdateFence = UpdateFence()
    #: sysctl key -> value, written to one drop-in and read back
    sysctl: dict[SysctlKey, SysctlText | int] = Field(default_factory=dict)
