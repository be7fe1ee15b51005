"""The base images: one minimal system per release, which all machines of it share as lowest layer.

Built once per recipe with debootstrap from the mirror that this computer uses, kept under the
hash of the recipe. It carries no key, no host identity and no package source.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lab import disk, releases
from lab.releases import Origin, Release
from lab.settings import Settings
from lab.shell import run, search_path

_ROOM: Final = Path(__file__).parent
#: Seconds: 54 s were measured on 2 cores with a near mirror; a slow line may take far longer.
_BUILD_TIMEOUT_S: Final = 1800


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the content of a base image (the mirror's address does not)."""

    distribution: str
    suite: str
    components: tuple[str, ...]
    packages: tuple[str, ...]
    mirror_packages: tuple[str, ...]
    private_sysctls: tuple[str, ...]
    setup: str

    @property
    def digest(self) -> str:
        """Return the name under which the image is kept: 16 hex digits of the recipe's SHA-256."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def recipe(release: Release) -> Recipe:
    """Return the recipe of a release's base image."""
    data: dict[str, Any] = yaml.safe_load(releases.DATA.read_text())
    return Recipe(
        release.distribution,
        release.codename,
        releases.distributions()[release.distribution].components,
        tuple(data["packages"]),
        tuple(data["mirror_packages"]),
        tuple(data["private_sysctls"]),
        (_ROOM / "templates" / "setup-base.sh").read_text(),
    )


def debootstrap_command(recipe: Recipe, origin: Origin, target: Path) -> list[str]:
    """Return the command that fills `target` with the minimal system."""
    return [
        "debootstrap",
        "--variant=minbase",
        f"--keyring={origin.keyring}",
        f"--components={','.join(recipe.components)}",
        f"--include={','.join(recipe.packages)}",
        recipe.suite,
        str(target),
        origin.mirror,
    ]


def download_command(root: Path, state: Path) -> list[str]:
    """Return the apt-get words that fetch packages for the system in `root`."""
    return [
        "apt-get",
        "-y",
        "--no-install-recommends",
        "--download-only",
        f"-oDir::Etc::sourcelist={state / 'sources.list'}",
        "-oDir::Etc::sourceparts=/dev/null",
        f"-oDir::State={state}",
        f"-oDir::State::status={root / 'var/lib/dpkg/status'}",
        f"-oDir::Cache={state}",
        "-oAPT::Sandbox::User=root",
        "-oDebug::NoLocking=1",
    ]


class Images:
    """A release's base image in a lab's folder.

    Args:
        settings: the lab.
        release: the release.
    """

    def __init__(self, settings: Settings, release: Release) -> None:
        self._folder = settings.images
        self._release = release

    def current(self) -> Path:
        """Return the image's folder, built or not, with `root/` and `archive/`."""
        return self._folder / recipe(self._release).digest

    def is_built(self) -> bool:
        """Return True if the image is complete."""
        return (self.current() / "recipe.json").exists()

    def packages(self) -> list[Path]:
        """Return the packages for the mirror; none while the image is not built."""
        return sorted((self.current() / "archive").glob("*.deb"))

    def build(self, say: Callable[[str], None]) -> Path:
        """Build the image unless it is there, and return its folder.

        Args:
            say: gets one line per step.

        Raises:
            LabError: debootstrap or apt failed.
        """
        wanted, origin = recipe(self._release), releases.origin(self._release)
        final = self._folder / wanted.digest
        if self.is_built():
            return final
        partial = final.with_suffix(".partial")
        disk.unmount(partial)  # what a debootstrap that was killed left mounted
        shutil.rmtree(partial, ignore_errors=True)
        root, state = partial / "root", partial / "apt"
        root.mkdir(parents=True)
        environ = {**os.environ, "PATH": search_path(), **_proxies()}
        say(
            f"base image {wanted.digest}: {wanted.distribution} {wanted.suite} from {origin.mirror}"
        )
        run(debootstrap_command(wanted, origin, root), timeout_s=_BUILD_TIMEOUT_S, env=environ)
        say("base image: packages for the lab mirror")
        (state / "lists/partial").mkdir(parents=True)
        (state / "archives/partial").mkdir(parents=True)
        (state / "sources.list").write_text(
            f"deb [signed-by={origin.keyring}] {origin.mirror} {wanted.suite} "
            f"{' '.join(wanted.components)}\n"
        )
        apt = download_command(root, state)
        run([*apt, "update"], timeout_s=_BUILD_TIMEOUT_S, env=environ)
        run([*apt, "install", *wanted.mirror_packages], timeout_s=_BUILD_TIMEOUT_S, env=environ)
        archive = partial / "archive"
        archive.mkdir()
        for package in (state / "archives").glob("*.deb"):
            package.rename(archive / package.name)
        shutil.rmtree(state)
        say("base image: user, sudo, quiet timers")
        (root / "etc/b70lab").mkdir()
        (root / "etc/b70lab/private-sysctls").write_text("\n".join(wanted.private_sysctls) + "\n")
        run(["chroot", str(root), "sh", "-eu"], input=wanted.setup, timeout_s=_BUILD_TIMEOUT_S)
        (partial / "recipe.json").write_text(json.dumps(asdict(wanted), indent=1))
        partial.rename(final)
        return final


def _proxies() -> dict[str, str]:
    """Return apt's proxy settings as the environment that debootstrap understands."""
    found = {}
    for scheme in ("http", "https"):
        said = run(["apt-config", "shell", "P", f"Acquire::{scheme}::Proxy"]).stdout.strip()
        value = said.removeprefix("P=").strip("'")
        if value and value != "DIRECT":
            found[f"{scheme}_proxy"] = value
    return found
