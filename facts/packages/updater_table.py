"""Who else may change kernel or GPU packages on Debian and Ubuntu: one row per updater, only data.

A new updater is a new row. Names come from the packages themselves. Why the list exists: an
unattended upgrade restarted networkd on tens of thousands of hosts within an hour (Datadog, 8 March
2023), and on a B70 rig one removed the fallback kernel (docs/evidence.md;
steveseguin/b70-optimization-lab).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from facts.packages.command_table import Reach


@dataclass(frozen=True, slots=True)
class Watch:
    """One updater.

    Args:
        presence: globs; a match proves that it is there.
        units: systemd units by which it acts; none means that it acts without a unit.
        on_demand: D-Bus, a socket or another unit starts it, so that `disabled` does not stop it.
        acts: False for leftovers, which change nothing until a person runs them.
        fences: globs of files whose existence switches it off.
        stop: command that ends it; empty where masking its units does.
    """

    name: str
    reach: Reach
    presence: tuple[str, ...]
    units: tuple[str, ...] = ()
    on_demand: bool = False
    acts: bool = True
    fences: tuple[str, ...] = ()
    stop: str = ""


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
        stop="snap refresh --hold",
    ),
    Watch(
        "cloud-init",
        "all",
        presence=("/usr/bin/cloud-init",),
        units=("cloud-final.service", "cloud-config.service"),
        fences=("/etc/cloud/cloud-init.disabled", "/run/cloud-init/disabled"),
        stop="touch /etc/cloud/cloud-init.disabled",
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
    Watch("cron-apt", "all", presence=("/usr/sbin/cron-apt",), stop="apt-get purge cron-apt"),
    # systemd.offline-updates(7): what this link leads to is installed by the next boot
    Watch(
        "offline-update",
        "all",
        presence=("/system-update", "/etc/system-update"),
        stop="rm -f /system-update /etc/system-update",
    ),
    Watch(NEEDRESTART, "services", presence=("/usr/sbin/needrestart",)),
    Watch(
        "dkms",
        "kernel",
        presence=("/var/lib/dkms/*/*/source", "/var/lib/dkms/*/kernel-*"),
        stop="dkms status   # then for each that is not needed: dkms remove MODULE/VERSION --all",
    ),
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

#: Files of jobs that run by themselves: of cron(8), anacron(8) and at(1), of systemd units that an
#: administrator wrote or changed, and of the last step of a boot.
JOB_FILES: Final = (
    "/etc/crontab",
    "/etc/anacrontab",
    "/etc/cron.d/*",
    "/etc/cron.hourly/*",
    "/etc/cron.daily/*",
    "/etc/cron.weekly/*",
    "/etc/cron.monthly/*",
    "/etc/cron.yearly/*",
    "/var/spool/cron/crontabs/*",
    "/var/spool/cron/atjobs/*",
    "/etc/rc.local",
    "/etc/systemd/system/*.timer",
    "/etc/systemd/system/*.service",
    "/etc/systemd/system/*.service.d/*.conf",
    "/usr/local/lib/systemd/system/*.service",
    "/run/systemd/system/*.service",
    "/run/systemd/transient/*.service",
)
#: Folders of scripts that such a job may call; those of packages are the packages' own.
SCRIPT_FOLDERS: Final = (
    *("/opt/", "/root/", "/home/", "/srv/", "/usr/local/", "/var/local/"),
    # not the files there that are jobs themselves, but folders of that name which people make
    "/etc/cron.scripts/",
    "/etc/scripts/",
)
