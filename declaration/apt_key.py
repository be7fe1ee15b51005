"""Whether a repository's declared key is the right one and still good, and where its next one is.

Pure; the caller says what time it is.
"""

from __future__ import annotations

import shlex
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


def missing(source: AptSource, folder: str = "") -> str:
    """Return how to get the key of a source that has none; empty when it has one.

    Args:
        folder: where its file lies from where the person is, with a slash at the end.
    """
    declared = source.key
    if declared.armored:
        return ""
    if declared.file and declared.url:
        path, url = shlex.quote(f"{folder}{declared.file}"), shlex.quote(declared.url)
        return f"curl -fsS --create-dirs -o {path} {url}"
    place = f"save it as {folder}{declared.file}" if declared.file else "declare key.file"
    return f"get it from whoever runs {source.addresses[0]}, {place}"


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
