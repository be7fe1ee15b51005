"""Fingerprints of OpenPGP public keys, read from the packets themselves.

Pure. No gpg is needed on the host or here: minimal systems have none, and gpg writes a home
directory when it is asked. Must not be used to verify anything: that is apt's work.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final

from facts.base import ParseError

_PUBLIC_KEY: Final = 6
_BLOCK: Final = re.compile(
    r"-----BEGIN PGP PUBLIC KEY BLOCK-----(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL
)


def fingerprints(data: bytes) -> tuple[str, ...]:
    """Return the fingerprints of the primary keys in a keyring, upper-case hex.

    Source: RFC 4880, 12.2; RFC 9580, 5.5.4.

    Args:
        data: binary packets or ASCII armour.

    Raises:
        ParseError: it is not a keyring, or it is cut off.
    """
    if data.lstrip().startswith(b"-----BEGIN PGP"):
        data = dearmor(data.decode("ascii", "replace"))
    found = []
    position = 0
    while position < len(data):
        tag, start, end = _packet(data, position)
        if tag == _PUBLIC_KEY:
            found.append(_fingerprint(data[start:end]))
        position = end
    if not found:
        raise ParseError("there is no public key in it")
    return tuple(found)


def dearmor(text: str) -> bytes:
    """Return the packets of all public-key blocks in a text; raise ParseError for none."""
    blocks = _BLOCK.findall(text)
    if not blocks:
        raise ParseError("there is no complete PGP public key block")
    out = b""
    for block in blocks:
        # armour headers, an empty line, base64, a checksum line that starts with "="
        lines = [line.strip() for line in block.strip("\r\n").split("\n")]
        body = lines[lines.index("") + 1 :] if "" in lines else [x for x in lines if ":" not in x]
        encoded = "".join(line for line in body if not line.startswith("="))
        try:
            out += base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ParseError(f"the armour is damaged: {error}") from error
    return out


def _packet(data: bytes, position: int) -> tuple[int, int, int]:
    """Return tag, start and end of the body of the packet at a position."""
    first = data[position]
    if not first & 0x80:
        raise ParseError("it is not a sequence of OpenPGP packets")
    if first & 0x40:
        tag, (length, size) = first & 0x3F, _new_length(data, position + 1)
    else:
        tag = (first & 0x3C) >> 2
        width = first & 0x03
        if width == 3:
            raise ParseError("a packet has no length")
        size = 1 << width
        length = int.from_bytes(data[position + 1 : position + 1 + size], "big")
    start = position + 1 + size
    end = start + length
    if end > len(data):
        raise ParseError("the last packet is cut off")
    return tag, start, end


def _new_length(data: bytes, position: int) -> tuple[int, int]:
    """Return the length written at a position, and the bytes it takes (RFC 4880, 4.2.2)."""
    first = data[position]
    if first < 192:
        return first, 1
    if first < 224:
        return ((first - 192) << 8) + data[position + 1] + 192, 2
    if first == 255:
        return int.from_bytes(data[position + 1 : position + 5], "big"), 5
    raise ParseError("a packet has a partial length")


def _fingerprint(body: bytes) -> str:
    version = body[0]
    if version == 4:
        digest = hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False)
        return digest.hexdigest().upper()
    if version == 6:
        return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper()
    raise ParseError(f"key version {version} is not known")
