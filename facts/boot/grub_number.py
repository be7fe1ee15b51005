"""Numbers as GRUB reads them out of a text: grub_strtoul with base 0. Pure."""

from __future__ import annotations

from typing import Final

_LARGEST: Final = (1 << 64) - 1
_DIGITS: Final = "0123456789abcdef"
_OCTAL: Final = tuple("01234567")


def strtoul(text: str) -> tuple[int, int]:
    """Return the number that a text begins with, and how many characters it takes; 0, 0 for none.

    `0x` begins a hexadecimal number, `0` with another octal digit an octal one; what follows the
    number does not matter. One that is too large for GRUB is the largest.
    """
    at = len(text) - len(text.lstrip(" \t\n\r\v\f"))
    base = 10
    if text[at : at + 2] == "0x":
        at, base = at + 2, 16
    elif text[at : at + 1] == "0" and text[at + 1 : at + 2] in _OCTAL:
        base = 8
    start, value = at, 0
    while at < len(text):
        digit = _DIGITS.find(text[at].lower())
        if not 0 <= digit < base:
            break
        value = min(value * base + digit, _LARGEST)
        at += 1
    return (value, at) if at > start else (0, 0)
