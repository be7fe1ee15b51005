"""A private apt and dpkg below a temporary folder: real transactions that touch nothing else.

root = AptRoot(tmp_path)
root.archive("graphics", "LP-PPA-x", {"libze1": Made("1.28.2", files={...})})
root.update()
root.run(command)          # a StringCommand of an operation, as the host would run it
root.state()               # what facts.packages.dpkg sees there
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facts.packages.dpkg import LOADER, Loader, Package, PackageState
from operations.apt.deb import build


@dataclass(frozen=True)
class Made:
    """A package of a private archive."""

    version: str
    depends: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)


class AptRoot:
    """One private root with archives of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.archives = folder / "archives"
        for place in (
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "etc/apt/sources.list.d",
            "var/lib/dpkg/info",
            "var/lib/dpkg/updates",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/log/apt",
        ):
            (self.root / place).mkdir(parents=True)
        (self.root / "var/lib/dpkg/status").touch()
        self.config = folder / "apt.conf"
        self.config.write_text(
            f'Dir "{self.root}/";\n'
            f'Dir::State::status "{self.root}/var/lib/dpkg/status";\n'
            'Dir::Bin::methods "/usr/lib/apt/methods";\nDir::Bin::dpkg "/usr/bin/dpkg";\n'
            'APT::Architecture "amd64";\nAPT::Architectures { "amd64"; };\n'
            f'DPkg::Options {{ "--root={self.root}"; }};\n'
            'APT::Sandbox::User "root";\n#clear APT::Update::Post-Invoke;\n'
            "#clear DPkg::Post-Invoke;\n#clear DPkg::Pre-Install-Pkgs;\n"
        )

    def archive(self, name: str, origin: str, packages: Mapping[str, Made | list[Made]]) -> Path:
        """Write an unsigned archive and declare it; return its folder."""
        folder = self.archives / name
        (folder / "pool").mkdir(parents=True, exist_ok=True)
        index = ""
        for package, made in packages.items():
            for one in made if isinstance(made, list) else [made]:
                fields = {
                    "Package": package,
                    "Version": one.version,
                    "Architecture": "amd64",
                    "Maintainer": "nobody <nobody@localhost>",
                    **({"Depends": one.depends} if one.depends else {}),
                    "Description": "made for a test",
                }
                deb = build(fields, one.files)
                path = f"pool/{package}_{one.version}.deb"
                (folder / path).write_bytes(deb)
                index += "".join(f"{key}: {value}\n" for key, value in fields.items())
                index += f"Filename: {path}\nSize: {len(deb)}\n"
                index += f"SHA256: {hashlib.sha256(deb).hexdigest()}\n\n"
        self.publish(name, origin, index)
        return folder

    def publish(self, name: str, origin: str, index: str) -> None:
        """Write the index of an archive whose pool is complete, and declare it."""
        folder = self.archives / name
        data = index.encode()
        place = folder / "dists/x/main/binary-amd64"
        place.mkdir(parents=True, exist_ok=True)
        (place / "Packages").write_bytes(data)
        (folder / "dists/x/Release").write_text(
            f"Origin: {origin}\nSuite: x\nCodename: x\nComponents: main\nArchitectures: amd64\n"
            "Date: Thu, 01 Jan 2026 00:00:00 UTC\n"
            f"SHA256:\n {hashlib.sha256(data).hexdigest()} {len(data)} main/binary-amd64/Packages\n"
        )
        self.write(
            f"/etc/apt/sources.list.d/{name}.list", f"deb [trusted=yes] file:{folder} x main\n"
        )

    def write(self, path: str, text: str) -> None:
        """Write a file below the root."""
        (self.root / path.lstrip("/")).write_text(text)

    def read(self, path: str) -> str:
        """Read a file below the root."""
        return (self.root / path.lstrip("/")).read_text()

    def shell(self, text: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run shell text with this apt; `dpkg` and `dpkg-query` mean the private ones as well."""
        tools = self.root.parent / "bin"
        if not tools.exists():
            tools.mkdir()
            for tool in ("dpkg", "dpkg-query"):
                (tools / tool).write_text(
                    f'#!/bin/sh\nexec /usr/bin/{tool} --root={self.root} "$@"\n'
                )
                (tools / tool).chmod(0o755)
        environ = dict(
            os.environ,
            APT_CONFIG=str(self.config),
            PATH=f"{tools}:{os.environ['PATH']}",
            LC_ALL="C",
        )
        return subprocess.run(
            ["sh", "-c", text], env=environ, check=check, capture_output=True, text=True, timeout=60
        )

    def run(self, command: Any, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command of an operation."""
        return self.shell(command.get_raw_value(), check=check)

    def update(self) -> None:
        """Read the archives."""
        self.shell("apt-get update -qq")

    def held(self) -> list[str]:
        """Return what is on hold."""
        return self.shell("apt-mark showhold").stdout.split()

    def state(self) -> PackageState:
        """Return what the fact would say about this root."""
        form = "${Package} ${Version} ${db:Status-Status} ${db:Status-Want}\\n"
        rows = [
            line.split()
            for line in self.shell(
                f"dpkg-query -W -f '{form}' 2>/dev/null", check=False
            ).stdout.splitlines()
        ]
        installed = {
            name: Package(version, status, "amd64", want == "hold", False)
            for name, version, status, want in rows
            if status not in ("not-installed", "config-files")
        }
        lists = sorted((self.root / "var/lib/dpkg/info").glob("*.list"))
        owners = tuple(
            path.stem.split(":")[0] for path in lists if f"/{LOADER}\n" in path.read_text()
        )
        files = tuple(
            "/" + str(path.relative_to(self.root)) for path in self.root.glob(f"usr/**/{LOADER}")
        )
        return PackageState(
            installed=installed,
            holds=tuple(self.held()),
            half_configured=(),
            config_files=(),
            interrupted=False,
            locks=(),
            loader=Loader(owners, {}, files),
        )
