"""Fingerprints of OpenPGP public keys: a repository key is checked before any host trusts it.

Pure: reads the armour and the packet framing of RFC 9580 and nothing else (no signatures, no trust,
no gpg on the controller or the host). The one module of this room that facts may import: what a
host's keyrings hold and what is declared must be read alike.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: Packet types (RFC 9580, 5): a secret key must never travel to a host.
_PUBLIC_KEY: Final = 6
_SECRET: Final = (5, 7)
#: CRC-24 of the armour (RFC 9580, 6.1).
_BLOCK: Final = re.compile(
    r"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL
)


class KeyRefused(ValueError):
    """The key is damaged, of an unknown kind, or not the one that was declared."""


@dataclass(frozen=True, slots=True)
class Key:
    """One primary key with everything that belongs to it.

    Attributes:
        fingerprint: upper-case hex; 40 digits for version 4, which is what is declared, 64 for 6.
        packets: the key's packets as they lay in the file.
    """

    fingerprint: str
    packets: bytes


def dearmor(text: str) -> bytes:
    """Return the packets of all public key blocks in a text.

    Raises:
        KeyRefused: there is no block, or one is damaged.
    """
    blocks = _BLOCK.findall(text)
    if not blocks:
        raise KeyRefused("no ASCII-armoured public key block in it")
    return b"".join(map(_dearmor_block, blocks))


def _dearmor_block(block: str) -> bytes:
    lines = [line.strip() for line in block.splitlines()]
    while lines and ":" in lines[0]:  # armour headers such as "Comment: ..."
        lines.pop(0)
    body = [line for line in lines if line]
    # a checksum may stand there; nobody may refuse a key for it (RFC 9580, 6.1)
    if body and body[-1].startswith("="):
        body.pop()
    try:
        return base64.b64decode("".join(body), validate=True)
    except binascii.Error as error:
        raise KeyRefused(f"the armour is damaged: {error}") from error


def armor(data: bytes) -> str:
    """Return packets as one armoured public key block."""
    body = base64.b64encode(data).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join(
        (
            "-----BEGIN PGP PUBLIC KEY BLOCK-----",
            "",
            *lines,
            "-----END PGP PUBLIC KEY BLOCK-----",
            "",
        )
    )


def packets(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (type, body, whole packet); raise KeyRefused when the framing breaks."""
    at = 0
    while at < len(data):
        start, head = at, data[at]
        if not head & 0x80:
            raise KeyRefused("not an OpenPGP packet stream")
        try:
            if head & 0x40:
                kind, (length, at) = head & 0x3F, _new_length(data, at + 1)
            else:
                kind, (length, at) = (head >> 2) & 0x0F, _old_length(data, at + 1, head & 0x03)
        except IndexError:
            raise KeyRefused("a packet is cut off") from None
        if at + length > len(data):
            raise KeyRefused("a packet is cut off")
        yield kind, data[at : at + length], data[start : at + length]
        at += length


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    first = data[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return ((first - 192) << 8) + data[at + 1] + 192, at + 2
    if first < 255:
        raise KeyRefused("a key packet of partial length")
    return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5


def _old_length(data: bytes, at: int, size: int) -> tuple[int, int]:
    if size == 3:
        raise KeyRefused("a key packet of indeterminate length")
    width = 1 << size
    if at + width > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + width], "big"), at + width


def _fingerprint(body: bytes) -> str:
    """Return a key's fingerprint (RFC 9580, 5.5.4)."""
    version = body[0] if body else 0
    if version == 4:
        digest = hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False)
        return digest.hexdigest().upper()
    if version == 6:
        return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper()
    raise KeyRefused(f"a key of version {version}, which is not known")


def keys(data: bytes) -> tuple[Key, ...]:
    """Return every primary key of a keyring, in its order.

    Args:
        data: binary packets, or ASCII armour, as apt accepts both.

    Raises:
        KeyRefused: damaged, of an unknown version, without a key, or with a secret one.
    """
    if data.lstrip().startswith(b"-----BEGIN PGP"):
        data = dearmor(data.decode("ascii", "replace"))
    found: list[Key] = []
    for kind, body, whole in packets(data):
        if kind in _SECRET:
            raise KeyRefused("it holds a secret key")
        if kind == _PUBLIC_KEY:
            found.append(Key(_fingerprint(body), whole))
        elif not found:
            raise KeyRefused("it does not start with a public key")
        else:
            found[-1] = Key(found[-1].fingerprint, found[-1].packets + whole)
    if not found:
        raise KeyRefused("there is no public key in it")
    return tuple(found)


def pinned(text: str, fingerprint: str) -> str:
    """Return the one declared key of a text, armoured, without any other key that lies beside it.

    Args:
        text: ASCII-armoured public key file; vendors put expired and test keys into the same file.
        fingerprint: 40 hex digits, upper case.

    Raises:
        KeyRefused: the file is damaged or does not hold that key; both fingerprints are named.
    """
    found = keys(dearmor(text))
    for key in found:
        if key.fingerprint == fingerprint:
            return armor(key.packets)
    held = ", ".join(key.fingerprint for key in found)
    raise KeyRefused(f"declared is {fingerprint}, found is {held}")
