"""Builds stand-in packages: real .deb files with true control data and a few bytes of content."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from lab.shell import run


@dataclass(frozen=True, slots=True)
class Content:
    """A file of a package.

    Args:
        text: what is in it, as text or as bytes.
        mode: permission bits.
        link: target of a symbolic link; then the rest does not matter.
    """

    text: str | bytes = ""
    mode: int = 0o644
    link: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """A package to build; paths are absolute, scripts are maintainer scripts by name."""

    name: str
    version: str
    depends: str = ""
    files: dict[str, Content] = field(default_factory=dict)
    architecture: str = "amd64"
    scripts: dict[str, str] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """Return the usual file name of the .deb."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"

    def control(self) -> str:
        """Return the control file."""
        depends = f"Depends: {self.depends}\n" if self.depends else ""
        return (
            f"Package: {self.name}\n"
            f"Version: {self.version}\n"
            f"Architecture: {self.architecture}\n"
            "Maintainer: b70lab <lab@localhost>\n"
            "Section: misc\n"
            "Priority: optional\n"
            f"{depends}"
            f"Description: stand-in for {self.name}\n"
            " Carries the true name, version and dependencies; made for lab machines only.\n"
        )


def build(package: Package, folder: Path) -> Path:
    """Build a .deb in `folder` and return its path."""
    target = folder / package.file_name
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        root.chmod(0o755)
        (root / "DEBIAN").mkdir()
        (root / "DEBIAN/control").write_text(package.control())
        for name, script in package.scripts.items():
            (root / "DEBIAN" / name).write_text(script)
            (root / "DEBIAN" / name).chmod(0o755)
        for name, content in package.files.items():
            path = root / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.link:
                path.symlink_to(content.link)
            else:
                text = content.text
                path.write_bytes(text.encode() if isinstance(text, str) else text)
                path.chmod(content.mode)
        run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(root), str(target)])
    return target


def index_entry(control: str, path: Path, listed_as: str) -> str:
    """Return a package's stanza for the Packages index.

    Args:
        control: its control file.
        path: the .deb.
        listed_as: path of the .deb relative to the archive's root.
    """
    content = path.read_bytes()
    return (
        f"{control.rstrip()}\n"
        f"Filename: {listed_as}\n"
        f"Size: {len(content)}\n"
        f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
    )
