"""The lab's signed apt mirror, served on the bridge, with faults that tests switch on and off."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from lab import debs, releases, standins, store
from lab.archive import Face, Signer, write_index
from lab.catalog import BOOTABLE
from lab.cgroups import Group
from lab.diskimage import Image
from lab.errors import LabError
from lab.image import Images
from lab.kinds import NSPAWN, Kind
from lab.releases import Release
from lab.settings import Settings
from lab.shell import run
from lab.standins import Origin

_ROOM: Final = Path(__file__).parent
#: Real packages of the distribution, taken along when the base image was built.
_DISTRIBUTION: Final = Face("b70lab", "distribution packages for lab machines", "stable")
_DISTRIBUTION_NAME: Final = "distribution"
#: Kernels for machines that boot one, with their driver: real packages beside the lab's own.
_KERNELS: Final = Face("b70lab-kernels", "kernels for lab machines", "stable")
#: In the folder of each archive: what it was made from.
_STAMP: Final = "stamp"
#: Seconds until a started server must take connections.
_READY_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Source:
    """One source of the mirror, as a deb822 entry needs it.

    Args:
        name: short name.
        url: address; `{snapshot}` stands for a snapshot id where the source has any.
        suite: suite.
        component: component.
        origin: `Origin:` of its Release files.
        fingerprint: of the key that signs it.
        armored: that key.
        snapshots: ids, oldest first.
        packages: names of the packages in it.
    """

    name: str
    url: str
    suite: str
    component: str
    origin: str
    fingerprint: str
    armored: str
    snapshots: tuple[str, ...]
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Archive:
    """One archive of the mirror.

    Args:
        name: of the source, and of the key that signs it.
        path: its folder below the mirror's root.
        made_from: hash over everything that its content comes from.
        write: writes it into a folder, signed.
    """

    name: str
    path: str
    made_from: str
    write: Callable[[Path, Signer], None]


class Mirror:
    """The mirror of one lab."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.folder = settings.root / "mirror"
        self._www = self.folder / "www"

    @property
    def log(self) -> Path:
        """Return the access log: one line per request."""
        return self.folder / "access.log"

    def build(self) -> None:
        """Write the archives that are missing or came from other data; the others stay as served.

        There is one for each stand-in origin, and for each image that is built.
        """
        (self._www / "keys").mkdir(parents=True, exist_ok=True)
        with store.locked(self._settings, "mirror.lock"):  # a test that mends it may come along
            for archive in self._archives():
                if not self._is_written(archive):
                    self._write(archive)

    def sources(self, release: Release | None = None, kind: Kind = NSPAWN) -> dict[str, Source]:
        """Return the sources of a machine by name: intel-graphics, oneapi, distribution, kernels.

        The names of the last two end in the release where it is not this computer's own.

        Args:
            release: the machine's; None = this computer's.
            kind: the machine's; without a kernel of its own it has no source of kernels.
        """
        release = release or releases.here()
        found = {}
        for origin in standins.load().values():
            names = tuple(package.name for package in origin.snapshots[origin.latest])
            url = f"{self._settings.mirror_url}/{origin.path}/{{snapshot}}"
            found[origin.name] = self._source(
                origin.name, url, origin.face, tuple(origin.snapshots), names
            )
        name = releases.qualified(_DISTRIBUTION_NAME, release)
        packages = _names(Images(self._settings, release).packages())
        url = f"{self._settings.mirror_url}/{name}"
        found[name] = self._source(name, url, _DISTRIBUTION, (), packages)
        image = self._image(kind, release)
        if image:
            name = releases.qualified(BOOTABLE[kind].archive, release)
            url = f"{self._settings.mirror_url}/{name}/{{snapshot}}"
            packages = _names(image.packages)
            found[name] = self._source(name, url, _KERNELS, _snapshots(), packages)
        return found

    def is_current(self) -> bool:
        """Return True if the server runs and serves what the data says."""
        return self.is_running() and all(map(self._is_written, self._archives()))

    def is_running(self) -> bool:
        """Return True if the server runs and takes connections."""
        if not self._group.pids():
            return False
        address = (str(self._settings.controller), self._settings.mirror_port)
        try:
            with socket.create_connection(address, timeout=2):
                return True
        except OSError:
            return False

    def start(self) -> None:
        """Build what is missing and start the server.

        Raises:
            LabError: something else holds the port, or the server ended.
        """
        self.build()
        if self.is_running():
            return
        server = [sys.executable, "-P", str(_ROOM / "mirror_server.py"), str(self._www)]
        where = [str(self._settings.controller), str(self._settings.mirror_port)]
        self._group.spawn([*server, *where], self.log)
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self.is_running():
            if time.monotonic() > deadline:
                raise LabError("the apt mirror did not start", f"see {self.log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server: connections are refused from now on."""
        self._group.remove()

    def slow(self, seconds: float) -> None:
        """Delay every answer from now on; 0 ends it."""
        (self.folder / "slow").write_text(f"{seconds}\n")

    def corrupt(self, package: str) -> list[Path]:
        """Flip a byte in every .deb of a package, so that its hash no longer matches the index.

        Raises:
            LabError: the mirror has no such package.
        """
        files = sorted(self._www.glob(f"**/pool/**/{package}_*.deb"))
        files = [file for file in files if not file.parent.is_symlink()]
        if not files:
            raise LabError(f"the mirror has no package {package!r}")
        for file in files:
            kept = file.with_suffix(".deb.sound")
            if not kept.exists():
                shutil.copy2(file, kept)
            content = bytearray(file.read_bytes())
            content[-1] ^= 0xFF
            file.write_bytes(content)
        return files

    def restore(self) -> None:
        """End every fault: sound packages, full speed, server running."""
        for kept in self._www.glob("**/*.deb.sound"):
            kept.replace(kept.with_suffix(""))
        (self.folder / "slow").unlink(missing_ok=True)
        self.start()

    def signer(self, name: str) -> Signer:
        """Return the throw-away key of a source; any other name makes a key that fits nothing."""
        signer = Signer(self._settings.root / "keys" / f"apt-{name}", name)
        signer.ensure()
        return signer

    def _source(
        self, name: str, url: str, face: Face, snapshots: tuple[str, ...], packages: tuple[str, ...]
    ) -> Source:
        signer = self.signer(name)
        return Source(
            name,
            url,
            face.suite,
            face.component,
            face.origin,
            signer.fingerprint(),
            signer.armored(),
            snapshots,
            packages,
        )

    def _image(self, kind: Kind, release: Release) -> Image | None:
        """Return the built disk image of a kind and release; None when there is none."""
        row = BOOTABLE.get(kind)
        return row.images(self._settings, release).load() if row else None

    def _archives(self) -> Iterator[_Archive]:
        for origin in standins.load().values():
            write = partial(_write_origin, origin)
            yield _Archive(origin.name, origin.path, _hash([]), write)
        for release in releases.known():
            packages = Images(self._settings, release).packages()
            if packages:
                name = releases.qualified(_DISTRIBUTION_NAME, release)
                write = partial(_write_distribution, packages)
                yield _Archive(name, name, _hash(packages), write)
            for kind, row in BOOTABLE.items():
                image = self._image(kind, release)
                if image:
                    name = releases.qualified(row.archive, release)
                    write = partial(_write_kernels, image)
                    yield _Archive(name, name, _hash(image.packages), write)

    def _is_written(self, archive: _Archive) -> bool:
        try:
            return (self._www / archive.path / _STAMP).read_text() == archive.made_from
        except OSError:
            return False

    def _write(self, archive: _Archive) -> None:
        final = self._www / archive.path
        fresh = final.with_name(f"{final.name}.partial")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        signer = self.signer(archive.name)
        archive.write(fresh, signer)
        (fresh / _STAMP).write_text(archive.made_from)
        shutil.rmtree(final, ignore_errors=True)
        fresh.rename(final)
        (self._www / "keys" / f"{archive.name}.asc").write_text(signer.armored())

    @property
    def _group(self) -> Group:
        # no machine can have this name: machine names start with a letter
        return Group(f"{self._settings.bridge}-_mirror")


def _write_origin(origin: Origin, root: Path, signer: Signer) -> None:
    for snapshot, packages in origin.snapshots.items():
        pool = root / snapshot / "pool"
        pool.mkdir(parents=True)
        stanzas = []
        for package in packages:
            path = debs.build(package, pool)
            stanzas.append(debs.index_entry(package.control(), path, f"pool/{path.name}"))
        write_index(root / snapshot, origin.face, stanzas, signer)
    for part in ("dists", "pool"):
        (root / part).symlink_to(Path(origin.latest, part))


def _write_distribution(packages: Iterable[Path], root: Path, signer: Signer) -> None:
    write_index(root, _DISTRIBUTION, list(_pooled(packages, root).values()), signer)


def _write_kernels(image: Image, root: Path, signer: Signer) -> None:
    """Write one snapshot before the newer kernel came out, and the rest with both kernels."""
    stanzas = _pooled(image.packages, root)
    for number, snapshot in enumerate(_snapshots()):
        there = [
            stanza
            for file, stanza in stanzas.items()
            if number > 0 or image.of_older_snapshot(file)
        ]
        (root / snapshot).mkdir()
        (root / snapshot / "pool").symlink_to("../pool")
        write_index(root / snapshot, _KERNELS, there, signer)


def _pooled(packages: Iterable[Path], root: Path) -> dict[Path, str]:
    """Copy real packages into an archive's pool and return their stanzas for its index."""
    pool = root / "pool"
    pool.mkdir()
    stanzas = {}
    for file in packages:
        path = pool / file.name
        shutil.copy2(file, path)
        control = run(["dpkg-deb", "--field", str(path)]).stdout
        stanzas[file] = debs.index_entry(control, path, f"pool/{path.name}")
    return stanzas


def _snapshots() -> tuple[str, ...]:
    """Return the ids of the snapshots that archives with kernels have: the stand-ins' own."""
    return tuple(next(iter(standins.load().values())).snapshots)


def _names(packages: Iterable[Path]) -> tuple[str, ...]:
    return tuple(sorted({path.name.split("_")[0] for path in packages}))


def _hash(packages: Iterable[Path]) -> str:
    """Return a hash over the lab's own part of every archive and these real packages.

    Their folder is named after everything that decides what is in them.
    """
    digest = hashlib.sha256()
    for name in ("standins.yaml", "templates/xpu-smi", "debs.py", "archive.py"):
        digest.update((_ROOM / name).read_bytes())
    digest.update(json.dumps([str(file) for file in packages]).encode())
    return digest.hexdigest()
