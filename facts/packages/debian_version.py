"""Debian version comparison, as dpkg does it (deb-version(7)).

Pure. Must not know any package.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Final

#: epoch, upstream version, revision; dpkg's parseversion() accepts nothing else
_VERSION: Final = re.compile(r"(?:(\d+):)?(\d[A-Za-z0-9.+~:-]*?)(?:-([A-Za-z0-9.+~]+))?", re.ASCII)
_PIECES: Final = re.compile(r"([^0-9]*)([0-9]*)")


def version_compare(a: str, b: str) -> int:
    """Return -1, 0 or 1 as version `a` is older than, equal to or newer than `b`.

    Raises:
        ValueError: one of them is not a Debian version.
    """
    epoch_a, upstream_a, revision_a = _split(a)
    epoch_b, upstream_b, revision_b = _split(b)
    if epoch_a != epoch_b:
        return -1 if epoch_a < epoch_b else 1
    return _compare(upstream_a, upstream_b) or _compare(revision_a, revision_b)


def _split(version: str) -> tuple[int, str, str]:
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(f"{version!r} is not a Debian version")
    return int(match[1] or 0), match[2], match[3] or ""


def _order(char: str) -> int:
    """Rank of a character in a non-digit run: `~`, then the end, then letters, then the rest."""
    if char == "~":
        return -1
    if char == "":
        return 0
    return ord(char) if char.isalpha() else ord(char) + 256


def _compare(a: str, b: str) -> int:
    pieces = zip_longest(_PIECES.findall(a), _PIECES.findall(b), fillvalue=("", ""))
    for (text_a, digits_a), (text_b, digits_b) in pieces:
        for char_a, char_b in zip_longest(text_a, text_b, fillvalue=""):
            rank_a, rank_b = _order(char_a), _order(char_b)
            if rank_a != rank_b:
                return -1 if rank_a < rank_b else 1
        number_a, number_b = int(digits_a or 0), int(digits_b or 0)
        if number_a != number_b:
            return -1 if number_a < number_b else 1
    return 0
