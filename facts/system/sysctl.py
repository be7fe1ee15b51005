"""Kernel settings below /proc/sys, all read by one process.

Must not know which values are wanted.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError, wrap
from facts.parts import Parts, script
from facts.value import ABSENT, Reading, Unknown

#: Settings that b70-stack evidence talks about, and those that a layer of this product writes
#: (docs/evidence.md: lockups, swap, limits).
KEYS: Final = (
    "fs.file-max",
    "fs.inotify.max_user_instances",
    "fs.inotify.max_user_watches",
    "kernel.dmesg_restrict",
    "kernel.hardlockup_all_cpu_backtrace",
    "kernel.hardlockup_panic",
    "kernel.hung_task_panic",
    "kernel.hung_task_timeout_secs",
    "kernel.nmi_watchdog",
    "kernel.numa_balancing",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.perf_event_paranoid",
    "kernel.softlockup_all_cpu_backtrace",
    "kernel.softlockup_panic",
    "kernel.sysrq",
    "kernel.watchdog_thresh",
    "net.core.somaxconn",
    "vm.dirty_background_ratio",
    "vm.dirty_ratio",
    "vm.max_map_count",
    "vm.min_free_kbytes",
    "vm.nr_hugepages",
    "vm.overcommit_memory",
    "vm.swappiness",
    "vm.zone_reclaim_mode",
)

_KEY: Final = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_./:@-]*$")


class Sysctl(HostFact[Mapping[str, Reading[str]]]):
    """The settings that matter to a rig: key -> value, absent where the kernel has no such key."""

    domain = "sysctl"

    @override
    def script(self, probe_root: str = "") -> str:
        return sysctl_script(KEYS)

    @override
    def parse(self, text: str) -> Mapping[str, Reading[str]]:
        return parse_sysctl(text)


class SysctlValues(HostFact[Mapping[str, Reading[str]]]):
    """Any other settings: `host.get_fact(SysctlValues, keys="vm.laptop_mode,fs.nr_open")`."""

    @override
    def command(self, keys: str, probe_root: str = "") -> str:  # type: ignore[override]  # pyinfra gives a fact's key by name
        return wrap(sysctl_script(key for key in keys.split(",") if key), self.timeout_s)

    @override
    def parse(self, text: str) -> Mapping[str, Reading[str]]:
        return parse_sysctl(text)


def sysctl_path(key: str) -> str:
    """Return the file of a key (its first separator rules, sysctl.d(5)); raise ValueError."""
    if not _KEY.match(key) or ".." in key:
        raise ValueError(f"{key!r} is not a sysctl key")
    separators = [char for char in key if char in "./"]
    if separators and separators[0] == ".":
        key = key.translate(str.maketrans("./", "/."))
    return f"/proc/sys/{key}"


def sysctl_script(keys: Iterable[str]) -> str:
    """Return the script for some keys."""
    # a shell's `read` takes one byte at a time, and the kernel ends a number below /proc/sys after
    # the first read: 60 would come out as 6; grep reads it whole
    paths = {key: sysctl_path(key) for key in keys}
    return script(
        f"part keys; printf '%s\\n' {shlex.join(paths)}\n"
        f"set -- {shlex.join(paths.values())}\n"
        'part absent; for f do if [ ! -e "$f" ]; then printf \'%s\\n\' "$f"; fi; done\n'
        "lines values '' \"$@\""
    )


def parse_sysctl(text: str) -> Mapping[str, Reading[str]]:
    """Return key -> value with runs of white space made one space, as sysctl.d files write it."""
    parts = Parts(text)
    files, absent = parts.files("values"), frozenset(parts.lines("absent"))
    values: dict[str, Reading[str]] = {}
    for key in parts.lines("keys"):
        path = sysctl_path(key)
        found = files.of(path)
        if path in absent:
            values[key] = ABSENT
        elif path in files.denied:
            values[key] = Unknown("needs root")
        elif not found:
            values[key] = Unknown(f"{path} is empty or cannot be read")
        else:
            values[key] = " ".join(found[0].text.split())
    if not values:
        raise ParseError("no key was read")
    return values
