"""Who a machine is: machine-id and SSH host key, kept through resets so that they can be pinned."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from lab.shell import run


@dataclass(frozen=True, slots=True)
class Identity:
    """A machine's identity.

    Args:
        machine_id: 32 hex digits.
        host_key: public line, "ssh-ed25519 AAAA…" without a comment.
    """

    machine_id: str
    host_key: str


def new_key(path: Path, comment: str) -> None:
    """Make an ed25519 key pair without a passphrase unless it is there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def give_to_caller(key: Path) -> None:
    """Let the person behind sudo use a key."""
    caller = os.environ.get("SUDO_UID", "")
    if caller.isdigit():
        os.chown(key, int(caller), -1)


def public_line(path: Path) -> str:
    """Return type and base64 of the public half of a key pair."""
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])


def ensure(folder: Path) -> Identity:
    """Return the identity kept in `folder`, made at the first call."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "machine-id"
    if not file.exists():
        file.write_text(secrets.token_hex(16) + "\n")
    new_key(folder / "ssh_host_ed25519_key", "lab machine")
    return Identity(file.read_text().strip(), public_line(folder / "ssh_host_ed25519_key"))


def plant(
    folder: Path, root: Path, name: str, authorized: str, *, root_login: bool = False
) -> None:
    """Write a machine's identity into its (not running) root file system.

    Args:
        folder: where `ensure` keeps it.
        root: the machine's root file system.
        name: host name.
        authorized: public key line that may log in as `rig`.
        root_login: it may log in as root, too.
    """
    ssh = root / "etc/ssh"
    for source, mode in (("ssh_host_ed25519_key", 0o600), ("ssh_host_ed25519_key.pub", 0o644)):
        target = ssh / source
        target.write_bytes((folder / source).read_bytes())
        target.chmod(mode)
    (root / "etc/machine-id").write_text((folder / "machine-id").read_text())
    (root / "etc/hostname").write_text(f"{name}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
    for home in ("home/rig", *(["root"] if root_login else [])):
        _authorize(root / home, authorized)


def _authorize(home: Path, line: str) -> None:
    """Let a key open the account that owns a home directory."""
    owner, keys = home.stat(), home / ".ssh/authorized_keys"
    keys.parent.mkdir(mode=0o700, exist_ok=True)
    keys.write_text(f"{line}\n")
    keys.chmod(0o600)
    for path in (keys.parent, keys):
        os.chown(path, owner.st_uid, owner.st_gid)
