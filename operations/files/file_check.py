"""Which program parses a file whole, and how it is asked before the file is in its place.

Such a program refuses everything for one line that it cannot read: no apt command, no login, no
sudo. So the candidate is shown to it in the command that writes the file, and what it refuses is
never renamed. Data: path -> program. Must not know who writes what.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

from facts.shelltext import shell_text

_COMMON: Final = shell_text(__file__)
_UDEV: Final = (
    "udevadm verify --help >/dev/null 2>&1 || exit 0  # systemd 254 and later\n"
    'under rules/candidate.rules; udevadm verify --no-summary "$d/rules/candidate.rules"'
)
#: Glob of paths, program, shell text that must succeed; the first that fits counts.
_CHECKS: Final = (
    ("/etc/sudoers", "visudo", 'visudo -cf "$B70_FILE"'),
    ("/etc/sudoers.d/*", "visudo", 'visudo -cf "$B70_FILE"'),
    ("/etc/ssh/sshd_config", "sshd", "check_sshd"),
    ("/etc/ssh/sshd_config.d/*.conf", "sshd", "check_sshd"),
    ("/etc/nftables*", "nft", 'nft -c -f "$B70_FILE"'),
    ("/etc/apt/sources.list", "apt-get", "check_sources .list"),
    ("/etc/apt/sources.list.d/*.list", "apt-get", "check_sources .list"),
    ("/etc/apt/sources.list.d/*.sources", "apt-get", "check_sources .sources"),
    ("/etc/apt/preferences", "apt-cache", "check_preferences"),
    ("/etc/apt/preferences.d/*", "apt-cache", "check_preferences"),
    ("/etc/apt/apt.conf", "apt-config", 'apt-config -c "$B70_FILE" dump >/dev/null'),
    ("/etc/apt/apt.conf.d/*", "apt-config", 'apt-config -c "$B70_FILE" dump >/dev/null'),
    ("/etc/needrestart/conf.d/*.conf", "perl", 'perl -c "$B70_FILE"'),
    ("/etc/chrony/sources.d/*.sources", "chronyd", 'chronyd -p -f "$B70_FILE" >/dev/null'),
    ("/etc/udev/rules.d/*.rules", "udevadm", _UDEV),
    ("/etc/systemd/system/*.service.d/*.conf", "systemd-analyze", "check_drop_in"),
    ("/etc/systemd/system/*.service", "systemd-analyze", "check_unit"),
    ("/etc/systemd/system/*.timer", "systemd-analyze", "check_unit"),
    ("/etc/systemd/system/*.mount", "systemd-analyze", "check_unit"),
)


def check_of(path: str) -> str:
    """Return the shell text that must accept `$B70_FILE` before it becomes this file, or none.

    Args:
        path: where the file will be; the text finds it in `$B70_DEST`.
    """
    for glob, program, command in _CHECKS:
        if fnmatchcase(path, glob):
            return f"{_COMMON}needs {program}\n{command}\n"
    return ""
