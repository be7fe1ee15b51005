"""OpenSSH's one-line public keys: the one that is authorized, and what a person compares.

Pure but for reading one file; knows no host.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Final

from fleet.base.errors import ConfigError

#: What `ssh-keygen -l` prints, with or without the word in front; 32 bytes are 43 characters.
_FINGERPRINT: Final = re.compile(r"(?:SHA256:)?([A-Za-z0-9+/]{43})=?")


def fingerprint(line: str) -> str:
    """Return a key line's fingerprint as `ssh-keygen -l` prints it; no key line comes back whole.

    Args:
        line: such as `ssh-ed25519 AAAA... comment`.
    """
    blob = _blob(line)
    if blob is None:
        return line
    digest = b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"{line.split()[0]} SHA256:{digest}"


def digest_of(given: str) -> str | None:
    """Return the bare digest of a fingerprint that a person typed, or None if it is none."""
    found = _FINGERPRINT.fullmatch(given.strip())
    return found[1] if found else None


def public_key(file: Path) -> str:
    """Return the key line of a .pub file.

    Raises:
        ConfigError: the file holds something else (a private key must never reach a host).
    """
    private, public = shlex.quote(str(file.with_suffix(""))), shlex.quote(str(file))
    make = f"ssh-keygen -y -f {private} >{public}"
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"cannot read the public key {file}: {error.strerror}", make) from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    keys = [line for line in lines if not line.startswith("#")]
    if len(keys) != 1 or _blob(keys[0]) is None:
        raise ConfigError(f"{file} is not one OpenSSH public key", make)
    return keys[0]


def kind(line: str) -> str:
    """Return the type of a key line, such as `ssh-ed25519`."""
    return line.split()[0]


def _blob(line: str) -> bytes | None:
    """Return the key's bytes if the line is a type and a key of that type."""
    words = line.split()
    try:
        blob = b64decode(words[1], validate=True)
    except (IndexError, ValueError):
        return None
    name = words[0].encode()
    # RFC 4253, section 6.6: the key begins with the length and the name of its type
    return blob if blob[: 4 + len(name)] == len(name).to_bytes(4, "big") + name else None
