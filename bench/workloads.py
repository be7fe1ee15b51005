"""The resources that every tool is given, as data: one list, translated for each tool elsewhere.

Only kinds that all tools have a way of their own for. Paths are relative to the tool's root on the
host, so that tools never touch each other's files and their trees can be compared.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Jinja2 source of every Template, the same file for each tool.
TEMPLATE: Final = Path(__file__).parent / "files" / "conf.j2"


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory, mode 0755, root:root."""

    path: str


@dataclass(frozen=True, slots=True)
class Template:
    """TEMPLATE filled in with the host's name and a value, mode 0644, root:root."""

    path: str
    value: int


@dataclass(frozen=True, slots=True)
class Blob:
    """A file copied as it is, mode 0600, root:root."""

    path: str
    number: int


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Packages:
    """Packages that every lab machine has."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A group that every lab machine has."""

    name: str


Resource = Directory | Template | Blob | Link | Packages | Group


def _mixed(templates: int) -> tuple[Resource, ...]:
    """Return the mix of DESIGN's 20 operations: 10 resources of all kinds, and templates."""
    return (
        *(Directory(f"d{n}") for n in range(3)),
        *(Template(f"d0/t{n}.conf", n) for n in range(templates)),
        *(Blob(f"d1/blob{n}", n) for n in range(3)),
        *(Link(f"d2/l{n}", f"../d0/t{n}.conf") for n in range(2)),
        Packages(("openssh-server", "sudo")),
        Group("adm"),
    )


#: Workload -> its resources, in order. `noop-*` meet hosts that are converged already;
#: `change-50-files` meets hosts where each of the 50 files has other content.
WORKLOADS: Final[dict[str, tuple[Resource, ...]]] = {
    "noop-20": _mixed(10),
    "noop-100": _mixed(90),
    "change-50-files": (
        Directory("changed"),
        *(Template(f"changed/t{n}.conf", n) for n in range(50)),
    ),
}


def blob(number: int) -> bytes:
    """Return the content of a Blob: about 2 KiB of text that does not compress to nothing."""
    lines = (hashlib.sha256(f"{number}/{line}".encode()).hexdigest() for line in range(32))
    return "".join(f"{line}\n" for line in lines).encode()


def changes_files(workload: str) -> bool:
    """Return True if a workload's files must be made different before each measurement."""
    return workload.startswith("change-")
