"""The lab's signed apt mirror, served on the bridge, with faults that tests switch on and off."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import debs, standins
from lab.archive import Face, Signer, write_index
from lab.cgroups import Group
from lab.errors import LabError
from lab.image import Images
from lab.settings import Settings
from lab.shell import run
from lab.vm.image import Image, VmImages

_ROOM: Final = Path(__file__).parent
#: Real packages of the distribution, taken along when the base image was built.
_ARCHIVE: Final = Face("b70lab", "distribution packages for lab machines", "stable")
_ARCHIVE_NAME: Final = "distribution"
#: Kernels for virtual machines with their driver: real packages beside the lab's own.
_KERNELS: Final = Face("b70lab-kernels", "kernels for virtual lab machines", "stable")
_KERNELS_NAME: Final = "kernels"
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
        """Write all archives unless the ones there came from the same data."""
        origins = standins.load()
        stamp = self._stamp()
        if (self._www / "stamp").exists() and (self._www / "stamp").read_text() == stamp:
            return
        shutil.rmtree(self._www, ignore_errors=True)
        (self._www / "keys").mkdir(parents=True)
        for origin in origins.values():
            signer = self.signer(origin.name)
            for snapshot, packages in origin.snapshots.items():
                self._write(self._www / origin.path / snapshot, origin.face, packages, signer)
            latest = self._www / origin.path / origin.latest
            for part in ("dists", "pool"):
                (self._www / origin.path / part).symlink_to(latest / part)
            (self._www / "keys" / f"{origin.name}.asc").write_text(signer.armored())
        self._write_distribution()
        image = VmImages(self._settings).load()
        if image:
            self._write_kernels(image, tuple(next(iter(origins.values())).snapshots))
        (self._www / "stamp").write_text(stamp)

    def sources(self) -> dict[str, Source]:
        """Return the sources of every machine by name: intel-graphics, oneapi, distribution."""
        found = {}
        for origin in standins.load().values():
            names = tuple(package.name for package in origin.snapshots[origin.latest])
            url = f"{self._settings.mirror_url}/{origin.path}/{{snapshot}}"
            found[origin.name] = self._source(
                origin.name, url, origin.face, tuple(origin.snapshots), names
            )
        names = tuple(sorted({path.name.split("_")[0] for path in self._archive_debs()}))
        url = f"{self._settings.mirror_url}/{_ARCHIVE_NAME}"
        found[_ARCHIVE_NAME] = self._source(_ARCHIVE_NAME, url, _ARCHIVE, (), names)
        return found

    def vm_sources(self) -> dict[str, Source]:
        """Return the sources for virtual machines: all of `sources`, and kernels."""
        image = VmImages(self._settings).load()
        if image is None:
            return self.sources()
        snapshots = tuple(next(iter(standins.load().values())).snapshots)
        names = tuple(sorted({path.name.split("_")[0] for path in image.packages}))
        url = f"{self._settings.mirror_url}/{_KERNELS_NAME}/{{snapshot}}"
        kernels = self._source(_KERNELS_NAME, url, _KERNELS, snapshots, names)
        return {**self.sources(), _KERNELS_NAME: kernels}

    def is_current(self) -> bool:
        """Tell whether the server runs and serves what the data says."""
        stamp = self._www / "stamp"
        if not stamp.exists() or not self.is_running():
            return False
        return stamp.read_text() == self._stamp()

    def is_running(self) -> bool:
        """Tell whether the server runs and takes connections."""
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

    def _write(
        self, root: Path, face: Face, packages: tuple[debs.Package, ...], signer: Signer
    ) -> None:
        pool = root / "pool"
        pool.mkdir(parents=True)
        stanzas = []
        for package in packages:
            path = debs.build(package, pool)
            stanzas.append(debs.index_entry(package.control(), path, f"pool/{path.name}"))
        write_index(root, face, stanzas, signer)

    def _write_distribution(self) -> None:
        root = self._www / _ARCHIVE_NAME
        pool = root / "pool"
        pool.mkdir(parents=True)
        stanzas = []
        for file in self._archive_debs():
            path = pool / file.name
            shutil.copy2(file, path)
            control = run(["dpkg-deb", "--field", str(path)]).stdout
            stanzas.append(debs.index_entry(control, path, f"pool/{path.name}"))
        signer = self.signer(_ARCHIVE_NAME)
        write_index(root, _ARCHIVE, stanzas, signer)
        (self._www / "keys" / f"{_ARCHIVE_NAME}.asc").write_text(signer.armored())

    def _write_kernels(self, image: Image, snapshots: tuple[str, ...]) -> None:
        """Write one snapshot before the newer kernel came out, and the rest with both kernels."""
        root = self._www / _KERNELS_NAME
        pool = root / "pool"
        pool.mkdir(parents=True)
        stanzas: dict[Path, str] = {}
        for file in image.packages:
            path = pool / file.name
            shutil.copy2(file, path)
            control = run(["dpkg-deb", "--field", str(path)]).stdout
            stanzas[file] = debs.index_entry(control, path, f"pool/{path.name}")
        signer = self.signer(_KERNELS_NAME)
        for number, snapshot in enumerate(snapshots):
            there = [
                stanza
                for file, stanza in stanzas.items()
                if number > 0 or image.of_older_snapshot(file)
            ]
            (root / snapshot).mkdir()
            (root / snapshot / "pool").symlink_to("../pool")
            write_index(root / snapshot, _KERNELS, there, signer)
        (self._www / "keys" / f"{_KERNELS_NAME}.asc").write_text(signer.armored())

    def _archive_debs(self) -> list[Path]:
        return sorted((Images(self._settings).current() / "archive").glob("*.deb"))

    def _stamp(self) -> str:
        """Return a hash over everything that the archives are made from."""
        digest = hashlib.sha256()
        for name in ("standins.yaml", "templates/xpu-smi", "debs.py", "archive.py"):
            digest.update((_ROOM / name).read_bytes())
        image = VmImages(self._settings).load()
        files = [*self._archive_debs(), *(image.packages if image else [])]
        digest.update(json.dumps([file.name for file in files]).encode())
        digest.update((image.folder.name if image else "").encode())
        return digest.hexdigest()

    @property
    def _group(self) -> Group:
        # no machine can have this name: machine names start with a letter
        return Group(f"{self._settings.bridge}-_mirror")
