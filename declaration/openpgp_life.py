"""Until when an OpenPGP key may be used: apt refuses everything that an expired one has signed.

Reads dates and flags of the key's signatures on itself (RFC 9580, 5.2.3). It does not verify them:
whether a key is the right one is its fingerprint's promise, and apt verifies again. Pure; asks no
clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from declaration.openpgp import Key, KeyRefused, packets

#: Packet types (RFC 9580, 5).
_SIGNATURE: Final = 2
_PRIMARY: Final = 6
_SUBKEY: Final = 14
#: Signature types (RFC 9580, 5.2.1): what a key says about itself, and what it takes back.
_ON_A_NAME: Final = (0x10, 0x11, 0x12, 0x13)
_ON_ITSELF: Final = 0x1F
_REVOKED: Final = 0x20
_BINDING: Final = 0x18
_SUBKEY_REVOKED: Final = 0x28
#: Subpacket types (RFC 9580, 5.2.3.7).
_MADE: Final = 2
_EXPIRES: Final = 9
_ISSUER: Final = 16
_FLAGS: Final = 27
_ISSUER_FINGERPRINT: Final = 33
#: Key flag: may sign data (RFC 9580, 5.2.3.29).
_SIGNS: Final = 0x02


@dataclass(frozen=True, slots=True)
class Life:
    """When a key stops to be good for signing.

    Attributes:
        expires: seconds since 1970, None = never.
        revoked: when it was taken back, seconds since 1970; None = it was not.
    """

    expires: int | None
    revoked: int | None

    def over(self, now: float) -> str:
        """Return `expired on 2023-09-30` or `was revoked on ...`, empty while the key is good.

        Args:
            now: seconds since 1970.
        """
        if self.revoked is not None:
            return f"was revoked on {day(self.revoked)}"
        if self.expires is not None and self.expires <= now:
            return f"expired on {day(self.expires)}"
        return ""


def day(seconds: float) -> str:
    """Return the date (UTC) of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


@dataclass(slots=True)
class _Word:
    """The newest signature of one kind: seconds until the end of the key, and its flags."""

    made: int = -1
    lasts: int | None = None
    flags: int | None = None

    def take(self, signature: _Signature) -> None:
        """Take in a signature; of two the newer one counts."""
        if signature.made >= self.made:
            lasts, flags = signature.fields.get(_EXPIRES, b""), signature.fields.get(_FLAGS, b"")
            self.made = signature.made
            self.lasts = int.from_bytes(lasts, "big") or None
            self.flags = flags[0] if flags else None


@dataclass(slots=True)
class _Part:
    """A primary key or a subkey, and what is said about it."""

    created: int
    #: of the key as such, which comes first (for a subkey: its binding), and of its users' names
    own: _Word = field(default_factory=_Word)
    names: _Word = field(default_factory=_Word)
    revoked: int | None = None

    @property
    def expires(self) -> int | None:
        """Return when it ends, in seconds since 1970, None if never."""
        lasts = self.own.lasts or self.names.lasts
        return None if lasts is None else self.created + lasts

    @property
    def flags(self) -> int | None:
        """Return what it may be used for, None if nothing is said."""
        return self.names.flags if self.own.flags is None else self.own.flags


@dataclass(frozen=True, slots=True)
class _Signature:
    kind: int
    made: int
    fields: dict[int, bytes] = field(default_factory=dict)

    def is_by(self, fingerprint: str) -> bool:
        """Return True if it says that this key made it, or does not say who did."""
        if named := self.fields.get(_ISSUER_FINGERPRINT):
            return named[1:].hex().upper() == fingerprint
        issuer = self.fields.get(_ISSUER)
        digits = fingerprint[-16:] if len(fingerprint) == 40 else fingerprint[:16]
        return issuer is None or issuer.hex().upper() == digits


def life(key: Key) -> Life:
    """Return until when a key may sign.

    Raises:
        KeyRefused: a packet of it is damaged.
    """
    try:
        primary, subkeys = _parts(key)
    except IndexError:
        raise KeyRefused("a signature of the key is cut off") from None
    if primary.flags is None or primary.flags & _SIGNS or primary.revoked is not None:
        return Life(primary.expires, primary.revoked)
    # it only certifies: what signs is a subkey, and the last of them decides
    ends = [sub.expires for sub in subkeys if sub.revoked is None and (sub.flags or 0) & _SIGNS]
    if not ends or None in ends:
        return Life(primary.expires, None)
    last = max(end for end in ends if end is not None)
    return Life(last if primary.expires is None else min(last, primary.expires), None)


def _parts(key: Key) -> tuple[_Part, list[_Part]]:
    primary = _Part(0)
    subkeys: list[_Part] = []
    for kind, body, _ in packets(key.packets):
        if kind == _PRIMARY:
            primary = _Part(int.from_bytes(body[1:5], "big"))
        elif kind == _SUBKEY:
            subkeys.append(_Part(int.from_bytes(body[1:5], "big")))
        elif kind == _SIGNATURE and (signature := _signature(body)) is not None:
            _apply(signature, key.fingerprint, primary, subkeys[-1] if subkeys else None)
    return primary, subkeys


def _apply(signature: _Signature, fingerprint: str, primary: _Part, subkey: _Part | None) -> None:
    if not signature.is_by(fingerprint):
        return  # somebody else's word
    if signature.kind == _ON_ITSELF:
        primary.own.take(signature)
    elif signature.kind in _ON_A_NAME:
        primary.names.take(signature)
    elif signature.kind == _REVOKED:
        primary.revoked = signature.made
    elif subkey is not None and signature.kind == _BINDING:
        subkey.own.take(signature)
    elif subkey is not None and signature.kind == _SUBKEY_REVOKED:
        subkey.revoked = signature.made


def _signature(body: bytes) -> _Signature | None:
    """Return a signature of version 4 or 6; older ones carry no dates of keys."""
    if body[0] not in (4, 6):
        return None
    width = 2 if body[0] == 4 else 4
    hashed = int.from_bytes(body[4 : 4 + width], "big")
    start = 4 + width
    rest = start + hashed
    unhashed = int.from_bytes(body[rest : rest + width], "big")
    fields = dict(_subpackets(body[start:rest]))
    # only who made it may stand outside of what is signed
    for kind, value in _subpackets(body[rest + width : rest + width + unhashed]):
        if kind == _ISSUER:
            fields.setdefault(kind, value)
    return _Signature(body[1], int.from_bytes(fields.get(_MADE, b""), "big"), fields)


def _subpackets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (type, value) of each subpacket (RFC 9580, 5.2.3.7)."""
    at = 0
    while at < len(data):
        first = data[at]
        if first < 192:
            length, at = first, at + 1
        elif first < 255:
            length, at = ((first - 192) << 8) + data[at + 1] + 192, at + 2
        else:
            length, at = int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
        if not length or at + length > len(data):
            raise IndexError
        yield data[at] & 0x7F, data[at + 1 : at + length]
        at += length
