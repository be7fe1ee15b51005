"""Writes an apt archive: a pool of .deb files, a Packages index and a signed Release file."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from lab.shell import run


@dataclass(frozen=True, slots=True)
class Face:
    """What an archive says about itself."""

    origin: str
    label: str
    suite: str
    component: str = "main"


def release(face: Face, indexes: dict[str, bytes], when: datetime) -> str:
    """Return the text of a Release file.

    Args:
        face: origin, label, suite, component.
        indexes: path below the suite's folder -> content.
        when: date of the release.
    """
    sums = "".join(
        f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}\n"
        for name, content in sorted(indexes.items())
    )
    return (
        f"Origin: {face.origin}\n"
        f"Label: {face.label}\n"
        f"Suite: {face.suite}\n"
        f"Codename: {face.suite}\n"
        f"Date: {format_datetime(when, usegmt=True)}\n"
        "Architectures: amd64\n"
        f"Components: {face.component}\n"
        "Acquire-By-Hash: no\n"
        f"SHA256:\n{sums}"
    )


def write_index(root: Path, face: Face, stanzas: list[str], signer: Signer) -> None:
    """Write and sign the `dists` part of the archive in `root`."""
    listing = "\n".join(stanzas).encode()
    place = f"{face.component}/binary-amd64/Packages"
    indexes = {place: listing, f"{place}.gz": gzip.compress(listing, mtime=0)}
    suite = root / "dists" / face.suite
    for name, content in indexes.items():
        path = suite / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    text = release(face, indexes, datetime.now(UTC))
    (suite / "Release").write_text(text)
    (suite / "InRelease").write_text(signer.sign(text))


class Signer:
    """A throw-away OpenPGP key of the lab, without a passphrase.

    Args:
        home: GnuPG folder of this key alone.
        name: whose key it pretends to be.
    """

    def __init__(self, home: Path, name: str) -> None:
        self._home = home
        self._name = name

    def ensure(self) -> None:
        """Make the key unless it is there."""
        if self._public.exists():
            return
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir(parents=True)
        self._home.chmod(0o700)
        user = f"{self._name} (throw-away lab key) <lab@localhost>"
        self._gpg("--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", "never")
        listed = self._gpg("--with-colons", "--list-secret-keys").splitlines()
        fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))
        self._fingerprint.write_text(f"{fingerprint}\n")
        self._public.write_text(self._gpg("--armor", "--export"))

    def fingerprint(self) -> str:
        """Return the key's fingerprint, 40 hex digits."""
        return self._fingerprint.read_text().strip()

    def armored(self) -> str:
        """Return the public key, ASCII-armoured."""
        return self._public.read_text()

    def sign(self, text: str) -> str:
        """Return `text` clear-signed."""
        return self._gpg("--clear-sign", "--digest-algo", "SHA256", input=text)

    @property
    def _public(self) -> Path:
        return self._home / "public.asc"

    @property
    def _fingerprint(self) -> Path:
        return self._home / "fingerprint"

    def _gpg(self, *arguments: str, input: str = "") -> str:
        # gpg-agent's socket lies in the home folder, and its path may not exceed 107 characters
        with tempfile.TemporaryDirectory(prefix="b70lab-") as scratch:
            home = Path(scratch) / "gpg"
            home.symlink_to(self._home)
            gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--no-tty"]
            try:
                return run([*gpg, "--pinentry-mode", "loopback", *arguments], input=input).stdout
            finally:
                run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
