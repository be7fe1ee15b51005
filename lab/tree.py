"""Files and links of a fake tree and how they get under a probe root, whatever they mean."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class File:
    """A file's text and permission bits."""

    text: str
    mode: int = 0o444


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link to another path of the tree (written relative)."""

    target: str


Tree = dict[str, File | Link]


def write(files: Tree, root: Path) -> None:
    """Write a tree under a probe root, replacing what is there."""
    for entry in root.iterdir() if root.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            (root / content.target).mkdir(parents=True, exist_ok=True)
            path.symlink_to(os.path.relpath(root / content.target, path.parent))
        else:
            path.write_text(content.text)
            path.chmod(content.mode)
