"""Host keys as a declaration pins them: OpenSSH public key lines that a client can read back.

A client reads all pins as one list of lines and may give up at a line that it cannot read, which
costs every host behind it its pin. So a line is taken apart here (RFC 4253, 6.6; RFC 5656, 3.1;
RFC 8709, 4) before it is accepted. Pure, and without a library for cryptography: importing one
takes longer (90 ms) than reading a whole fleet.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Final

from pydantic import AfterValidator

#: Curve of an ECDSA key -> bytes of a point on it: 0x04, x and y (SEC 1, 2.3.3).
_POINT: Final = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
_ECDSA: Final = "ecdsa-sha2-"
#: What the client can read back; others (DSA, security keys, certificates) are passed over there,
#: and the host would count as not pinned.
TYPES: Final = ("ssh-ed25519", "ssh-rsa", *(f"{_ECDSA}{curve}" for curve in _POINT))
#: Bits of the smallest RSA modulus that the client's library reads, and of ssh-keygen's largest.
_RSA_BITS: Final = (1024, 16_384)
#: `SHA256:...`, `MD5:...`, or the 16 pairs of an old ssh-keygen.
_FINGERPRINT: Final = re.compile(r"^(SHA\d+:|MD5:|([0-9a-f]{2}:){15}[0-9a-f]{2}$)", re.IGNORECASE)
#: Longest part of a wrong value that a message repeats, in characters.
_QUOTED: Final = 40


def _host_key(line: str) -> str:
    words = line.split()
    if not words or "\n" in line:
        raise ValueError("expected one OpenSSH public key line: ssh-ed25519 AAAA...")
    _refuse_another_form(words)
    kind = words[0]
    if len(words) == 1:
        raise ValueError(f"{kind} alone is no key: its base64 text is missing behind it")
    _check(kind, _decoded(words[1]))
    return line


def _refuse_another_form(words: list[str]) -> None:
    """Refuse what is no public key line at all, with the way to one."""
    first = words[0]
    if first in TYPES:
        return
    shown = f"{first[:_QUOTED]!r}"
    if printed := next(filter(_FINGERPRINT.match, words), ""):
        raise ValueError(
            f"{printed[:_QUOTED]!r} is a fingerprint, the key cannot be made from it; take it away "
            "here, and b70 bootstrap HOST --host-key FINGERPRINT pins the key that has it"
        )
    if first.startswith("@"):
        raise ValueError(f"{shown}: markers of known_hosts are not supported; pin the key itself")
    if any(word in TYPES for word in words[1:]):
        raise ValueError(
            f"{shown} stands before the key type: a pin is the line without the host's name "
            "(ssh-ed25519 AAAA...)"
        )
    if first.startswith("-----BEGIN"):
        raise ValueError("a block is no public key line; take the line of the .pub file")
    raise ValueError(f"{shown} is no key type that can be pinned ({', '.join(TYPES)})")


def _decoded(text: str) -> bytes:
    try:
        blob = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        blob = b""
    if not blob or base64.b64encode(blob).decode() != text:
        raise ValueError(
            f"{text[:_QUOTED]!r} is not the base64 text of a key, or only a part of it"
        )
    return blob


def _check(kind: str, blob: bytes) -> None:
    """Compare a key with what its type says about it."""
    fields = _fields(blob)
    named = fields[0].decode("ascii", "replace")
    if named != kind:
        raise ValueError(f"the line says {kind}, the key in it is of another type ({named!r})")
    if kind == "ssh-ed25519":
        good = len(fields) == 2 and len(fields[1]) == 32
    elif kind == "ssh-rsa":
        good = len(fields) == 3 and _is_rsa(*map(_integer, fields[1:]))
    else:
        curve = kind.removeprefix(_ECDSA)
        good = len(fields) == 3 and fields[1] == curve.encode() and _is_point(curve, fields[2])
    if not good:
        raise ValueError(f"the key is not as {kind} keys are: it was cut or changed")


def _fields(blob: bytes) -> list[bytes]:
    """Split a key into its fields, each behind its length in four bytes."""
    found = []
    at = 0
    while at < len(blob):
        end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
        if end > len(blob):
            raise ValueError("the key is cut off: copy the whole line")
        found.append(blob[at + 4 : end])
        at = end
    return found


def _integer(field: bytes) -> int:
    return int.from_bytes(field, "big", signed=True)


def _is_rsa(exponent: int, modulus: int) -> bool:
    odd = exponent % 2 == 1 and modulus % 2 == 1
    least, most = _RSA_BITS
    return odd and 3 <= exponent < modulus and least <= modulus.bit_length() <= most


def _is_point(curve: str, point: bytes) -> bool:
    return len(point) == _POINT[curve] and point[:1] == b"\x04"


#: One line of a .pub file: type, base64 text, perhaps a comment.
HostKey = Annotated[str, AfterValidator(_host_key)]
