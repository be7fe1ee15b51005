"""Whether a repository's declared key is the right one and still good, and where its next one is.

Pure; the caller says what time it is.
"""

from __future__ import annotations

from functools import lru_cache

from declaration.apt import AptSource
from declaration.openpgp import KeyRefused, keys, pinned
from declaration.openpgp_life import Life, life


def refused(source: AptSource, now: float) -> str:
    """Return why apt would refuse what a source's key has signed; empty when it would not.

    Args:
        now: seconds since 1970.
    """
    try:
        over = key_life(source).over(now)
    except KeyRefused as error:
        return str(error)
    return f"the key {over}: apt refuses what it signed; {newer(source)}" if over else ""


def newer(source: AptSource) -> str:
    """Return where a person gets the present key of a source."""
    declared = source.key
    place = declared.url or f"whoever runs {source.addresses[0]}"
    kept = f", save it as {declared.file}" if declared.file else ""
    return f"get the present one from {place}{kept}, and compare its fingerprint"


def key_life(source: AptSource) -> Life:
    """Return until when a source's declared key may be used.

    Raises:
        KeyRefused: it is damaged, or not the declared one.
    """
    return _life(source.key.armored, source.key.fingerprint)


@lru_cache(maxsize=64)
def _life(armored: str, fingerprint: str) -> Life:
    """Read a key once, however many hosts have it."""
    return life(keys(pinned(armored, fingerprint).encode())[0])
