"""Which files each program reads whose settings this product writes, and in which order: only data.

A further program is a further row. The orders are those of the programs' own manuals, which are
named at each row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from facts.parts import Line
from facts.settings import syntax, values
from facts.settings.apt_conf import apt_conf
from facts.settings.effective import Assigned, Kind, Main, Program

#: systemd's places for files of every kind, the strongest first.
_PLACES: Final = ("/etc", "/run", "/usr/local/lib", "/usr/lib")
#: The key of apt that each of these names stands for, whatever its case.
_APT_KEYS: Final = {
    "Unattended-Upgrade::Package-Blacklist": Kind(values.text, adds=True, open_to_others=True),
    "Unattended-Upgrade::Remove-Unused-Kernel-Packages": Kind(values.yes_or_no),
    "Unattended-Upgrade::Remove-New-Unused-Dependencies": Kind(values.yes_or_no),
    "Unattended-Upgrade::Remove-Unused-Dependencies": Kind(values.yes_or_no),
    "Unattended-Upgrade::Automatic-Reboot": Kind(values.yes_or_no),
    "APT::Ignore-Hold": Kind(values.yes_or_no),
    "APT::Get::allow-change-held-packages": Kind(values.yes_or_no),
    "APT::NeverAutoRemove": Kind(values.text, adds=True, open_to_others=True),
}


def _below(*folders: str) -> tuple[str, ...]:
    return tuple(f"{place}/systemd/{folder}" for folder in folders for place in _PLACES)


def _apt(lines: Sequence[Line]) -> Iterator[Assigned]:
    """Yield what apt's files say of the keys that matter, each in its one spelling.

    A name has no case, `#clear` erases all below a name, and a list is what stands below its name.
    """
    for each in apt_conf(lines):
        name = each.key.casefold()
        for key, kind in _APT_KEYS.items():
            known = key.casefold()
            if each.value is None:
                meant = f"{known}::".startswith(f"{name}::")
            else:
                meant = name.startswith(f"{known}::") if kind.adds else name == known
            if meant:
                yield Assigned(each.path, each.line, key, each.value)


PROGRAMS: Final = {
    program.name: program
    for program in (
        # journald.conf(5); the main file may lie in any of the places (systemd 254 and later)
        Program(
            "journald",
            syntax.ini("Journal"),
            mains=_below("journald.conf"),
            folders=_below("journald.conf.d"),
            keys={
                "Storage": Kind(values.storage),
                "SystemMaxUse": Kind(values.size),
                "SyncIntervalSec": Kind(values.seconds),
            },
        ),
        # timesyncd.conf(5): servers of all files add up, in order
        Program(
            "timesyncd",
            syntax.words_of(syntax.ini("Time")),
            mains=_below("timesyncd.conf"),
            folders=_below("timesyncd.conf.d"),
            keys={"NTP": Kind(values.text, adds=True)},
        ),
        # systemd.unit(5): drop-ins of the prefix and those of all services are one sequence
        Program(
            "unit-limits",
            syntax.ini("Service"),
            mains=(),
            folders=_below("system/b70-.service.d", "system/service.d"),
            keys={"LimitNOFILE": Kind(values.limit), "LimitMEMLOCK": Kind(values.limit)},
        ),
        # limits.conf(5) and pam_limits(8)
        Program(
            "pam-limits",
            syntax.pam_limits,
            mains=("/etc/security/limits.conf",),
            folders=("/etc/security/limits.d",),
            keys={"nofile": Kind(values.limit), "memlock": Kind(values.limit)},
        ),
        # needrestart.conf itself, in a loop at its end; what stands behind that loop wins
        Program(
            "needrestart",
            syntax.nrconf,
            mains=("/etc/needrestart/needrestart.conf",),
            folders=("/etc/needrestart/conf.d",),
            keys={"restart": Kind(values.text)},
            main=Main.AROUND,
            reads=r"/etc/needrestart/conf\.d",
            leads=r"^\s*(?:do|require)\b(?!\s*\{)",
            # the variable wins over every file; pam_env gives it to each login
            above={"/etc/environment": syntax.environment("NEEDRESTART_MODE", "restart")},
        ),
        # apt.conf(5): the main file comes last, and names without a dot or with .conf are read
        Program(
            "apt",
            _apt,
            mains=("/etc/apt/apt.conf",),
            folders=("/etc/apt/apt.conf.d",),
            keys=_APT_KEYS,
            names=r"[A-Za-z0-9_-]+|[A-Za-z0-9_.-]+\.conf",
            main=Main.LAST,
            leads=r"^\s*#include\b|(?i:\bdir::etc(?:::(?:main|parts))?\s+\")",
        ),
        # chrony.conf(5): sources only add up, but nothing reads them without such a line
        Program(
            "chrony",
            syntax.nothing,
            mains=("/etc/chrony/chrony.conf",),
            folders=("/etc/chrony/sources.d",),
            keys={},
            names=r".*\.sources",
            main=Main.AROUND,
            reads=r"^\s*sourcedir\s.*/etc/chrony/sources\.d",
        ),
    )
}
