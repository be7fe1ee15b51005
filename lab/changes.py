"""What the lab changes on this computer, said before it is done and undone by a purge.

Each change is one value with a sentence, a test whether it is needed, an action and its reverse;
what was there before is kept in `changes.json` in the lab's folder.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from lab import cgroups, disk, releases
from lab.catalog import BOOTABLE
from lab.image import Images
from lab.kinds import Kind
from lab.mirror import Mirror
from lab.network import Network
from lab.releases import Release
from lab.settings import Settings
from lab.shell import run, search_path

#: Program -> package that brings it, the same names in Debian 12, 13 and Ubuntu 24.04.
TOOLS: Final = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "dpkg-deb": "dpkg",
    "gpg": "gnupg",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "ssh": "openssh-client",
    "sysctl": "procps",
}
#: Each machine takes several inotify instances: 22 machines use up the default of 128.
INOTIFY_INSTANCES: Final = 8192
_INOTIFY: Final = Path("/proc/sys/fs/inotify/max_user_instances")
_NSPAWN_RUN: Final = Path("/run/systemd/nspawn")


@dataclass(frozen=True, slots=True)
class Change:
    """One change to this computer.

    Args:
        sentence: what it is, for a person.
        undo: how a purge takes it back, for a person.
        needed: returns True while it has still to be done.
        apply: does it.
    """

    sentence: str
    undo: str
    needed: Callable[[], bool]
    apply: Callable[[], None]


class _Images(Protocol):
    """An image in the lab's folder, of whatever kind."""

    def is_built(self) -> bool: ...

    def build(self, say: Callable[[str], None], /) -> object: ...


class Changes:
    """The changes of one lab, in the order in which they are done.

    Args:
        settings: the lab.
        say: gets one line per change made.
        release: release of the machines that are wanted; None = this computer's.
        kinds: kinds of machines that are wanted; each has what an nspawn machine needs, too.
    """

    def __init__(
        self,
        settings: Settings,
        say: Callable[[str], None],
        release: Release | None = None,
        kinds: Collection[Kind] = (),
    ) -> None:
        self._settings = settings
        self._say = say
        self._release = release or releases.here()
        self._bootable = [row for kind, row in BOOTABLE.items() if kind in kinds]
        self._memory = settings.root / "changes.json"

    def all(self) -> list[Change]:
        """Return every change that the lab makes, needed or not."""
        settings = self._settings
        base = Images(settings, self._release)
        missing = ", ".join(self._missing_packages()) or "nothing"
        return [
            Change(
                f"make the folder {settings.root} for keys, images and machines (about 0.7 GB)",
                "removed",
                lambda: not settings.root.is_dir(),
                lambda: settings.root.mkdir(parents=True, exist_ok=True),
            ),
            Change(
                f"install packages with apt-get: {missing}",
                "what came new is removed",
                lambda: bool(self._missing_packages()),
                self._install,
            ),
            Change(
                f"raise fs.inotify.max_user_instances to {INOTIFY_INSTANCES} until the next boot",
                "set back",
                lambda: int(_INOTIFY.read_text()) < INOTIFY_INSTANCES,
                self._raise_inotify,
            ),
            Change(
                f"mount a control group hierarchy on {cgroups.MOUNT}",
                "stays until the next boot",
                lambda: not cgroups.hierarchies(),
                lambda: _mount("cgroup2", cgroups.MOUNT),
            ),
            Change(
                f"mount a tmpfs on {_NSPAWN_RUN}",
                "unmounted",
                self._nspawn_run_is_on_disk,
                self._mount_nspawn_run,
            ),
            Change(
                f"make the bridge {settings.bridge} with {settings.controller}/"
                f"{settings.network.prefixlen} (no forwarding), one namespace or tap per machine",
                "removed",
                lambda: not Network(settings).is_up(),
                lambda: Network(settings).up(),
            ),
            Change(
                f"build the {self._release.codename} base image with debootstrap from the mirror "
                "that apt uses here",
                "removed",
                partial(_is_missing, base),
                partial(_build, base, self._say),
            ),
            *self._disk_images(),
            Change(
                f"serve a signed apt mirror on {settings.mirror_url}, for the machines",
                "stopped and removed",
                lambda: not Mirror(settings).is_current(),
                Mirror(settings).start,
            ),
        ]

    def needed(self) -> list[Change]:
        """Return the changes that have still to be made."""
        return [change for change in self.all() if change.needed()]

    def apply(self) -> None:
        """Make the changes that have still to be made, one after the other."""
        for change in self.all():
            if change.needed():
                self._say(change.sentence)
                change.apply()

    def undo(self) -> None:
        """Take back what `apply` did, except the folder itself."""
        memory = self._remembered()
        Network(self._settings).down()
        if "inotify" in memory:
            _INOTIFY.write_text(memory["inotify"])
        if "nspawn_run" in memory:
            run(["umount", str(_NSPAWN_RUN)], check=False)
        if memory.get("packages"):
            run(["apt-get", "-y", "purge", *memory["packages"].split()], timeout_s=600)
        self._memory.unlink(missing_ok=True)

    def _disk_images(self) -> list[Change]:
        changes = []
        for row in self._bootable:
            images = row.images(self._settings, self._release)
            changes.append(
                Change(
                    row.sentence.format(release=self._release.codename),
                    "removed",
                    partial(_is_missing, images),
                    partial(_build, images, self._say),
                )
            )
        return changes

    def _missing_packages(self) -> list[str]:
        tables = [TOOLS, *(row.tools for row in self._bootable)]
        return sorted(
            {
                package
                for tools in tables
                for tool, package in tools.items()
                if shutil.which(tool, path=search_path()) is None
            }
        )

    def _install(self) -> None:
        before = _installed()
        run(["apt-get", "update"], timeout_s=600)
        command = ["apt-get", "install", "-y", "--no-install-recommends", *self._missing_packages()]
        run(command, timeout_s=1200)
        self._remember("packages", " ".join(sorted(_installed() - before)))

    def _raise_inotify(self) -> None:
        self._remember("inotify", _INOTIFY.read_text().strip())
        _INOTIFY.write_text(str(INOTIFY_INSTANCES))

    def _nspawn_run_is_on_disk(self) -> bool:
        return disk.filesystem(_NSPAWN_RUN) not in ("tmpfs", "ramfs")

    def _mount_nspawn_run(self) -> None:
        self._remember("nspawn_run", "mounted")
        _mount("tmpfs", _NSPAWN_RUN)

    def _remembered(self) -> dict[str, str]:
        try:
            memory: dict[str, str] = json.loads(self._memory.read_text())
        except (OSError, ValueError):
            return {}
        return memory

    def _remember(self, name: str, value: str) -> None:
        memory = self._remembered()
        if name == "packages" and name in memory:
            value = f"{memory[name]} {value}"
        elif name in memory:
            return
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        self._memory.write_text(json.dumps({**memory, name: value}, indent=1) + "\n")


def _is_missing(images: _Images) -> bool:
    return not images.is_built()


def _build(images: _Images, say: Callable[[str], None]) -> None:
    images.build(say)


def _mount(kind: str, point: Path) -> None:
    point.mkdir(parents=True, exist_ok=True)
    run(["mount", "-t", kind, kind, str(point)])


def _installed() -> set[str]:
    listed = run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\\n"]).stdout
    return {line.split()[1] for line in listed.splitlines() if line.startswith("ii ")}
