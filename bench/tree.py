"""The tree that a workload leaves on a host: built, described and compared. Pure.

The description is what `LISTING` prints on the host, so that one text comparison answers whether
two tools left the same names, modes, owners, targets and bytes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import shlex
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, StrictUndefined

from bench.workloads import TEMPLATE, Blob, Directory, Link, Resource, Template, blob

#: Where all trees lie on a host, one folder per tool.
TREES: Final = "/srv/b70bench"

#: Describes the tree in the working directory.
LISTING: Final = (
    "export LC_ALL=C; find . -mindepth 1 -printf '%P %y %m %u:%g %l\\n' | sort; "
    "find . -type f -printf '%P\\0' | sort -z | xargs -0r sha256sum --"
)
#: Prints what changes when anything in the tree is touched, even to the same content.
STAMP: Final = "find . -printf '%P %i %C@\\n' | LC_ALL=C sort | sha256sum"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree: kind is find's letter (d, f, l)."""

    path: str
    kind: str
    mode: str
    content: bytes = b""
    target: str = ""


def root(tool: str, workload: str) -> str:
    """Return the folder on a host that a tool works in."""
    return f"{TREES}/{tool}/{workload}"


def rendered(rig: str, value: object) -> str:
    """Return the text of a Template on a host."""
    environment = Environment(
        undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    return environment.from_string(TEMPLATE.read_text()).render(rig=rig, value=value)


def entries(resources: Sequence[Resource], rig: str, *, before: bool = False) -> list[Entry]:
    """Return the tree of a host.

    Args:
        rig: name of the host.
        before: with other content in each template, as a changing workload finds it.
    """
    found = []
    for resource in resources:
        match resource:
            case Directory(path):
                found.append(Entry(path, "d", "755"))
            case Template(path, value):
                text = rendered(rig, f"before {value}" if before else value)
                found.append(Entry(path, "f", "644", text.encode()))
            case Blob(path, number):
                found.append(Entry(path, "f", "600", blob(number)))
            case Link(path, target):
                found.append(Entry(path, "l", "777", target=target))
    return found


def listing(tree: Sequence[Entry]) -> str:
    """Return what LISTING prints for a tree that root owns."""
    in_order = sorted(tree, key=lambda entry: entry.path.encode())
    shown = sorted(f"{e.path} {e.kind} {e.mode} root:root {e.target}" for e in in_order)
    sums = [f"{hashlib.sha256(e.content).hexdigest()}  {e.path}" for e in in_order if e.kind == "f"]
    return "".join(f"{line}\n" for line in (*shown, *sums))


def plant(tree: Sequence[Entry], folder: str) -> str:
    """Return shell text that makes `folder` hold exactly this tree."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for entry in tree:
            member = tarfile.TarInfo(entry.path)
            member.mode = int(entry.mode, 8)
            member.size = len(entry.content)
            if entry.kind == "d":
                member.type = tarfile.DIRTYPE
            elif entry.kind == "l":
                member.type, member.linkname = tarfile.SYMTYPE, entry.target
            archive.addfile(member, io.BytesIO(entry.content))
    text = base64.encodebytes(packed.getvalue()).decode()
    quoted = shlex.quote(folder)
    return (
        f"rm -rf {quoted} && mkdir -p {quoted} && "
        f"base64 -d <<'END' | tar -xpf - -C {quoted}\n{text}END\n"
    )
