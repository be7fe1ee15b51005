"""Facts of an imaginary Debian 12 host, in the shapes that the base layer's operations read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from facts.disks.block import Disks
from facts.disks.mountinfo import Mount
from facts.parts import Line
from facts.settings.effective import SettingFiles, collect
from facts.settings.programs import PROGRAMS
from facts.system.files import Stat
from facts.system.os_release import OperatingSystem
from facts.system.units import Unit, UnitState
from facts.system.users import Accounts, Group, User
from facts.value import ABSENT

#: Second at which every running unit of the imaginary host started.
STARTED = 1_000_000


def system(release: str = "debian-12", container: bool = False) -> OperatingSystem:
    """Return an operating system; `release` is `id-version_id`."""
    name, _, version = release.partition("-")
    virtualization = "systemd-nspawn" if container else "none"
    return OperatingSystem(name, version, ABSENT, ABSENT, "amd64", virtualization, container)


def accounts(
    *users: User, groups: dict[str, tuple[int, tuple[str, ...]]] | None = None
) -> Accounts:
    """Return root and some users; groups: name -> (gid, members)."""
    everybody = (User("root", 0, 0, "/root", "/bin/bash"), *users)
    listed = {"root": (0, ()), **(groups or {})}
    return Accounts(
        {user.name: user for user in everybody},
        {name: Group(name, gid, members) for name, (gid, members) in listed.items()},
    )


def running(**changes: Any) -> Unit:
    """Return an enabled unit that runs since STARTED."""
    values: dict[str, Any] = {
        "load": "loaded",
        "active": "active",
        "sub": "running",
        "file_state": "enabled",
        "need_daemon_reload": False,
        "active_since": STARTED,
    }
    return Unit(**{**values, **changes})


def units(**named: Unit) -> UnitState:
    """Return units by name: `a_b` stands for `a-b.service`."""
    return UnitState(
        {f"{name.replace('_', '-')}.service": unit for name, unit in named.items()}, failed=()
    )


def stat(kind: str = "file", content: bytes = b"a=1\n", **changes: Any) -> Stat:
    """Return what lies at a path of root's."""
    values: dict[str, Any] = {
        "kind": kind,
        "mode": "0755" if kind == "directory" else "0644",
        "user": "root",
        "group": "root",
        "size": len(content),
        "mtime": STARTED,
        "sha256": hashlib.sha256(content).hexdigest() if kind == "file" else ABSENT,
    }
    return Stat(**{**values, **changes})


def files(**by_path: Stat) -> Callable[[str], Any]:
    """Return a FileState answer: what is not listed is absent."""
    return lambda path: by_path.get(path, ABSENT)


def drop_ins(
    texts: Mapping[str, str] = MappingProxyType({}), denied: tuple[str, ...] = ()
) -> Mapping[str, SettingFiles]:
    """Return the files of settings of a host; texts: path -> content."""
    lines = [
        Line(path, number, text)
        for path, content in texts.items()
        for number, text in [(0, ""), *enumerate(content.splitlines(), 1)]
    ]
    return {name: collect(program, lines, denied) for name, program in PROGRAMS.items()}


def mounts(*read_only: str) -> Disks:
    """Return a host whose "/" and /proc can be written, and the given places cannot."""
    listed = [
        _mount("/", "rw"),
        _mount("/proc", "rw"),
        *(_mount(place, "ro") for place in read_only),
    ]
    return Disks(ABSENT, tuple(listed), {}, (), False)


def _mount(target: str, option: str) -> Mount:
    return Mount(target, "none", "proc", "0:1", "/", (option,), (option,))
