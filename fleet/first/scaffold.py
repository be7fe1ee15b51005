"""Starts a fleet directory: the files that a person would otherwise look up how to write.

All or nothing: the files are made in a draft folder and moved in place at the end.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet.base.errors import Refused

_HOSTS: Final = """\
# The hosts of this fleet. `b70 bootstrap NAME --address ADDRESS` adds one and pins its identity;
# by hand it looks like this (b70 inventory check tells what is wrong):
#
#   rig-a:
#     address: 192.0.2.10             # name or IP address
#     user: admin                     # root, or a user who may use sudo
#     key: ~/.ssh/id_ed25519          # leave it out to use the SSH agent
#     groups: [production]            # each is a file in group_data/groups
#     identity:                       # b70 bootstrap writes this part
#       host_keys:
#         - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEV4YW1wbGVLZXlPZlR1cmluMDAwMDAwMDAwMDAwMDAw
#     hardware:
#       board: ASRock Rack TURIND8-2L2T
#       cards:                        # what should be there: a dead card is not seen, it is missed
#         - {slot: PCIE1, bdf: "0000:03:00.0"}
#         - {slot: PCIE3, bdf: "0000:83:00.0"}
#     base:                           # any value of group_data can be set for one host
#       limits: {nofile: 524288}
hosts:
"""
_ALL: Final = """\
# Values of every host of this fleet; they lie over the product's own group_data/all.yaml.
# Layers: all < group (in the host's order) < stack < profile < host < --set KEY=VALUE.
# What a value is and where it comes from: b70 inventory explain HOST KEY
#
# base:
#   time_sync:
#     servers: [ntp.example.net]
"""
_PRODUCTION: Final = """\
# Values of the hosts in the group `production`; choose them with --limit @production.
#
# user: admin
# stack: NAME          # a file in group_data/stacks, the product's or this fleet's own
"""
_README: Final = """\
# {name}

A fleet of Intel Arc Pro B70 rigs, declared for b70fleet.

| file | holds |
|---|---|
| `hosts.yaml` | the hosts: address, groups, pinned identity, hardware |
| `group_data/all.yaml` | values of every host |
| `group_data/groups/NAME.yaml` | values of one group |
| `group_data/stacks/`, `profiles/` | tested sets and serving profiles of your own |

    export B70_INVENTORY={directory}
    b70 bootstrap rig-a --address 192.0.2.10    # first contact: pin, user, sudo
    b70 inventory check                         # is the declaration right?
    b70 plan                                    # what would change
    b70 converge --limit rig-a                  # change it

Layers: all < groups < stack < profile < host < `--set`; see `b70 inventory explain HOST KEY`.
Secrets are references (`env:NAME`, `file:PATH`, `{{cmd: [pass, show, rig-a]}}`), never values.
Commit every change: the declaration is the record of what the rigs should be.
"""
_IGNORE: Final = """\
# saved plans, secrets and what editors leave
*.plan.json
.env
secrets/
*~
.*.swp
"""


@dataclass(frozen=True, slots=True)
class Made:
    """What `create` made."""

    directory: Path
    files: tuple[Path, ...]
    git: bool


def create(directory: Path) -> Made:
    """Create a fleet directory.

    Args:
        directory: must not exist, or be empty.

    Raises:
        Refused: it holds something already, or cannot be written. Nothing was made.
    """
    target = directory.expanduser().resolve()
    if target.exists() and not target.is_dir():
        raise Refused(f"{directory} is a file", "name a new directory")
    if target.is_dir() and any(target.iterdir()):
        raise Refused(f"{directory} is not empty", "name a new or an empty directory")
    files = _files(target)
    made_here = not target.exists()
    try:
        target.mkdir(parents=True, exist_ok=True)
        git = _fill(target, files)
    except OSError as error:
        if made_here:
            shutil.rmtree(target, ignore_errors=True)
        raise Refused(f"cannot make {directory}: {error.strerror}") from error
    return Made(target, tuple(target / name for name in files), git)


def _fill(target: Path, files: Mapping[str, str]) -> bool:
    """Make all in a draft inside the target and move it up; tell whether git was there."""
    draft = Path(tempfile.mkdtemp(prefix=".b70-init-", dir=target))
    try:
        for name, text in files.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        git = _git_init(draft)
        for entry in list(draft.iterdir()):
            entry.rename(target / entry.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return git


def _files(target: Path) -> dict[str, str]:
    return {
        "hosts.yaml": _HOSTS,
        "group_data/all.yaml": _ALL,
        "group_data/groups/production.yaml": _PRODUCTION,
        "README.md": _README.format(name=target.name, directory=target),
        ".gitignore": _IGNORE,
    }


def _git_init(directory: Path) -> bool:
    """Make a repository; a missing or failing git is no reason to have no fleet."""
    try:
        done = subprocess.run(
            ["git", "init", "--quiet", str(directory)], capture_output=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
