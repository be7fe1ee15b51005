"""Which repository an address means, and where apt keeps its lists. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from facts.packages.apt_sources import AptSourceState, Source

#: Characters that apt writes as %xx in a list's name (apt-pkg/contrib/strutl.cc, URItoFileName).
_QUOTED: Final = '\\|{}[]<>"^~_=!@#$%&*'


@dataclass(frozen=True, slots=True)
class Repository:
    """A declared repository.

    Args:
        name: of the source.
        addresses: URIs as apt sees them.
        suites: suites.
        aliases: other addresses of the same content, in any suite.
    """

    name: str
    addresses: tuple[str, ...]
    suites: tuple[str, ...]
    aliases: tuple[str, ...] = ()


def same_place(uri: str) -> str:
    """Return an URI in the one spelling that all spellings of a repository share."""
    parts = urlsplit(uri)
    scheme = "http" if parts.scheme == "https" else parts.scheme
    return f"{scheme}://{parts.netloc.rpartition('@')[2].lower()}{parts.path.rstrip('/')}"


def meant(source: Source, repositories: Sequence[Repository]) -> str:
    """Return the name of the declared repository that an entry of apt also means, or empty."""
    places = {same_place(uri) for uri in source.uris}
    for repository in repositories:
        here = {same_place(uri) for uri in repository.addresses}
        suites = {suite.rstrip("/") for suite in source.suites}
        if places & here and suites & {suite.rstrip("/") for suite in repository.suites}:
            return repository.name
        if places & {same_place(uri) for uri in repository.aliases}:
            return repository.name
    return ""


def lists(repository: Repository) -> tuple[str, ...]:
    """Return the stems of the lists that apt has once it has read a repository."""
    return tuple(
        list_stem(address, suite)
        for address in repository.addresses
        for suite in repository.suites
        if not suite.endswith("/")  # flat repositories have no dists folder
    )


def list_stem(uri: str, suite: str) -> str:
    """Return the name of a suite's list without `_InRelease` or `_Release`."""
    parts = urlsplit(uri)
    place = f"{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}/dists/{suite}"
    quoted = re.sub(
        f"[{re.escape(_QUOTED)}\\x00-\\x20\\x7f-\\xff]",
        lambda match: f"%{ord(match[0]):02x}",
        place,
    )
    return quoted.replace("/", "_")


def unread(state: AptSourceState, repositories: Sequence[Repository]) -> tuple[str, ...]:
    """Return the lists that apt does not have."""
    there = {name.removesuffix("_InRelease").removesuffix("_Release") for name in state.lists}
    return tuple(
        stem for repository in repositories for stem in lists(repository) if stem not in there
    )
