"""Who else may change kernel or GPU packages on Debian and Ubuntu: one row per updater, only data.

A new updater is a new row. Names come from the packages themselves. Why the list exists: an
unattended upgrade restarted networkd on tens of thousands of hosts within an hour (Datadog, 8 March
2023), and on a B70 rig one removed the fallback kernel (docs/evidence.md;
steveseguin/b70-optimization-lab).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

#: What an updater can change outside a rollout; `services` restarts what is serving.
Reach: TypeAlias = Literal["kernel", "gpu", "all", "services"]


@dataclass(frozen=True, slots=True)
class Watch:
    """One updater.

    Args:
        presence: globs; a match proves that it is there.
        units: systemd units by which it acts; none means that it acts without a unit.
        on_demand: D-Bus, a socket or another unit starts it, so that `disabled` does not stop it.
        acts: False for leftovers, which change nothing until a person runs them.
        fences: globs of files whose existence switches it off.
    """

    name: str
    reach: Reach
    presence: tuple[str, ...]
    units: tuple[str, ...] = ()
    on_demand: bool = False
    acts: bool = True
    fences: tuple[str, ...] = ()


UNATTENDED: Final = "unattended-upgrades"
SNAPD: Final = "snapd"
NEEDRESTART: Final = "needrestart"
CRON: Final = "cron"

WATCHES: Final = (
    Watch(
        UNATTENDED,
        "all",
        presence=("/usr/bin/unattended-upgrade",),
        units=("apt-daily-upgrade.timer",),
    ),
    Watch(
        SNAPD,
        "all",
        presence=("/usr/lib/snapd/snapd",),
        units=("snapd.service", "snapd.snap-repair.timer"),
    ),
    Watch(
        "cloud-init",
        "all",
        presence=("/usr/bin/cloud-init",),
        units=("cloud-final.service", "cloud-config.service"),
        fences=("/etc/cloud/cloud-init.disabled", "/run/cloud-init/disabled"),
    ),
    Watch("fwupd", "gpu", presence=("/usr/libexec/fwupd/fwupd",), units=("fwupd-refresh.timer",)),
    Watch(
        "landscape",
        "all",
        presence=("/usr/bin/landscape-client",),
        units=("landscape-client.service",),
    ),
    Watch(
        "canonical-livepatch",
        "kernel",
        presence=("/snap/canonical-livepatch/current", "/var/snap/canonical-livepatch/common"),
        units=("snap.canonical-livepatch.canonical-livepatchd.service",),
    ),
    Watch(
        "packagekit",
        "all",
        presence=("/usr/libexec/packagekitd", "/usr/lib/packagekit/packagekitd"),
        units=("packagekit.service",),
        on_demand=True,
    ),
    Watch(
        "mintupdate",
        "all",
        presence=("/usr/bin/mintupdate-automation",),
        units=("mintupdate-automation-upgrade.timer",),
    ),
    Watch("cron-apt", "all", presence=("/usr/sbin/cron-apt",)),
    Watch(NEEDRESTART, "services", presence=("/usr/sbin/needrestart",)),
    Watch("dkms", "kernel", presence=("/var/lib/dkms/*/*/source", "/var/lib/dkms/*/kernel-*")),
    Watch(
        "puppet",
        "all",
        presence=("/opt/puppetlabs/bin/puppet", "/usr/bin/puppet"),
        units=("puppet.service",),
    ),
    Watch("salt-minion", "all", presence=("/usr/bin/salt-minion",), units=("salt-minion.service",)),
    Watch(
        "chef",
        "all",
        presence=("/usr/bin/chef-client", "/opt/chef/bin/chef-client"),
        units=("chef-client.service", "chef-client.timer"),
    ),
    Watch(
        "ansible-pull",
        "all",
        presence=("/etc/systemd/system/ansible-pull.*",),
        units=("ansible-pull.timer", "ansible-pull.service"),
    ),
    Watch(
        "intel-offline-installer",
        "all",
        presence=(
            "/root/multi-arc-bmg-offline-installer*",
            "/home/*/multi-arc-bmg-offline-installer*",
            "/opt/multi-arc-bmg-offline-installer*",
        ),
        acts=False,
    ),
    Watch(
        "firmware-override",
        "gpu",
        presence=("/lib/firmware/updates/xe/*", "/etc/modprobe.d/xe-bmg-guc.conf"),
        acts=False,
    ),
)

#: Scheduled jobs that call apt: crontabs and units that an administrator wrote.
JOB_FILES: Final = (
    "/etc/crontab",
    "/etc/cron.d/*",
    "/etc/cron.hourly/*",
    "/etc/cron.daily/*",
    "/etc/cron.weekly/*",
    "/etc/cron.monthly/*",
    "/var/spool/cron/crontabs/*",
    "/etc/systemd/system/*.service",
)
#: Extended regular expression of a line that upgrades or installs packages.
JOB_LINE: Final = (
    r"^([^#]*[^[:alnum:]_#-])?(apt|apt-get|aptitude)([[:space:]]+-[^[:space:]]+)*[[:space:]]+"
    r"(upgrade|dist-upgrade|full-upgrade|safe-upgrade|install)([[:space:]]|$)"
)
