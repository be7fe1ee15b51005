"""What a file that is named as a private key is in truth, by how it begins. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

#: Bytes of a file that tell what it is; words may stand before a key.
HEAD: Final = 4096
_PUBLIC: Final = (b"ssh-", b"ecdsa-", b"sk-")


class NoKey(NamedTuple):
    """Why a file is no private key, and what to do; `{path}` in it stands for the file."""

    why: str
    remedy: str


def no_private_key(head: bytes) -> NoKey | None:
    """Return why a file is no private key of OpenSSH's; None when it may be one.

    Args:
        head: its first HEAD bytes.
    """
    start = head.lstrip()
    if start.startswith(_PUBLIC):
        return NoKey(
            "is a public key", "name the private one in the inventory: the file without .pub"
        )
    if start.startswith(b"PuTTY-"):
        return NoKey(
            "is a key of PuTTY",
            "puttygen {path} -O private-openssh -o {path}.openssh; name that in the inventory",
        )
    if b"PRIVATE KEY-----" not in head:
        return NoKey("is no private key", "name the right one in the inventory; file {path}")
    return None
